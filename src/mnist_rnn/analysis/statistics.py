"""Compute statistics of runs and published results; docs/data-dictionary.md has the formulas."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.config import TEST_SIZE

FEWEST = 3  # runs that an interval needs
RANKED = 40  # runs that the joint test needs
MEASURES = {  # measures of runs and of published results, with their names in words
    "test_accuracy": "test accuracy",
    "last_epoch_accuracy": "training accuracy",
    "test_loss": "test loss",
    "first_epoch_loss": "first epoch's loss",
    "mean_loss": "mean loss",
}


def measure_runs(runs: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """Return the MEASURES of runs of one configuration after this number of epochs.

    `mean_loss` is the geometric mean of the training losses. The test loss is known only for the
    last epoch.
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
    """Return the published MEASURES after this number of epochs, each with half its unit."""
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
    """Return the number of epochs that a claim and runs of one configuration both have."""
    return int(min(claim["epochs"], runs["epochs"].min()))


def to_log(measure: str, values: Any) -> Any:
    """Return the logarithms of losses, or of errors in percent: 100 - accuracy, at least 0.005."""
    return np.log(np.maximum(100 - values, 0.005) if measure.endswith("accuracy") else values)


def predict(measure: str, values: pd.Series, half_unit: float = 0) -> tuple[float, float]:
    """Return the 95% prediction interval for one further run, widened by half the printed unit.

    The ends are nan for fewer than FEWEST runs.
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
    """Return one row per published number: whether it is `inside` the interval `low` to `high`.

    The runs have one configuration, which may differ from the claim's. Both are compared after
    their common epochs.
    """
    epochs = find_common_epochs(claim, runs)
    published, measured = measure_claim(claim, epochs), measure_runs(runs, epochs)
    ends = [predict(name, measured[name], row["half_unit"]) for name, row in published.iterrows()]
    table = published[["published"]].assign(low=[low for low, _ in ends], high=[h for _, h in ends])
    table["inside"] = table["published"].between(table["low"] - 1e-9, table["high"] + 1e-9)
    return table.dropna()


def rank_jointly(claim: pd.Series, runs: pd.DataFrame) -> tuple[int, int]:
    """Return how many results deviate at least as much as the published one, and of how many.

    The results are the runs and the published one. A result's deviation is the largest distance of
    its numbers from their means, in standard deviations. All numbers are rounded like the published
    ones.
    """
    epochs = find_common_epochs(claim, runs)
    published, measured = measure_claim(claim, epochs), measure_runs(runs, epochs)
    logs = []
    for name, (value, half) in published[measured[published.index].notna().all()].iterrows():
        unit = 2 * half
        rounded = (measured[name] / unit).round() * unit if unit else measured[name]
        logs.append(to_log(name, np.append(rounded, value)))
    table = np.array(logs).T
    spread = np.maximum(table.std(axis=0), 1e-9)  # the deviation is 0 if all runs are equal
    far = (np.abs(table - table.mean(axis=0)) / spread).max(axis=1)
    return int((far >= far[-1]).sum()), len(far)


def rank_accuracies(claims: pd.DataFrame, runs: pd.DataFrame) -> dict[str, float]:
    """Return `rank`, the mean rank of published test accuracies among runs, from 0 to 1, and `p`.

    `p` is from van Elteren's rank-sum test, one-sided and stratified by configuration. It is small
    if published runs were chosen for their test accuracy.
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
    """Return the difference of two means with its 95% confidence interval (Welch)."""
    low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    return {"difference": first.mean() - second.mean(), "low": low, "high": high}


def compare_seeds(runs: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Return one row per seed of two configurations, with the differences of its two runs.

    `epochs` is the number of epochs that both runs have. `same_errors` counts the epochs after
    which both have the same test errors. `loss_apart` is the largest difference of the training
    losses, in nats.
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
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("seed")
