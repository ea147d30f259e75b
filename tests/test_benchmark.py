"""What the benchmark makes of its measurements; the measuring itself is `make benchmark`."""

import pandas as pd
import pytest
from report_speed import FOLDER, compare, describe, read_measurements
from speed import DEFAULT, main, plan


def test_seconds_are_extrapolated_to_twenty_epochs(tmp_path):
    """The first epoch and 19 times the mean of the others; the mean of two runs at once."""
    laps = {"one run": "3.0 1.0 2.0", "sweep": "3.0 1.0 1.0 5.0 3.0 3.0", "layers": "9.0 1.0 3.0"}
    rows = [DEFAULT | {"section": name, "epoch_seconds": laps[name]} for name in laps]
    rows = [row | {"contender": "original", "units": 16} for row in rows]
    rows[1] |= {"runs": 2, "cores": 1}
    pd.DataFrame(rows).to_csv(tmp_path / "benchmark.csv")
    table = read_measurements(tmp_path / "benchmark.csv")
    assert table[["measured", "value"]].to_numpy().tolist() == [
        ["a run", 3 + 19 * 1.5],
        ["runs an hour", 3600 / 31.5],
        ["runs an hour", 2 * 3600 / 42],
        ["an epoch, units 16", 2],
    ]


def test_ours_is_compared_within_each_round():
    """0.5 in the first round, 0.8 in the second, 0.9 in the third: the median of the ratios."""
    seconds = {"ours": [1, 4, 9], "jax": [2, 5, 10]}
    table = pd.DataFrame(seconds, index=[1, 2, 3]).rename_axis("round").reset_index()
    table = table.melt("round", var_name="contender")
    table = table.assign(measured="a run", peak_memory_mb=1, test_accuracy=0.9)
    assert compare(table).loc["a run", "jax"].tolist() == [5, 2, 10, 3, 0.8, 1, 0.9]


def test_contenders_take_turns():
    rows = list(plan(rounds=2, contenders=["original", "ours", "jax", "before"]))
    turns = [row["contender"] for row in rows if row["section"] == "one run"]
    assert turns == ["original", "ours", "jax", "before"] * 2
    turns = [row["contender"] for row in rows if row["units"] == 16]
    assert turns == ["original", "ours", "before"] * 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--peers", "no/python"], "peers: expected a Python that has JAX and PyTorch, got no/pyt"),
        (["--before", "nowhere"], "before: expected a checkout of this repository, got nowhere"),
        (["--rounds", "0"], "rounds: expected 1 or more, got 0"),
        (["--before", "."], "expected peers, 5 rounds and no before, or MNIST_RNN_RESULTS"),
    ],
)
def test_bad_options_are_refused_before_anything_is_measured(words, told, monkeypatch, capsys):
    monkeypatch.delenv("MNIST_RNN_RESULTS", raising=False)
    monkeypatch.setattr("sys.argv", ["speed.py", *words])
    monkeypatch.setattr("speed.plan", None)
    with pytest.raises(SystemExit):
        main()
    assert told in capsys.readouterr().err


def test_the_committed_tables_are_those_of_the_committed_measurements():
    assert (FOLDER / "README.md").read_text() == describe(FOLDER)
