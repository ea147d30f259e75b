"""What the benchmark makes of its measurements; the measuring itself is `make benchmark`."""

import json

import numpy as np
import pandas as pd
import pytest
from report_speed import compare, describe, read_measurements, share_step
from speed import plan
from speed_figure import fit_growth

from mnist_rnn.environment import Environment
from mnist_rnn.paths import COMMITTED


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


def test_growth_is_found():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    for y, power, expected in (
        (3 + 2 * x, False, "straight line, R² 1.0000"),
        (5 * x**2, True, "power 2.00, R² 1.0000"),
    ):
        law, fitted = fit_growth(x, y, power)
        assert law == expected
        np.testing.assert_allclose(fitted, y)


def test_a_step_is_shared_out():
    """100 steps in 2 seconds: 20 ms a step, of which the profiler saw 18 in operations."""
    operations = {"_MklMatMul": 1.0, "_MklNativeFusedMatMul": 0.4, "Tanh": 0.1, "TanhGrad": 0.1}
    operations |= {"AddN": 0.1, "AddV2": 0.05, "ConcatV2": 0.05}
    profile = {"train_size": 12_800, "batch_size": 128, "epoch": 2.0}
    profile["operation_seconds"] = json.dumps(operations)
    shares = share_step(pd.DataFrame([profile]))
    assert shares["milliseconds"].tolist() == [14, 2, 1, 1, 2]
    assert shares["percent"].tolist() == [70, 10, 5, 5, 10]


def test_contenders_take_turns():
    one_run = [m for m in plan(rounds=2, epochs=20) if m["section"] == "one run"]
    assert [m["contender"] for m in one_run] == ["original", "ours", "jax", "pytorch"] * 2
    assert {m["epochs"] for m in one_run} == {20}


def test_the_committed_tables_are_those_of_the_committed_measurements():
    machine = (COMMITTED / "benchmark.json").read_text()
    table = read_measurements(COMMITTED / "benchmark.csv")
    text = describe(table, Environment.model_validate_json(machine))
    assert (COMMITTED / "benchmark.md").read_text() == text + "\n"
