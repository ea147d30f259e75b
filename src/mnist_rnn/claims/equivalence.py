"""Our runs of the default configuration beside runs of the originals' own code."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.claims.originals import Original
from mnist_rnn.claims.verdicts import FEWEST
from mnist_rnn.config import TEST_SIZE, Configuration
from mnist_rnn.records.record import Record, find_runs

OURS, KERAS, PYTORCH = "ours", "the original's code", "the PyTorch notebook's code"
MARGIN = 0.10  # percentage points of test accuracy, within which two means count as equivalent
FALL = 0.5  # percentage points


def group_accuracies(
    records: list[Record], originals: Mapping[str, Original]
) -> dict[str, np.ndarray]:
    """Test accuracies in percent (runs, epochs), by whose code it was."""
    default = find_runs(records, Configuration().name)
    errors = {
        OURS: [run.history.test_errors for run in default if run.history.test_errors],
        KERAS: [run.test_errors for run in originals.values() if run.kind == "keras"],
        PYTORCH: [run.test_errors for run in originals.values() if run.kind == "pytorch"],
    }
    none = np.empty((0, 1))
    return {name: 100 - 100 * np.array(runs or none) / TEST_SIZE for name, runs in errors.items()}


def find_falls(accuracies: np.ndarray) -> np.ndarray:
    """Whether the accuracy (runs, epochs) fell by FALL or more from each epoch to the next."""
    return np.diff(accuracies, axis=1).round(6) <= -FALL


def tabulate_accuracies(groups: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row a group that has runs: the accuracies after the last epoch.

    `falls` is the share of epochs after the first, in percent, that `find_falls` tells.
    """
    rows = {}
    for name, accuracies in groups.items():
        if not len(accuracies):
            continue
        runs, epochs = accuracies.shape
        told = pd.Series(accuracies[:, -1]).agg(["mean", "std", "min", "median", "max"])
        falls = 100 * find_falls(accuracies).mean()
        rows[name] = {"epochs": epochs, "runs": runs, **told, "falls": falls}
    return pd.DataFrame.from_dict(rows, orient="index").rename(columns={"std": "sd"})


def describe_equivalence(groups: Mapping[str, np.ndarray]) -> str:
    """Whether the mean test accuracies of ours and of the original's code are equivalent, in words.

    Two one-sided Welch tests at 5% each: the means are equivalent if the 90% interval of their
    difference is within MARGIN.
    """
    ours, theirs = (groups[name][:, -1] for name in (OURS, KERAS))
    if min(len(ours), len(theirs)) < FEWEST:
        return "There are too few runs to compare the means."
    low, high = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.90)
    if max(-low, high) < MARGIN:
        verdict = f"is within {MARGIN:.2f} points: **the means are equivalent**"
    elif low > 0 or high < 0:
        verdict = "leaves out zero: **the means differ**"
    else:
        verdict = f"is not within {MARGIN:.2f} points, but includes zero: **it is open whether the "
        verdict += "means are equivalent**"
    spreads = stats.levene(ours, theirs).pvalue
    return (
        f"The mean of ours differs by {ours.mean() - theirs.mean():+.3f} percentage points from "
        f"that of the original's code. The 90% confidence interval, {low:+.3f} to {high:+.3f}, "
        f"{verdict}. For the spreads, Levene's test has p = {spreads:.2f}."
    )
