"""Our runs of the default configuration beside runs of the originals' own code."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.claims.originals import Original
from mnist_rnn.claims.verdicts import FEWEST, SCALES
from mnist_rnn.config import TEST_SIZE, Configuration
from mnist_rnn.records.record import Record, find_records

OURS, KERAS, PYTORCH = "ours", "the original's code", "the PyTorch notebook's code"
# Percentage points. Means that differ by less are equivalent: the unit of the original's accuracy.
MARGIN = 0.10
LAST_EPOCHS = 5
CHOSEN_WITH = {OURS: 20, KERAS: 10}  # runs that had been made when LAST_EPOCHS was chosen
FALL = 0.5  # percentage points


def group_accuracies(
    records: list[Record], originals: Mapping[str, Original]
) -> dict[str, np.ndarray]:
    """Test accuracies in percent (runs, epochs), by whose code it was."""
    groups = {OURS: list_accuracies(find_records(records, Configuration().name))}
    for name, kind in ((KERAS, "keras"), (PYTORCH, "pytorch")):
        runs = (run for run in originals.values() if run.kind == kind)
        groups[name] = to_accuracies([run.test_errors for run in runs])
    return groups


def list_accuracies(records: list[Record]) -> np.ndarray:
    """Test accuracies in percent (runs, epochs) of these runs, by seed."""
    ordered = sorted(records, key=lambda run: run.config.seed)
    return to_accuracies([run.history.test_errors for run in ordered])


def to_accuracies(errors: list[list[int]]) -> np.ndarray:
    """Test accuracies in percent (runs, epochs); (0, 1) without a run."""
    return 100 - 100 * np.array(errors or np.empty((0, 1))) / TEST_SIZE


def find_falls(accuracies: np.ndarray) -> np.ndarray:
    """Whether the accuracy (runs, epochs) fell by FALL or more from each epoch to the next."""
    return np.diff(accuracies, axis=1).round(6) <= -FALL


def tabulate_accuracies(groups: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row a group that has runs: the accuracies after the last epoch.

    `falls` is the percentage of epochs after the first in which the accuracy fell (`find_falls`).
    """
    rows = {}
    for name, accuracies in groups.items():
        if not len(accuracies):
            continue
        runs, epochs = accuracies.shape
        # Rounded, so that a mean of 96.115 is not 96.11499999999998 and shown as 96.11.
        summary = pd.Series(accuracies[:, -1]).agg(["mean", "std", "min", "median", "max"]).round(6)
        falls = 100 * find_falls(accuracies).mean()
        rows[name] = {"epochs": epochs, "runs": runs, **summary, "falls": falls}
    return pd.DataFrame.from_dict(rows, orient="index").rename(columns={"std": "sd"})


def tabulate_equivalence(groups: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Whether the mean test accuracies of ours and of the original's code are equivalent.

    Three rows: the last epoch, which the original prints; the runs' means over their LAST_EPOCHS,
    which vary less from run to run; and these without the runs that had been made when LAST_EPOCHS
    was chosen. Columns: see `compare_means`.
    """
    mean = f"mean of the last {LAST_EPOCHS}"
    cases = {
        "last epoch": (1, {}),
        mean: (LAST_EPOCHS, {}),
        f"{mean}, later runs": (LAST_EPOCHS, CHOSEN_WITH),
    }
    rows = {}
    for name, (epochs, left_out) in cases.items():
        ours, theirs = (
            groups[code][left_out.get(code, 0) :, -epochs:].mean(axis=1) for code in (OURS, KERAS)
        )
        rows[name] = {"our_runs": len(ours), "their_runs": len(theirs)} | compare_means(
            ours, theirs
        )
    return pd.DataFrame.from_dict(rows, orient="index")


def compare_means(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float | str]:
    """The difference of two means, in percentage points, with its 90% confidence interval.

    `result`: *equivalent* if the interval is within MARGIN (two one-sided Welch tests at 5% each),
    *different* if Welch's test has p below 0.05, otherwise *inconclusive*.
    `power` is the probability that so many runs with these spreads show it if the means are equal;
    `spreads_p` is the *p* of Levene's test for equal spreads.
    """
    if min(len(ours), len(theirs)) < FEWEST:
        return {"result": "too few runs"}
    test = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = test.confidence_interval(0.90)
    error = (high - low) / 2 / stats.t.isf(0.05, test.df)
    power = max(0, 1 - 2 * stats.t.sf(MARGIN / error - stats.t.isf(0.05, test.df), test.df))
    different = "different" if test.pvalue < 0.05 else "inconclusive"
    return {
        "difference": ours.mean() - theirs.mean(),
        "interval_low": low,
        "interval_high": high,
        "power": power,
        "result": "equivalent" if max(-low, high) < MARGIN else different,
        "spreads_p": stats.levene(ours, theirs).pvalue,
    }


def compare_measures(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """By measure, the difference of the means of these runs, ours minus theirs, by Welch's test.

    The logarithms of losses and errors are compared; `test_error` is of `test_accuracy`. The 95%
    confidence intervals are not corrected for their number. Empty with fewer than FEWEST runs of
    either.
    """
    if min(len(ours), len(theirs)) < FEWEST:
        return pd.DataFrame()
    rows = {}
    for measure, scale in SCALES.items():
        first, second = scale(ours[measure]), scale(theirs[measure])
        test = stats.ttest_ind(first, second, equal_var=False)
        name, difference = measure.replace("accuracy", "error"), first.mean() - second.mean()
        rows[name] = difference, *test.confidence_interval(), test.pvalue
    columns = ["difference", "interval_low", "interval_high", "p"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def compare_seeds(records: list[Record], originals: Mapping[str, Original]) -> pd.DataFrame:
    """A row a seed: our run beside the original's code from the same start (kind `seeded`).

    Test errors are those after the last epoch; `same_errors` is the number of epochs after which
    both have as many, and `loss_apart` the largest difference of their training losses, in nats.
    """
    ours = find_records(records, Configuration().name)
    histories = {record.config.seed: record.history for record in ours}
    rows = []
    for name, theirs in originals.items():
        kind, seed = name.split("-")
        own = histories.get(int(seed))
        if kind == "seeded" and own and own.epochs == theirs.epochs:
            same = np.equal(own.test_errors, theirs.test_errors).sum()
            apart = np.abs(np.subtract(own.loss, theirs.loss)).max()
            errors = own.test_errors[-1], theirs.test_errors[-1]
            rows.append((int(seed), *errors, theirs.epochs, same, apart))
    columns = ["our_test_errors", "their_test_errors", "epochs", "same_errors", "loss_apart"]
    return pd.DataFrame(rows, columns=["seed", *columns]).set_index("seed")
