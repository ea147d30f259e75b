"""Compute statistics of runs and published results by the formulas in docs/data-dictionary.md."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.config import TEST_SIZE

FEWEST = 3  # the smallest number of runs for a prediction interval
RANKED = 40  # the smallest number of runs for the rank test
LAST = 5  # the number of last epochs whose test accuracies are compared within runs
MEASURES = {  # the columns of results, and their names in texts
    "test_accuracy": "test accuracy",
    "last_epoch_accuracy": "training accuracy",
    "test_loss": "test loss",
    "first_epoch_loss": "first epoch's loss",
    "mean_loss": "mean loss",
}


def split(table: pd.DataFrame, column: str = "configuration") -> dict[str, pd.DataFrame]:
    """Return the rows of a table by their value in `column`."""
    return {str(name): rows for name, rows in table.groupby(column, sort=False)}


def measure_runs(runs: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """Return the columns of `MEASURES` for each run after `epochs` epochs.

    All runs have the same configuration. `mean_loss` is the geometric mean of the training losses.
    `test_loss` is nan for a run with more than `epochs` epochs.
    """
    losses, accuracies, errors = (
        np.array(runs[f"{name}_by_epoch"].tolist())[:, :epochs]
        for name in ("loss", "accuracy", "test_errors")
    )
    measured = {
        "test_accuracy": 100 - 100 * errors[:, -1] / TEST_SIZE,
        "last_epoch_accuracy": 100 * accuracies[:, -1],
        "test_loss": runs["test_loss"].where(runs["epochs"] == epochs),
        "first_epoch_loss": losses[:, 0],
        "mean_loss": stats.gmean(losses, axis=1),
    }
    return pd.DataFrame(measured, index=runs.index)


def measure_claim(claim: pd.Series, epochs: int) -> pd.DataFrame:
    """Return a claim's numbers after `epochs` epochs, and the unit of each number."""
    rows = {}
    if claim["epochs"] == epochs:
        rows = {
            "test_accuracy": (claim["published_test_accuracy"], claim["rounding"]),
            "last_epoch_accuracy": (claim["published_train_accuracy"], 0.01),
            "test_loss": (claim["published_test_loss"], 0.0001),
        }
    if (losses := claim["loss_by_epoch"]) is not None:
        rows |= {
            "first_epoch_loss": (losses[0], 0.0001),
            "mean_loss": (stats.gmean(losses[:epochs]), 0),
        }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["published", "unit"])
    return table.astype(float).dropna()


def measure_both(claim: pd.Series, runs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the numbers of a claim and of runs after the epochs that all have in common."""
    epochs = int(min(claim["epochs"], runs["epochs"].min()))
    return measure_claim(claim, epochs), measure_runs(runs, epochs)


def to_log(measure: str, values: Any) -> Any:
    """Return the logarithms of losses; for accuracies, return the logarithms of error rates.

    An error rate is 100 minus the accuracy, in percent, and at least 0.005.
    """
    return np.log(np.maximum(100 - values, 0.005) if measure.endswith("accuracy") else values)


def find_interval(measure: str, values: pd.Series, half_unit: float = 0) -> tuple[float, float]:
    """Return the 95% prediction interval for one further run, widened by `half_unit` at both ends.

    If there are fewer than `FEWEST` runs, both ends of the interval are nan.
    """
    logs = to_log(measure, values.astype(float).dropna())
    n = len(logs)
    if n < FEWEST:
        return np.nan, np.nan
    reach = stats.t.ppf(0.975, n - 1) * logs.std() * np.sqrt(1 + 1 / n)
    ends = np.exp([logs.mean() - reach, logs.mean() + reach])
    low, high = 100 - ends[::-1] if measure.endswith("accuracy") else ends
    most = 100 if measure.endswith("accuracy") else np.inf
    return max(low - half_unit, 0), min(high + half_unit, most)


def compare_numbers(claim: pd.Series, runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per published number, with the prediction interval from `low` to `high`.

    `inside` says whether the published number is in the interval. All runs have the same
    configuration, which may differ from the configuration of the claim.
    """
    published, measured = measure_both(claim, runs)
    ends = [
        find_interval(name, measured[name], row["unit"] / 2) for name, row in published.iterrows()
    ]
    table = published[["published"]].assign(low=[low for low, _ in ends], high=[h for _, h in ends])
    table["inside"] = table["published"].between(table["low"] - 1e-9, table["high"] + 1e-9)
    return table.dropna()


def rank_jointly(claim: pd.Series, runs: pd.DataFrame) -> tuple[int, int]:
    """Return the rank of the published result among all results, and the number of results.

    The results are the runs and the published result. The deviation of a result is the largest
    distance of its numbers from their means, in standard deviations. The rank is the number of
    results that deviate at least as much as the published result. The numbers of the runs are
    rounded to the units of the published numbers.
    """
    published, measured = measure_both(claim, runs)
    logs = []
    for name, (value, unit) in published[measured[published.index].notna().all()].iterrows():
        rounded = (measured[name] / unit).round(6).round() * unit if unit else measured[name]
        logs.append(to_log(name, np.append(rounded, value)))
    table = np.array(logs).T
    spread = np.maximum(table.std(axis=0), 1e-9)  # avoids a division by 0
    far = (np.abs(table - table.mean(axis=0)) / spread).max(axis=1).round(9)
    return int((far >= far[-1]).sum()), len(far)  # equal results have equal ranks


def combine_ranks(groups: Iterable[tuple[list[int], int]]) -> float:
    """Return the exact p-value of the product of joint ranks.

    Each group has the ranks of results that were ranked among the same runs, and the number of the
    runs plus one. If results and runs are alike, each order of a group is equally likely.
    """
    observed, chances = 1, {1: 1.0}
    for ranks, count in groups:
        observed *= math.prod(ranks)
        further: dict[int, float] = defaultdict(float)
        for places in itertools.product(range(1, count + 1), repeat=len(ranks)):
            # A result falls more often between two runs where other results are already.
            steps = enumerate(places)
            chance = math.prod((1 + places[:n].count(own)) / (count + n) for n, own in steps)
            for value, before in chances.items():
                further[value * math.prod(places)] += before * chance
        chances = further
    return sum(chance for value, chance in chances.items() if value <= observed)


def split_spread(runs: pd.DataFrame) -> dict[str, float]:
    """Return the parts of the spread of the test accuracy, in percentage points.

    All runs have the same configuration. docs/data-dictionary.md defines the parts.
    """
    accuracies = 100 - 100 * np.array(runs["test_errors_by_epoch"].tolist()) / TEST_SIZE
    late, n = accuracies[:, -LAST:], len(accuracies)
    means, last = late.mean(axis=1), accuracies[:, -1].var(ddof=1)
    rest = late - late.mean(axis=0) - means[:, None] + late.mean()
    within = (rest**2).sum() / ((n - 1) * (LAST - 1))
    images = np.nan
    if runs["mistakes"].notna().all():
        wrong = np.bincount(np.concatenate(runs["mistakes"].tolist())) / n
        images = (wrong * (1 - wrong)).sum() * n / (n - 1) * (100 / TEST_SIZE) ** 2
    variances = {
        "last epoch, between runs": last,
        "last epochs, within a run": within,
        "last epochs, lasting": max(means.var(ddof=1) - within / LAST, 0),
        "test images": images,
        "all images": max(last - images, 0) if images == images else np.nan,
    }
    return {name: variance**0.5 for name, variance in variances.items()} | {
        "correlation of two epochs": stats.pearsonr(*accuracies[:, -2:].T).statistic,
        "rise per epoch": np.polyfit(range(LAST), late.mean(axis=0), 1)[0],
        "mean of best epochs": accuracies.max(axis=1).mean(),
    }


def leave_one_out(runs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each run and measure, whether the interval of the other runs contains the run."""
    measured = measure_runs(runs, int(runs["epochs"].min())).dropna(axis=1)
    inside = {
        name: [
            low <= own <= high
            for run, own in column.items()
            for low, high in [find_interval(name, column.drop(run))]
        ]
        for name, column in measured.items()
    }
    return pd.DataFrame(inside)


def find_resolution(runs: pd.DataFrame, near: pd.DataFrame, parameter: str) -> float:
    """Return the change of a parameter, in percent, that moves the mean loss out of its interval.

    The slope, in logarithms, is that between the mean losses of `runs` and `near`.
    """
    loss, other = (np.log(each["mean_loss"]).mean() for each in (runs, near))
    slope = (other - loss) / np.log(near[parameter].iloc[0] / runs[parameter].iloc[0])
    low, high = np.log(find_interval("mean_loss", runs["mean_loss"]))
    return 100 * np.expm1((high - low) / 2 / abs(slope))


def compare_means(first: pd.Series, second: pd.Series) -> dict[str, float]:
    """Return the difference of two means, with Welch's 95% confidence interval."""
    low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    return {"difference": first.mean() - second.mean(), "low": low, "high": high}


def compare_seeds(runs: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Compare the runs of two configurations seed by seed."""
    both = [runs[runs["configuration"] == name].set_index("seed") for name in (first, second)]
    seeds = both[0].index.intersection(both[1].index)
    errors, losses = (
        [np.array(each.loc[seeds, f"{name}_by_epoch"].tolist()) for each in both]
        for name in ("test_errors", "loss")
    )
    columns = {
        "epochs": both[0].loc[seeds, "epochs"],
        "same_errors": (errors[0] == errors[1]).sum(axis=1),
        "loss_apart": np.abs(losses[0] - losses[1]).max(axis=1),
    }
    return pd.DataFrame(columns)
