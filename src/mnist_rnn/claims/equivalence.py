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
    """Test accuracies in percent (runs, epochs), by whose code it was; without runs, no entry."""
    default = find_runs(records, Configuration().name)
    errors = {
        OURS: [run.history.test_errors for run in default if run.history.test_errors],
        KERAS: [run.test_errors for run in originals.values() if run.kind == "keras"],
        PYTORCH: [run.test_errors for run in originals.values() if run.kind == "pytorch"],
    }
    return {name: 100 - 100 * np.array(runs) / TEST_SIZE for name, runs in errors.items() if runs}


def tabulate_accuracies(groups: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row a group of `group_accuracies`: the accuracies after the last epoch, and falls.

    `falls` is the share, in percent, of the epochs after the first at whose end the accuracy was
    at least FALL percentage points below that of the epoch before.
    """
    rows = {}
    for name, accuracies in groups.items():
        last = pd.Series(accuracies[:, -1])
        told = last.agg(["count", "mean", "std", "min", "median", "max"])
        falls = 100 * (np.diff(accuracies, axis=1).round(6) <= -FALL).mean()
        rows[name] = {"epochs": accuracies.shape[1], **told, "falls": falls}
    table = pd.DataFrame.from_dict(rows, orient="index").rename(columns={"count": "runs"})
    return table.astype({"runs": int, "epochs": int})


def describe_equivalence(groups: Mapping[str, np.ndarray]) -> str:
    """Whether the mean test accuracies of ours and of the original's code are equivalent, in words.

    Two one-sided Welch tests at 5% each: the means are equivalent if the 90% interval of their
    difference is within MARGIN.
    """
    ours, theirs = (groups.get(name, np.empty((0, 1)))[:, -1] for name in (OURS, KERAS))
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
