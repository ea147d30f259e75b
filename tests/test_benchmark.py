"""What the benchmark makes of its measurements; the measuring itself is `make benchmark`."""

import numpy as np
import pandas as pd
import pytest
from report_speed import FOLDER, compare, describe, describe_code, read_machines, read_measurements
from speed import main, plan


def test_seconds_are_reckoned_up_to_twenty_epochs(tmp_path):
    """The first epoch and 19 times the mean of the others; the mean of two runs at once."""
    rows = [
        {"runs": 1, "cores": 2, "epoch_seconds": "3.0 1.0 2.0", "writing_seconds": 0.06},
        {
            "runs": 2,
            "cores": 1,
            "epoch_seconds": "3.0 1.0 1.0 5.0 3.0 3.0",
            "writing_seconds": None,
        },
        {"runs": 1, "cores": 2, "epoch_seconds": None, "writing_seconds": None},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "benchmark.csv")
    one, two, none = read_measurements(tmp_path / "benchmark.csv").to_dict("records")
    assert (one["seconds"], one["epoch"], one["writing"]) == (3 + 19 * 1.5, 1.5, pytest.approx(1))
    assert one["slowest"] == pytest.approx(2 / 1.5)
    assert (two["seconds"], two["epoch"], two["slowest"]) == (42, 2, 1)
    assert (one["per_hour"], two["per_hour"]) == (3600 / 31.5, 2 * 3600 / 42)
    assert np.isnan(none["seconds"])


def test_ours_is_compared_within_each_round():
    """0.5 in the first round, 0.8 in the second, 0.9 in the third: the median of the ratios."""
    seconds = {"ours": [1, 4, 9], "jax": [2, 5, 10]}
    table = pd.DataFrame(seconds, index=[1, 2, 3]).rename_axis("round").reset_index()
    table = table.melt("round", var_name="contender", value_name="seconds")
    assert compare(table, "seconds").loc["jax"].tolist() == [5, 2, 10, 3, 0.8]


def test_contenders_take_turns():
    one_run = [m for m in plan(rounds=2, epochs=20) if m["section"] == "one run"]
    assert [m["contender"] for m in one_run] == ["original", "ours", "jax", "pytorch"] * 2
    assert {m["epochs"] for m in one_run} == {20}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "peers: expected a Python that has JAX and PyTorch, got nowhere/python"),
        (
            ["--rounds", "4"],
            "rounds and epochs: expected at least 5 and 4, got 4 and 4; fewer",
        ),
    ],
)
def test_bad_options_are_refused_before_anything_is_measured(words, told, monkeypatch, capsys):
    monkeypatch.delenv("MNIST_RNN_RESULTS", raising=False)
    monkeypatch.setattr("sys.argv", ["speed.py", "--peers", "nowhere/python", *words])
    monkeypatch.setattr("speed.plan", None)
    with pytest.raises(SystemExit):
        main()
    assert told in capsys.readouterr().err


def test_the_committed_tables_are_those_of_the_committed_measurements():
    assert (FOLDER / "README.md").read_text() == describe(read_machines()) + "\n"


def test_the_page_says_of_which_training_step_it_is(environment):
    assert describe_code(environment) == "with the training step as it stands"
    older = environment.model_copy(update={"code_sha256": "0" * 64})
    assert describe_code(older) == "before the training step was changed"
