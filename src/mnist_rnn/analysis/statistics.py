"""Compute statistics of runs and published results by the formulas in docs/data-dictionary.md."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.config import TEST_SIZE

FEWEST = 3  # the smallest number of runs for a prediction interval
RANKED = 40  # the smallest number of runs for the rank test
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
    """Return a claim's numbers after `epochs` epochs, and half of the unit of each number."""
    at_end = claim["epochs"] == epochs
    losses = claim["loss_by_epoch"]
    rows = {
        name: (claim[name] if at_end else np.nan, half)
        for name, half in (
            ("test_accuracy", claim["test_accuracy_half_unit"]),
            ("last_epoch_accuracy", 0.005),
            ("test_loss", 0.00005),
        )
    }
    if losses is not None:
        rows |= {
            "first_epoch_loss": (losses[0], 0.00005),
            "mean_loss": (stats.gmean(losses[:epochs]), 0),
        }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["published", "half_unit"])
    return table.astype(float).dropna()


def find_common_epochs(claim: pd.Series, runs: pd.DataFrame) -> int:
    """Return the number of epochs that the claim and all runs have in common."""
    return int(min(claim["epochs"], runs["epochs"].min()))


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
    configuration, which may differ from the configuration of the claim. The claim and the runs are
    compared after the same number of epochs.
    """
    epochs = find_common_epochs(claim, runs)
    published, measured = measure_claim(claim, epochs), measure_runs(runs, epochs)
    ends = [
        find_interval(name, measured[name], row["half_unit"]) for name, row in published.iterrows()
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
    epochs = find_common_epochs(claim, runs)
    published, measured = measure_claim(claim, epochs), measure_runs(runs, epochs)
    logs = []
    for name, (value, half) in published[measured[published.index].notna().all()].iterrows():
        unit = 2 * half
        rounded = (measured[name] / unit).round() * unit if unit else measured[name]
        logs.append(to_log(name, np.append(rounded, value)))
    table = np.array(logs).T
    spread = np.maximum(table.std(axis=0), 1e-9)  # avoids a division by 0
    far = (np.abs(table - table.mean(axis=0)) / spread).max(axis=1)
    return int((far >= far[-1]).sum()), len(far)


def rank_accuracies(claims: pd.DataFrame, runs: pd.DataFrame) -> dict[str, float]:
    """Compare the ranks of published test accuracies with the ranks of our runs.

    `rank`, from 0 to 1, is the mean rank of the published test accuracies. `p` is the p-value of
    van Elteren's one-sided rank-sum test, stratified by configuration. A small `p` suggests that
    published runs were chosen for their test accuracy.
    """
    ranks, expected, variance = [], 0.0, 0.0
    for name, group in claims.groupby("configuration"):
        ours = runs.loc[runs["configuration"] == name, "test_accuracy"]
        unit = 2 * group["test_accuracy_half_unit"].max()
        pooled = np.append(group["test_accuracy"], ours) / unit
        n, k = len(pooled), len(group)
        scores = stats.rankdata(pooled.round(6).round()) / (n + 1)
        ranks += scores[:k].tolist()
        expected += k / 2
        variance += k * (1 - k / n) * scores.var(ddof=1)
    z = (sum(ranks) - expected) / np.sqrt(variance)
    return {"rank": float(np.mean(ranks)), "p": float(stats.norm.sf(z))}


def compare_means(first: pd.Series, second: pd.Series) -> dict[str, float]:
    """Return the difference of two means, with Welch's 95% confidence interval."""
    low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    return {"difference": first.mean() - second.mean(), "low": low, "high": high}


def compare_seeds(runs: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Compare the runs of two configurations seed by seed.

    The table has one row for each seed that both configurations have. The index is the seed.
    `epochs` is the number of epochs that both runs have. `same_errors` counts the epochs after
    which both runs have the same number of test errors. `loss_apart` is the largest difference, in
    nats, between the two training losses of an epoch.
    """
    by_seed = [runs[runs["configuration"] == name].set_index("seed") for name in (first, second)]
    both = by_seed[0].join(by_seed[1], how="inner", suffixes=("_1", "_2"))
    rows = {}
    for seed, pair in both.iterrows():
        last = int(min(pair["epochs_1"], pair["epochs_2"]))
        errors, losses = (
            np.array([pair[f"{name}_by_epoch_{i}"][:last] for i in (1, 2)])
            for name in ("test_errors", "loss")
        )
        apart = np.abs(losses[0] - losses[1]).max()
        rows[seed] = [last, (errors[0] == errors[1]).sum(), apart]
    columns = ["epochs", "same_errors", "loss_apart"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
