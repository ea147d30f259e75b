"""Which published figures our runs reproduce, by one rule, and what they say to contradictions."""

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.config import Configuration
from mnist_rnn.records.record import Record, find_runs

FEWEST = 3  # runs for a verdict; from two, the interval is so wide that it says nothing
RULE = (
    "A published accuracy is *reproduced* if it lies in the 95% prediction interval of one "
    "further run (Student's *t*: mean ± *t*(0.975, *n* - 1) · sd · √(1 + 1/*n*) over our *n* "
    "seeds), widened on either side by half the unit in which its source rounded it; else the "
    "verdict says by how many percentage points our mean is higher or lower than the published "
    f"figure, and fewer than {FEWEST} runs have none."
)


def predict_interval(accuracy: pd.DataFrame) -> pd.DataFrame:
    """The rule's interval of each row with mean, sd, runs and rounding, to 0.01 as printed.

    Where all runs are alike (sd 0), only the rounding is left; without two runs it is nan.
    """
    runs = accuracy["runs"]
    reach = stats.t.ppf(0.975, runs - 1) * accuracy["sd"] * np.sqrt(1 + 1 / runs)
    reach += accuracy["rounding"].fillna(0) / 2
    low, high = accuracy["mean"] - reach, accuracy["mean"] + reach
    return pd.DataFrame({"interval_low": low, "interval_high": high}).round(2)


def judge(row: pd.Series) -> str:
    """The rule's verdict on a row with published_test_accuracy, runs, mean and interval."""
    published = row["published_test_accuracy"]
    if pd.isna(published):
        return ""
    if row["runs"] < FEWEST:
        return "too few runs"
    if row["interval_low"] <= published <= row["interval_high"]:
        return "reproduced"
    side = "higher" if row["mean"] > published else "lower"
    return f"ours {side} by {abs(row['mean'] - published):.2f}"


def weigh(accuracy: pd.DataFrame, *claims: str, figure_of: str | None = None) -> str:
    """For each claim, a line with the verdict on its figure, or on that of claim `figure_of`."""
    rows = accuracy.set_index("claim")
    lines = []
    for claim in claims:
        figure = figure_of or claim
        published = rows.loc[figure, "published_test_accuracy"]
        row = rows.loc[claim].copy()
        row["published_test_accuracy"] = published
        line = (
            f"- {published}% (`{figure}`) for {row['units']} units, {row['optimizer']}, "
            f"dropout {row['dropout']}: **{judge(row)}** (runs: {row['runs']}"
        )
        if row["runs"] >= FEWEST:
            line += (
                f", mean {row['mean']:.2f}%, interval {row['interval_low']:.2f} to "
                f"{row['interval_high']:.2f}%"
            )
        lines.append(f"{line})")
    return "\n".join(lines)


def weigh_dropout(records: list[Record], optimizer: str) -> str:
    """What dropout 0.2 changes in the test accuracy, paired by seed, with this optimizer."""
    configurations = (
        Configuration.model_validate({"optimizer": optimizer, "dropout": rate})
        for rate in (0.0, 0.2)
    )
    without, dropped = (
        pd.Series(
            {run.config.seed: run.test.errors / 100 for run in find_runs(records, config.name)}
        )
        for config in configurations
    )
    gains = (without - dropped).dropna()
    if len(gains) < FEWEST:
        return f"- {optimizer}: **too few runs** (seeds run both ways: {len(gains)})"
    reach = stats.t.ppf(0.975, len(gains) - 1) * gains.sem()
    low, high = gains.mean() - reach, gains.mean() + reach
    effect = "it helps" if low > 0 else "it harms" if high < 0 else "no effect can be told"
    return (
        f"- {optimizer}: **{effect}**: {gains.mean():+.2f} percentage points, 95% confidence "
        f"interval {low:+.2f} to {high:+.2f} (seeds run both ways: {len(gains)})"
    )
