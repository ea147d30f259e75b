"""The rule by which claims agree, by hand and on simulated runs; and comparisons of runs."""

import numpy as np
import pandas as pd
import pytest
from helpers.samples import change, group_runs, make_numbers, make_runs
from scipy import stats

from mnist_rnn.analysis import comparisons, verdicts
from mnist_rnn.analysis.tables import tabulate_runs
from mnist_rnn.config import Configuration

pytestmark = pytest.mark.quick

FIVE = 100 - 2 * np.exp([0.2, 0.1, 0, -0.1, -0.2])  # accuracies in percent, 98 in the middle


def test_runs_that_are_all_alike_agree_with_what_rounds_to_them():
    numbers = make_numbers(0.05, test_accuracy=[97.9, 97.8, 97.7, 98.0])
    p = verdicts.find_p(numbers, make_runs(test_accuracy=[97.85] * 3))["test_accuracy"]
    assert (p > 0.05).tolist() == [True, True, False, False]


def test_runs_without_an_error():
    p = verdicts.find_p(
        make_numbers(test_accuracy=[100.0]), make_runs(test_accuracy=[100.0, 99.99, 99.98])
    )
    assert 0 < p["test_accuracy"].item() < 1


def test_the_rule_by_hand():
    answers = [verdicts.agrees(p, claims=10) for p in (0.05, 0.049, 0.0051, 0.0049, np.nan)]
    assert answers == ["agrees", "in doubt", "in doubt", "contradicted", "too few runs"]
    assert verdicts.agrees(0.0056, claims=9) == "in doubt"


def test_a_near_miss_that_was_published_too_is_no_near_miss():
    kinds = {"configuration": [*"abb"], "kind": ["run", "run", "near_miss"]}
    numbers = make_numbers(**kinds, test_accuracy=[98.0, 98.0, np.nan])
    judged = verdicts.judge_claims(numbers, group_runs(a=FIVE, b=FIVE))
    assert judged["also_agree"].tolist() == [["b"], ["a"]]
    assert judged["near_misses"].tolist() == [[], []]


@pytest.mark.parametrize("seeds", [5, 10])
def test_true_claims_are_refused_at_the_level_of_the_rule(seeds):
    """100 times as many runs, and for each 100 true claims of two numbers."""
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(100):
        runs, numbers = (
            make(
                test_accuracy=100 - 2 * np.exp(rng.normal(0, 0.1, n)),
                mean_log_loss=rng.normal(-3, 0.1, n),
            )
            for make, n in ((make_runs, seeds), (make_numbers, 100))
        )
        refused += (verdicts.combine(verdicts.find_p(numbers, runs)) < 0.05).tolist()
    assert 0.035 <= np.mean(refused) <= 0.06


def test_numbers_outside_of_all_runs_by_hand():
    """Half a unit beyond the last run is inside; b has too few runs to tell."""
    low, high = FIVE.min(), FIVE.max()
    ends = [low - 0.06, low - 0.05, high + 0.04, high + 0.06, high + 0.07, 50.0]
    numbers = make_numbers(0.05, configuration=[*"aaaaab"], test_accuracy=ends)
    counted = verdicts.count_outside(numbers, group_runs(a=FIVE, b=FIVE[:2]))
    found = {"outside": 3, "better": 2, "numbers": 5, "expected": pytest.approx(5 * 2 / 6)}
    assert counted.to_dict() == found


def test_a_lower_loss_is_the_better_one():
    losses = make_numbers(test_loss=[0.04, 0.05, 0.07, 0.09])
    counted = verdicts.count_outside(losses, make_runs(test_loss=[0.06, 0.07, 0.08]))
    assert counted[["outside", "better"]].tolist() == [3, 2]


def test_wrong_configurations_and_true_claims():
    """Of three distinct configurations, each wrong one is contradicted, each true claim agrees."""
    rng = np.random.default_rng(0)
    means = [98.0, 95.0, 92.0]
    a, b, c = (rng.normal(mean, 0.1, 10) for mean in means)
    runs = group_runs(a=a, b=b, c=c)
    numbers = make_numbers(configuration=["a", "b", "c"], test_accuracy=means)
    wrong = verdicts.judge_wrong_configurations(numbers, runs)
    assert wrong.melt()["value"].dropna().tolist() == ["contradicted"] * 6
    assert [wrong.loc[f"claim-{i}", name] is np.nan for i, name in enumerate("abc")] == [True] * 3
    simulated = verdicts.simulate_true_claims(numbers, runs)
    assert len(simulated) == simulated["run"].nunique() == 30
    assert (simulated["agrees"] == "agrees").mean() >= 0.93
    alike = verdicts.judge_wrong_configurations(numbers, group_runs(a=a, b=b + 3, c=c))
    assert alike.loc["claim-0", "b"] == "agrees"
    assert verdicts.judge_wrong_configurations(numbers, group_runs(a=a, b=b[:2]))["b"].isna().all()
    # Three runs are too few for one of them to be judged by the others.
    few = verdicts.simulate_true_claims(numbers, group_runs(a=a[:3], b=b, c=c))
    assert few["claim"].unique().tolist() == ["claim-1", "claim-2"]


@pytest.mark.parametrize(
    ("gap", "result"),
    [
        (0.0, "equivalent"),
        (-0.02, "equivalent"),
        (0.06, "inconclusive"),
        (0.087, "inconclusive"),  # the 90% interval leaves out zero, the 95% interval does not
        (0.5, "different"),
    ],
)
def test_equivalence_by_hand(gap, result):
    """Twice 41 runs with a variance of 0.04; Student's t, 0.95, is 1.664 for 80 degrees."""
    theirs = pd.Series([97.8, 98.2] * 20 + [98.0])
    runs = group_runs(a=theirs + gap, b=theirs, c=theirs[:2])
    table = comparisons.compare_configurations(
        runs, {"ab": ("a", "b"), "ac": ("a", "c"), "ad": ("a", "d")}
    )
    row, reach = table.loc["ab"], 1.664 * np.sqrt(2 * 0.04 / 41)
    assert table["result"].tolist() == [result, "too few runs", "too few runs"]
    assert table["other_runs"].tolist() == [41, 2, 0]
    assert row["difference"] == pytest.approx(gap)
    assert row["interval_low"] == pytest.approx(gap - reach, abs=0.0001)
    assert row["interval_high"] == pytest.approx(gap + reach, abs=0.0001)


@pytest.mark.parametrize(("number", "lowest"), [(20, 0.03), (60, 0.6)])
def test_the_power_to_show_an_equivalence_is_as_often_as_it_is_shown(number, lowest):
    """By Welch's test of runs that are drawn one by one, with the two groups' spreads."""
    rng, spreads = np.random.default_rng(1), (0.14, 0.2)
    alike = stats.zscore(np.arange(number), ddof=1)
    power = comparisons.compare_means(*(pd.Series(98 + sd * alike) for sd in spreads))["power"]
    drawn = [rng.normal(98, sd, (4000, number)) for sd in spreads]
    low, high = stats.ttest_ind(*drawn, axis=1, equal_var=False).confidence_interval(0.90)
    shown = np.mean((low > -0.1) & (high < 0.1))
    assert lowest < shown < 0.9
    assert power == pytest.approx(shown, abs=0.03)


def test_runs_from_the_same_start_are_compared_by_seed(make_record):
    """Ours have 150 test errors after each epoch and a loss of 0.5; seed 3 is only theirs."""
    records = [make_record(150, seed=seed) for seed in (7, 0)]
    records += [make_record(150, seed=seed, code="seeded") for seed in (0, 3, 7)]
    values = {"test_errors": [150] * 18 + [151, 140], "loss": [0.5] * 19 + [0.625]}
    records[-1] = change(records[-1], "history", **values)
    runs = tabulate_runs(records)
    table = comparisons.compare_seeds(runs, Configuration().name, "seeded")
    expected = {
        "our_test_errors": [150, 150], "their_test_errors": [150, 140], "epochs": [20, 20],
        "same_errors": [20, 18], "loss_apart": [0, 0.125],
    }  # fmt: skip
    assert table.to_dict("list") == expected
    assert table.index.tolist() == [0, 7]
    none = comparisons.compare_seeds(runs, Configuration().name, "keras")
    assert (none.empty, none.columns.tolist()) == (True, list(expected))


def test_a_fall_of_exactly_half_a_point_counts(make_record):
    records = [make_record(804, epochs=2, seed=seed) for seed in (0, 1)]
    for record, before in zip(records, (754, 755), strict=True):
        record.history.test_errors[0] = before
    runs = tabulate_runs(records)
    accuracies = comparisons.find_accuracies(runs)
    assert accuracies.round(9).tolist() == [[92.46, 91.96], [92.45, 91.96]]
    assert comparisons.find_falls(accuracies).tolist() == [[True], [False]]
    row = comparisons.summarize_configurations(runs).iloc[0]
    assert row[["runs", "mean", "sd", "falls"]].tolist() == [2, 91.96, 0, 50]
    assert comparisons.find_accuracies(runs[:0]).shape == (0, 1)
