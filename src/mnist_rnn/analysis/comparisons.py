"""Runs by one code beside runs by another, and runs that differ in one parameter."""

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.analysis.verdicts import FEWEST
from mnist_rnn.config import TEST_SIZE

# Percentage points. Means that differ by less are equivalent: the unit of the original's accuracy.
MARGIN = 0.10
FALL = 0.5  # percentage points


def find_accuracies(runs: pd.DataFrame) -> np.ndarray:
    """Test accuracies in percent (runs, epochs) of these runs, by seed; (0, 1) without a run."""
    errors = runs.sort_values("seed")["test_errors_by_epoch"].tolist()
    return 100 - 100 * np.array(errors or np.empty((0, 1))) / TEST_SIZE


def find_falls(accuracies: np.ndarray) -> np.ndarray:
    """Whether the accuracy (runs, epochs) fell by FALL or more from each epoch to the next."""
    return np.diff(accuracies, axis=1).round(6) <= -FALL


def summarize_configurations(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a configuration of the table of runs: the test accuracies after the last epoch.

    `falls` is the percentage of epochs after the first in which the accuracy fell (`find_falls`).
    """
    rows = {}
    for name, group in runs.groupby("configuration", sort=False):
        accuracies = find_accuracies(group)
        # Rounded, so that a mean of 96.115 is not 96.11499999999998 and shown as 96.11.
        summary = pd.Series(accuracies[:, -1]).agg(["mean", "std", "min", "median", "max"]).round(6)
        falls = 100 * find_falls(accuracies).mean()
        loss = group["first_epoch_loss"].agg(["mean", "std"])
        first = dict(zip(["first_epoch_loss", "first_epoch_loss_sd"], loss, strict=True))
        rows[name] = {"runs": len(group), **summary, "falls": falls, **first}
    return pd.DataFrame.from_dict(rows, orient="index").rename(columns={"std": "sd"})


def compare_means(ours: pd.Series, theirs: pd.Series) -> dict[str, float | str]:
    """The difference of two means, in percentage points, with its 90% confidence interval.

    `result`: *equivalent* if the interval is within MARGIN (two one-sided Welch tests at 5% each),
    *different* if Welch's test has p below 0.05, otherwise *inconclusive*. `power` is that of
    `find_power`.
    """
    if min(len(ours), len(theirs)) < FEWEST:
        return {"result": "too few runs"}
    test = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = test.confidence_interval(0.90)
    different = "different" if test.pvalue < 0.05 else "inconclusive"
    return {
        "difference": ours.mean() - theirs.mean(),
        "interval_low": low,
        "interval_high": high,
        "p": test.pvalue,
        "power": find_power(ours, theirs),
        "result": "equivalent" if max(-low, high) < MARGIN else different,
    }


def find_power(ours: pd.Series, theirs: pd.Series, number: int = 20_000) -> float:
    """How often so many runs, normal with these spreads and equal means, would be *equivalent*.

    Of `number` simulated comparisons: each draws the difference of the means and both variances.
    """
    random = np.random.default_rng(0)
    squares = [group.var() / len(group) for group in (ours, theirs)]
    degrees = [len(group) - 1 for group in (ours, theirs)]
    gap = random.normal(0, np.sqrt(sum(squares)), number)
    drawn = [s * random.chisquare(d, number) / d for s, d in zip(squares, degrees, strict=True)]
    welch = sum(drawn) ** 2 / sum(s**2 / d for s, d in zip(drawn, degrees, strict=True))
    return float(np.mean(np.abs(gap) + stats.t.isf(0.05, welch) * np.sqrt(sum(drawn)) < MARGIN))


def compare_configurations(runs: pd.DataFrame, pairs: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """A row a pair of configurations: the first's mean test accuracy minus the second's.

    `runs` and `other_runs` are their numbers; for the other columns see `compare_means`.
    """
    rows = {}
    for name, pair in pairs.items():
        first, second = (runs.loc[runs["configuration"] == c, "test_accuracy"] for c in pair)
        counts = {"runs": len(first), "other_runs": len(second)}
        rows[name] = counts | compare_means(first, second)
    return pd.DataFrame.from_dict(rows, orient="index")


def compare_seeds(runs: pd.DataFrame, ours: str, theirs: str) -> pd.DataFrame:
    """A row a seed: our run beside the original's code from the same start.

    Test errors are those after the last epoch; `same_errors` is the number of epochs after which
    both have as many, and `loss_apart` the largest difference of their training losses, in nats.
    """
    by_seed = [runs[runs["configuration"] == name].set_index("seed") for name in (ours, theirs)]
    both = by_seed[0].join(by_seed[1], how="inner", suffixes=("_ours", "_theirs"))
    rows = {}
    for seed, pair in both.iterrows():
        errors = np.array([pair[f"test_errors_by_epoch_{whose}"] for whose in ("ours", "theirs")])
        losses = np.array([pair[f"loss_by_epoch_{whose}"] for whose in ("ours", "theirs")])
        rows[seed] = [
            errors[0, -1],
            errors[1, -1],
            errors.shape[1],
            (errors[0] == errors[1]).sum(),
            np.abs(losses[0] - losses[1]).max(),
        ]
    columns = ["our_test_errors", "their_test_errors", "epochs", "same_errors", "loss_apart"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("seed")
