"""Test how `make benchmark` measures training times and compares them."""

import pandas as pd
import pytest
from report_speed import FOLDER, compare, describe, read_measurements, say
from speed import DEFAULT, main


def test_the_training_time_is_extrapolated_to_twenty_epochs(tmp_path):
    """Expect the time of the first epoch plus 19 times the mean time of the later epochs."""
    laps = {"one run": "3.0 1.0 2.0", "two runs at once": "3.0 1.0 1.0 5.0 3.0 3.0"}
    rows = [DEFAULT | {"section": name, "epoch_seconds": laps[name]} for name in laps]
    rows = [row | {"contender": "original", "round": 1, "units": 16} for row in rows]
    rows[1] |= {"runs": 2, "cores": 1}
    pd.DataFrame(rows).to_csv(tmp_path / "benchmark.csv")
    table = read_measurements(tmp_path / "benchmark.csv")
    assert table[["measured", "seconds"]].to_numpy().tolist() == [
        ["one run", 3 + 19 * 1.5],
        ["two runs at once", (3 + 19 + 5 + 57) / 2],
    ]


def test_training_times_are_compared_within_each_round():
    """The ratios in three rounds are 0.5, 0.8 and 0.9, so expect the median 0.8."""
    seconds = {"ours": [1, 4, 9], "jax": [2, 5, 10]}
    table = pd.DataFrame(seconds, index=[1, 2, 3]).rename_axis("round").reset_index()
    table = table.melt("round", var_name="contender", value_name="seconds")
    table = table.assign(measured="one run")
    assert compare(table).loc["one run"].tolist() == [4, "0.80 (0.50 to 0.90)"]
    assert say(table) == "our training time is 0.80 times JAX's"


def test_a_part_of_the_benchmark_does_not_replace_the_committed_one(monkeypatch, capsys):
    monkeypatch.delenv("MNIST_RNN_RESULTS", raising=False)
    monkeypatch.setattr("sys.argv", ["speed.py", "--before", "."])
    monkeypatch.setattr("speed.plan", None)
    with pytest.raises(SystemExit):
        main()
    assert "expected --peers, at least 5 rounds and no --before." in capsys.readouterr().err


def test_the_committed_tables_follow_from_the_committed_measurements():
    assert (FOLDER / "README.md").read_text() == describe(FOLDER)
