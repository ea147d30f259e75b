"""Test the statistics with hand-computed examples and simulated runs."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from helpers.samples import change, make_claim, make_runs

from mnist_rnn.analysis.statistics import (
    combine_ranks,
    compare_means,
    compare_numbers,
    compare_seeds,
    find_interval,
    measure_claim,
    measure_runs,
    rank_jointly,
    split_spread,
)
from mnist_rnn.analysis.tables import tabulate_runs
from mnist_rnn.config import Configuration

pytestmark = pytest.mark.quick

FIVE = 100 - 2 * np.exp([0.2, 0.1, 0, -0.1, -0.2])  # accuracies in percent, with median 98


def test_prediction_interval_equals_a_hand_computed_interval():
    """Use five runs, for which Student's t is 2.776 and the variance of the logs is 0.1 / 4."""
    reach = 2.776 * np.sqrt(0.025 * (1 + 1 / 5))
    expected = 100 - 2 * np.exp(reach), 100 - 2 * np.exp(-reach)
    assert find_interval("test_accuracy", pd.Series(FIVE)) == pytest.approx(expected, abs=1e-3)
    low, high = find_interval("test_accuracy", pd.Series(FIVE), 0.05)
    assert (low, high) == pytest.approx((expected[0] - 0.05, expected[1] + 0.05), abs=1e-3)
    losses = pd.Series(2 * np.exp([0.2, 0.1, 0, -0.1, -0.2]))
    ends = 2 * np.exp(-reach), 2 * np.exp(reach)
    assert find_interval("test_loss", losses) == pytest.approx(ends, abs=1e-3)


@pytest.mark.parametrize("n", [3, 10, 40])
def test_prediction_interval_covers_95_percent_of_further_runs(n):
    random = np.random.default_rng(n)
    drawn = 100 - 2 * np.exp(random.normal(0, 0.1, (4000, n + 1)))
    ends = np.array([find_interval("test_accuracy", pd.Series(row[:-1])) for row in drawn])
    inside = (ends[:, 0] <= drawn[:, -1]) & (drawn[:, -1] <= ends[:, 1])
    assert inside.mean() == pytest.approx(0.95, abs=0.011)


def test_two_runs_have_no_prediction_interval():
    assert np.isnan(find_interval("test_accuracy", pd.Series(FIVE[:2]))).all()
    claim = make_claim(test_accuracy=98.0)
    assert compare_numbers(claim, make_runs(FIVE[:2])).empty
    assert len(compare_numbers(claim, make_runs(FIVE[:3]))) == 1


@pytest.mark.parametrize(("errors", "end"), [((1, 60, 100), 0), ((0, 0.01, 1), 100)])
def test_prediction_interval_of_an_accuracy_stays_between_0_and_100_percent(errors, end):
    low, high = find_interval("test_accuracy", 100 - pd.Series(errors), 0.05)
    assert end in (low, high)
    assert 0 <= low < high <= 100


def test_prediction_interval_of_a_loss_has_no_upper_limit():
    assert find_interval("test_loss", pd.Series([50.0, 100, 200]))[1] > 200


def test_each_published_number_has_its_own_prediction_interval():
    claim = make_claim(losses=(0.9, 0.4), test_accuracy=98.0, train_accuracy=90.0, test_loss=0.3)
    losses = np.outer([0.9, 1, 1.1], [1, 0.5])
    found = compare_numbers(claim, make_runs(FIVE[1:4], losses, test_loss=[0.1, 0.11, 0.12]))
    assert found["published"].to_dict() == {
        "test_accuracy": 98.0, "last_epoch_accuracy": 90.0, "test_loss": 0.3,
        "first_epoch_loss": 0.9, "mean_loss": pytest.approx(0.6),
    }  # fmt: skip
    assert found["inside"].tolist() == [True, True, False, True, True]
    for number, values in {
        "first_epoch_loss": losses[:, 0],
        "test_loss": [0.1, 0.11, 0.12],
    }.items():
        ends = find_interval(number, pd.Series(values), 0.00005)
        assert found.loc[number, ["low", "high"]].tolist() == pytest.approx(ends)
    ends = find_interval("mean_loss", pd.Series(np.sqrt(losses.prod(axis=1))))
    assert found.loc["mean_loss", ["low", "high"]].tolist() == pytest.approx(ends)


def test_measures_are_taken_after_the_given_number_of_epochs():
    runs = make_runs([[90.0, 95.0]], [[0.5, 0.125]], accuracy_by_epoch=[(0.8, 0.9)])
    expected = [[90.0, 80.0, np.nan, 0.5, 0.5], [95.0, 90.0, 0.125, 0.5, 0.25]]
    for epochs, values in enumerate(expected, 1):
        np.testing.assert_allclose(measure_runs(runs, epochs).iloc[0].to_list(), values)
    claim = make_claim(losses=(0.5, 0.125), test_accuracy=95.0)
    assert measure_claim(claim, 1)["published"].to_dict() == {
        "first_epoch_loss": 0.5,
        "mean_loss": 0.5,
    }


def test_joint_rank_equals_a_hand_computed_rank():
    """Use runs with equal accuracies, and with losses whose logarithms are 1, 2 and 3."""
    losses = np.exp([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    runs = make_runs([98.0] * 3, losses)
    for published, place in ((3.9, 2), (9.0, 1), (2.2, 3)):
        claim = make_claim(losses=tuple(np.exp([published] * 2)), test_accuracy=98.0)
        assert rank_jointly(claim, runs) == (place, 4)


def test_joint_rank_counts_deviations_in_standard_deviations_of_each_number():
    """Use losses whose logarithms have standard deviations near 0.01 and 10."""
    runs = make_runs([98.0] * 3, np.exp([[0.00, -10.0], [0.01, 0.0], [0.02, 10.0]]))
    claim = make_claim(losses=(np.exp(0.1), 1.0), test_accuracy=98.0)
    assert rank_jointly(claim, runs) == (1, 4)


def test_joint_ranks_are_uniformly_distributed():
    """Simulate runs with correlated and skewed numbers. One run is the published result."""
    random, places = np.random.default_rng(0), []
    for _ in range(300):
        shared = random.exponential(0.1, (20, 1))
        losses = np.exp(shared + random.normal(0, 0.01, (20, 2)))
        accuracies = 98 - shared[:, 0] + random.normal(0, 0.01, 20)
        claim = make_claim(losses=tuple(losses[0]), test_accuracy=accuracies[0])
        places.append(rank_jointly(claim, make_runs(accuracies[1:], losses[1:]))[0])
    assert np.mean(places) == pytest.approx(21 / 2, abs=1)
    assert np.mean(np.array(places) == 1) == pytest.approx(1 / 20, abs=0.04)


def test_difference_of_two_means_equals_a_hand_computed_difference():
    """Use two groups of 41 runs with variance 0.04, for which Student's t is 1.990."""
    theirs = pd.Series([97.8, 98.2] * 20 + [98.0])
    found, reach = compare_means(theirs + 0.3, theirs), 1.990 * np.sqrt(2 * 0.04 / 41)
    expected = {"difference": 0.3, "low": 0.3 - reach, "high": 0.3 + reach}
    assert found == pytest.approx(expected, abs=1e-4)


def test_difference_of_two_means_allows_unequal_variances():
    """Use means with variances 1 and 2. Welch's degrees of freedom are 3² / (1²/2 + 2²/1) = 2.

    Student's t is then 4.303, and not 3.182 as with one variance and three degrees of freedom.
    """
    first, second = pd.Series([-(3**0.5), 0, 3**0.5]), pd.Series([0, 8**0.5])
    reach = 4.303 * 3**0.5
    expected = {"difference": -(2**0.5), "low": -(2**0.5) - reach, "high": -(2**0.5) + reach}
    assert compare_means(first, second) == pytest.approx(expected, abs=1e-3)


def test_runs_from_the_same_initial_weights_are_compared_seed_by_seed(make_record):
    """Check also that seed 3 is left out, because our code has no run with seed 3."""
    records = [make_record(150, seed=seed) for seed in (7, 0)]
    records += [make_record(150, seed=seed, code="seeded") for seed in (0, 3, 7)]
    values = {"test_errors": [150] * 18 + [151, 140], "loss": [0.5] * 19 + [0.625]}
    records[-1] = change(records[-1], "history", **values)
    runs = tabulate_runs(records)
    table = compare_seeds(runs, Configuration().name, "seeded")
    expected = {"epochs": [20, 20], "same_errors": [20, 18], "loss_apart": [0, 0.125]}
    assert table.to_dict("list") == expected
    assert table.index.tolist() == [0, 7]


def test_the_product_of_ranks_has_its_exact_distribution():
    """Compare with all orders of three runs and one or two results, and with Pearson's 1/n."""
    assert combine_ranks([([1], 41)]) == pytest.approx(1 / 41)
    for ranks in itertools.product(range(1, 5), repeat=2):
        orders = list(itertools.permutations(range(5)))  # 0 and 1 are the results
        products = [
            math.prod(1 + sum(order[run] < order[each] for run in (2, 3, 4)) for each in (0, 1))
            for order in orders
        ]
        expected = np.mean(np.array(products) <= math.prod(ranks))
        assert combine_ranks([(list(ranks), 4)]) == pytest.approx(expected)


def test_the_parts_of_simulated_spread_are_found():
    """Draw runs with a stable part, a part by epoch, and images of equal difficulty."""
    random, n = np.random.default_rng(0), 5000
    ends = 98 + random.normal(0, 0.1, (n, 1)) + random.normal(0, 0.2, (n, 6)) + np.arange(6) / 25
    mistakes = [tuple(np.flatnonzero(random.random(1000) < 0.2)) for _ in range(n)]
    parts = split_spread(make_runs(ends, np.full((n, 6), 0.5), mistakes=mistakes))
    expected = {"last epoch, between runs": 0.05**0.5, "last epochs, within a run": 0.2,
                "last epochs, lasting": 0.1, "test images": (1000 * 0.16) ** 0.5 / 100,
                "correlation of two epochs": 0.2, "rise per epoch": 0.04}  # fmt: skip
    assert {name: parts[name] for name in expected} == pytest.approx(expected, abs=0.03)
    assert parts["mean of best epochs"] > 98.2
