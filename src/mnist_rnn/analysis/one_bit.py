"""Measure what one bit is worth, from the pairs of runs in results/one_bit.csv."""

import re

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.config import TEST_SIZE, OneBit
from mnist_rnn.system.paths import COMMITTED

FLIP = OneBit().change
NAMES = {
    "simple_rnn-256-sgd": "SGD",
    "simple_rnn-256-sgd-dropout_0.2": "SGD, dropout 0.2",
    "simple_rnn-256-sgd-learning_rate_0.05": "SGD, learning rate 0.05",
    "simple_rnn-256-adam": "Adam",
    "simple_rnn-256-rmsprop-dropout_0.2": "RMSprop, dropout 0.2",
    "lstm-256-sgd": "LSTM, SGD",
    "gru-256-sgd": "GRU, SGD",
    "lstm-256-adam": "LSTM, Adam",
}


def read_pairs() -> pd.DataFrame:
    """Return the committed table with short names of the configurations.

    docs/data-dictionary.md explains the columns.
    """
    whole = dict.fromkeys(("step", "epoch", "digits_differ", "errors"), "Int64")
    pairs = pd.read_csv(COMMITTED / "one_bit.csv", dtype=whole)
    return pairs.replace({"configuration": NAMES})


def choose(pairs: pd.DataFrame, configuration: str, change: str) -> pd.DataFrame:
    """Return the rows of a configuration and of the changes whose names begin with `change`."""
    begins = pairs["change"].str.startswith(change)
    return pairs[(pairs["configuration"] == configuration) & begins]


def take_last(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the row after the last epoch of each pair; the index is the seed."""
    ends = pairs.dropna(subset="digits_differ")
    key = ["configuration", "seed", "change"]
    return ends.loc[ends.groupby(key)["epoch"].idxmax()].set_index("seed")


def find_mean(values: pd.Series, digits: int) -> str:
    """Return the mean of values and its 95% confidence interval by Student's distribution."""
    values = values.astype(float)
    reach = stats.t.ppf(0.975, len(values) - 1) * values.sem()
    return show(digits, values.mean(), values.mean() - reach, values.mean() + reach)


def find_sd(variance: float, freedom: int) -> str:
    """Return a standard deviation and its 95% confidence interval by the chi-squared distribution.

    The formula assumes that the values are normally distributed.
    """
    low, high = np.sqrt(variance * freedom / stats.chi2.ppf([0.975, 0.025], freedom))
    return show(2, np.sqrt(variance), low, high)


def show(digits: int, *estimate: float) -> str:
    """Return an estimate with its interval as text, such as `12 (10 to 14)`."""
    value, low, high = (f"{number:.{digits}f}" for number in estimate)
    return value if low == high else f"{value} ({low} to {high})"


def compare_seeds(pairs: pd.DataFrame) -> pd.DataFrame:
    """Compare flipped bits with other seeds: one row per configuration."""
    rows = {}
    last = take_last(pairs)
    for name in NAMES.values():
        flips, others = choose(last, name, FLIP), choose(last, name, "run of seed")
        second = others["change"].str.extract(r"(\d+)$", expand=False).astype(int)
        both = pd.concat([others["digits_differ"], others["digits_differ"].set_axis(second)])
        rows[name] = {
            "seeds": len(flips),
            "epochs": flips["epoch"].max(),
            "largest": f"{flips['largest'].max():.0e}",
            "digits_differ": f"{flips['digits_differ'].mean():.0f}",
            "other_seeds": f"{others['digits_differ'].mean():.0f}",
            "share": find_mean(100 * flips["digits_differ"] / both.groupby(level=0).mean(), 0),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def measure_growth(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return by how many percent the root-mean-square difference grows per step, in three phases.

    Each cell is the mean over the seeds, and their standard deviation.
    """
    rows = {}
    for name in NAMES.values():
        flips = choose(pairs, name, FLIP)
        rms = flips.pivot_table(index="seed", columns="step", values="rms")
        epoch = flips.loc[flips["epoch"] == 1, "step"].iloc[0]
        phases = {
            "steps 10 to 100": (10, 100),
            "step 100 to epoch 1": (100, epoch),
            "epoch 1 to the last": (epoch, rms.columns[-1]),
        }
        row = {}
        for phase, (first, last) in phases.items():
            growth = 100 * ((rms[last] / rms[first]) ** (1 / (last - first)) - 1)
            row[phase] = f"{growth.mean():.2g} ± {growth.std():.1g}"
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def tabulate_places(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the largest difference and the digits that differ, for bits of several weights."""
    bits = pairs[pairs["change"].str.contains(" bit ")].dropna(subset="digits_differ")
    other = bits[bits["change"] != FLIP]
    rows = bits[bits["configuration"].isin(other["configuration"])]
    rows = rows[rows["seed"].isin(other["seed"]) & (rows["epoch"] == other["epoch"].max())]
    rows = rows.sort_values("configuration", ascending=False, kind="stable")
    rows["largest"] = rows["largest"].map("{:.0e}".format)
    columns = ["seed", "epoch", "largest", "digits_differ"]
    return rows.set_index(["configuration", "change"])[columns]


def compare_rules(pairs: pd.DataFrame) -> pd.DataFrame:
    """Compare runs with a flipped bit or a broken rule of rounding with our runs."""
    rows = {}
    last = take_last(pairs)
    rules = sorted({change for change in last["change"] if not re.search("none|bit|seed", change)})
    for name in ("SGD", "Adam"):
        own = choose(last, name, "none")["errors"]
        for change in [FLIP, *rules]:
            changed = choose(last, name, change)
            rows[name, change] = {
                "seeds": len(changed),
                "digits_differ": f"{changed['digits_differ'].mean():.0f}",
                "difference": find_mean(100 * (own - changed["errors"]).dropna() / TEST_SIZE, 2),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def compare_spreads(pairs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Compare the spread that bits make with the spread that seeds make."""
    rows = {}
    last = take_last(pairs)
    last = last[(last["epoch"] == 20) & ~last["change"].str.contains("seed")]
    for name, own in last.groupby("configuration"):
        errors = 100 * own["errors"].astype(float) / TEST_SIZE
        apart = errors - errors.groupby(level=0).mean()
        freedom = len(own) - own.index.nunique()
        ours = runs.loc[runs["configuration"].replace(NAMES) == name, "test_accuracy"]
        if len(ours):
            rows[name] = {
                "runs": len(own),
                "bits": find_sd((apart**2).sum() / freedom, freedom),
                "our runs": len(ours),
                "seeds": find_sd(ours.var(), len(ours) - 1),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def describe_worth() -> str:
    """Return a sentence on SGD and a sentence on Adam: what one flipped bit is worth."""
    pairs = read_pairs()
    sgd, adam = (
        choose(pairs, name, FLIP).dropna(subset="digits_differ") for name in ("SGD", "Adam")
    )
    most, last = sgd["digits_differ"].max(), take_last(adam)
    share, _, interval = compare_seeds(pairs).loc["Adam", "share"].rstrip(")").partition(" (")
    return (
        "With SGD at a learning rate of 0.01, one flipped bit of one initial weight changes "
        f"{f'at most {most}' if most else 'none'} of the 10,000 predicted digits in "
        f"{sgd['epoch'].max()} epochs. With Adam, the runs become different: "
        f"after {last['epoch'].max()} epochs, {last['digits_differ'].mean():.0f} predicted digits "
        f"differ, {share}% of the number that differ between two seeds (95% confidence interval: "
        f"{interval}%)."
    )
