"""Measure what one bit is worth, from the pairs of runs in results/one_bit.csv."""

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.config import TEST_SIZE, Configuration
from mnist_rnn.paths import COMMITTED

FLIP, UNCHANGED = "W[14, 0] bit 0", "none"
SGD, ADAM = Configuration().name, Configuration(optimizer="adam").name
FAST = Configuration(learning_rate=0.05).name
NAMES = {
    SGD: "SGD",
    "simple_rnn-256-sgd-dropout_0.2": "SGD, dropout 0.2",
    FAST: "SGD, learning rate 0.05",
    ADAM: "Adam",
    "simple_rnn-256-rmsprop-dropout_0.2": "RMSprop, dropout 0.2",
    "lstm-256-sgd": "LSTM, SGD",
    "gru-256-sgd": "GRU, SGD",
    "lstm-256-adam": "LSTM, Adam",
}
NONE = "not measured"
KEY = ["configuration", "seed", "change"]
PLACES = ["W[14, 0] the other way", "U[100, 200] bit 0", "V[5, 3] bit 0", "W[14, 0] bit 12"]
MISTAKES = {  # the names of the changes, shortened
    FLIP: "one flipped bit",
    "each product is rounded before it is added": "no fma",
    "the terms of a product are added from last to first": "terms from last to first",
    "tanh of the system's library": "tanh of the library",
    "fma is rounded to float64 and then to float32": "fma rounded twice",
}


def read_pairs() -> pd.DataFrame:
    """Return the committed table of pairs; docs/data-dictionary.md explains the columns."""
    whole = dict.fromkeys(("step", "epoch", "answers", "errors"), "Int64")
    return pd.read_csv(COMMITTED / "one_bit.csv", dtype=whole)


def choose(pairs: pd.DataFrame, configuration: str, *changes: str) -> pd.DataFrame:
    """Return the rows of a configuration and of some changes."""
    return pairs[(pairs["configuration"] == configuration) & pairs["change"].isin(changes)]


def choose_seeds(pairs: pd.DataFrame, configuration: str) -> pd.DataFrame:
    """Return the rows that compare two of our runs of a configuration, which have two seeds."""
    two = pairs["change"].str.startswith("run of seed")
    return pairs[(pairs["configuration"] == configuration) & two].dropna(subset="answers")


def take_last(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the row after the last epoch of each pair."""
    ends = pairs.dropna(subset="answers")
    return ends.loc[ends.groupby(KEY)["epoch"].idxmax()]


def find_mean(values: pd.Series) -> tuple[float, float, float]:
    """Return the mean of values, and its 95% confidence interval by Student's distribution."""
    values = values.astype(float)
    reach = stats.t.ppf(0.975, len(values) - 1) * values.sem() if len(values) > 1 else np.nan
    return values.mean(), values.mean() - reach, values.mean() + reach


def find_sd(variance: float, freedom: int) -> tuple[float, float, float]:
    """Return a standard deviation, and its 95% confidence interval by the chi-squared distribution.

    The formula assumes that the values are normally distributed.
    """
    if freedom < 1:
        return np.nan, np.nan, np.nan
    ends = stats.chi2.ppf([0.975, 0.025], freedom)
    low, high = np.sqrt(variance * freedom / ends)
    return np.sqrt(variance), low, high


def show(estimate: tuple[float, float, float], digits: int = 0) -> str:
    """Return an estimate with its interval as text, such as `12 (10 to 14)`."""
    mean, low, high = (f"{value:.{digits}f}".replace("nan", "?") for value in estimate)
    return mean if low == high else f"{mean} ({low} to {high})"


def compare_seeds(pairs: pd.DataFrame) -> pd.DataFrame:
    """Compare flipped bits with other seeds: one row per configuration.

    `digits_differ` is the mean number of test images, after the last epoch, that a run with a
    flipped bit classifies differently. `other_seeds` is the mean between two of our runs. `share`
    is their quotient in percent: its mean over the seeds, with a 95% confidence interval.
    """
    rows = {}
    for name, words in NAMES.items():
        flips = take_last(choose(pairs, name, FLIP)).set_index("seed")
        others = choose_seeds(pairs, name)
        others = others[others["epoch"].isin(flips["epoch"])]
        second = others["change"].str.extract(r"(\d+)$")[0].astype(int)
        both = pd.concat([others["answers"], others["answers"]])
        own = both.astype(float).groupby(pd.concat([others["seed"], second]).to_numpy()).mean()
        share = 100 * (flips["answers"].astype(float) / own).dropna()
        if len(flips):
            rows[words] = {
                "seeds": len(flips),
                "epochs": flips["epoch"].max(),
                "largest": f"{flips['largest'].max():.0e}",
                "digits_differ": f"{flips['answers'].mean():.0f}",
                "other_seeds": f"{others['answers'].mean():.0f}" if len(others) else NONE,
                "share": show(find_mean(share)) if len(share) else NONE,
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def measure_growth(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return by how many percent the root-mean-square difference grows per step, in four phases.

    Each cell is the mean over the seeds, and their standard deviation.
    """
    rows = {}
    for name, words in NAMES.items():
        flips = choose(pairs, name, FLIP).drop_duplicates(["seed", "step"])
        rms = flips.pivot_table(index="seed", columns="step", values="rms")
        epochs = flips.dropna(subset="epoch")["step"].sort_values().unique()[1:].tolist()
        if len(rms):
            phases = [(10, 100), (100, epochs[0]), tuple(epochs[:2]), (epochs[1], epochs[-1])]
            rows[words] = {
                heading: describe_growth(rms, *phase)
                for heading, phase in zip(PHASES, phases, strict=True)
            }
    return pd.DataFrame.from_dict(rows, orient="index")


PHASES = ("steps 10 to 100", "step 100 to epoch 1", "epochs 1 to 2", "epoch 2 to the last")


def describe_growth(rms: pd.DataFrame, first: int, last: int) -> str:
    """Return the growth per step between two steps, in percent, with its spread over the seeds."""
    if first == last:
        return NONE
    growth = 100 * ((rms[last] / rms[first]) ** (1 / (last - first)) - 1).dropna()
    spread = f" ± {growth.std():.2g}" if len(growth) > 1 else ""
    return f"{growth.mean():.2g}{spread}"


def find_exponent(pairs: pd.DataFrame, configuration: str, first: int, last: int) -> pd.Series:
    """Return, for each seed, the power of the number of steps by which the difference grows."""
    flips = choose(pairs, configuration, FLIP).drop_duplicates(["seed", "step"])
    rms = flips.pivot_table(index="seed", columns="step", values="rms")
    return np.log(rms[last] / rms[first]) / np.log(last / first)


def compare_accuracies(pairs: pd.DataFrame) -> pd.DataFrame:
    """Compare the test accuracies of changed runs with those of the same seeds.

    `digits_differ` is the mean number of test images that both runs of a pair classify differently
    after the last epoch. `difference` is the mean paired difference of the test accuracies in
    percentage points, changed minus unchanged, with a 95% confidence interval.
    """
    rows = {}
    for name in (SGD, ADAM):
        own = take_last(choose(pairs, name, UNCHANGED)).set_index("seed")["errors"]
        for change, words in MISTAKES.items():
            changed = take_last(choose(pairs, name, change)).set_index("seed")
            if len(changed):
                apart = 100 * (own - changed["errors"]).dropna().astype(float) / TEST_SIZE
                rows[NAMES[name], words] = {
                    "seeds": len(apart),
                    "digits_differ": f"{changed['answers'].mean():.0f}",
                    "difference": show(find_mean(apart), 2),
                }
    return pd.DataFrame.from_dict(rows, orient="index")


def compare_spreads(pairs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Compare the spread that bits make with the spread that seeds make.

    `bits` is the standard deviation of the test accuracies, in percentage points, of runs with one
    seed that differ in bits alone, pooled over the seeds. `seeds` is the standard deviation of our
    runs. Both have a 95% confidence interval.
    """
    rows = {}
    last = take_last(pairs[pairs["change"].isin([UNCHANGED, *MISTAKES]) & (pairs["epoch"] == 20)])
    accuracies = 100 - 100 * last["errors"].astype(float) / TEST_SIZE
    for name, words in NAMES.items():
        own = accuracies[last["configuration"] == name]
        means = own.groupby(last["seed"]).transform("mean")
        freedom = len(own) - last.loc[own.index, "seed"].nunique()
        ours = runs.loc[runs["configuration"] == name, "test_accuracy"]
        if freedom > 0:
            bits = find_sd(((own - means) ** 2).sum() / freedom, freedom)
            rows[words] = {"runs": len(own), "bits": show(bits, 2), "of": len(ours)}
            rows[words]["seeds"] = show(find_sd(ours.var(), len(ours) - 1), 2)
    return pd.DataFrame.from_dict(rows, orient="index")


def tabulate_places(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the largest difference and the digits that differ, for bits of other weights.

    One seed and the same epoch for all rows of an optimizer.
    """
    rows = {}
    for name in (SGD, ADAM):
        other = pairs[(pairs["configuration"] == name) & pairs["change"].isin(PLACES)]
        for change in [FLIP, *PLACES]:
            found = choose(pairs, name, change).dropna(subset="answers")
            found = found[found["seed"].isin(other["seed"]) & found["epoch"].isin(other["epoch"])]
            for _, row in found[found["epoch"] == found["epoch"].max()].iterrows():
                rows[NAMES[name], change] = {
                    "seed": row["seed"],
                    "epoch": row["epoch"],
                    "largest": f"{row['largest']:.0e}",
                    "digits_differ": row["answers"],
                }
    return pd.DataFrame.from_dict(rows, orient="index")


def describe_bit(pairs: pd.DataFrame) -> list[str]:
    """Return sentences on SGD, Adam and a higher learning rate: what one flipped bit is worth."""
    sgd, adam, fast = (
        choose(pairs, name, FLIP).dropna(subset="answers") for name in (SGD, ADAM, FAST)
    )
    last, table = take_last(adam), compare_seeds(pairs).loc["Adam"]
    others = f" In percent of the digits that differ between two seeds, that is {table['share']}, "
    others += "with the 95% confidence interval in brackets."
    sentences = [
        "With SGD at its default learning rate, one flipped bit before the first step changes "
        f"{count(sgd)} of the 10,000 predicted digits after {describe_epochs(sgd)}.",
        f"With Adam, the same bit makes another run: after {last['epoch'].max()} epochs, "
        f"{last['answers'].mean():.0f} predicted digits differ on average "
        f"({count_seeds(last)}).{others if table['share'] != NONE else ''}",
    ]
    if len(fast):
        last = take_last(fast)
        sentences.append(
            f"SGD with the learning rate 0.05, five times ours, changes "
            f"{last['answers'].mean():.0f} predicted digits after {last['epoch'].max()} epochs "
            f"({count_seeds(last)})."
        )
    return sentences


def describe_rules(pairs: pd.DataFrame) -> list[str]:
    """Return a sentence on SGD and a sentence on Adam: what a broken rule of rounding changes."""
    names = [*MISTAKES][1:]
    sgd, adam = (choose(pairs, name, *names).dropna(subset="answers") for name in (SGD, ADAM))
    return [
        "Programs that round differently can be compared from one start because SGD keeps rounding "
        f"errors small: if every step breaks a rule of rounding, {count(sgd)} of the 10,000 "
        f"predicted digits differ after {describe_epochs(sgd)}.",
        "With Adam or RMSprop, only bit-identical weights can show that two programs compute one "
        f"run: with Adam, a broken rule changes {take_last(adam)['answers'].mean():.0f} predicted "
        f"digits on average ({count_seeds(adam)}).",
    ]


def describe_order(pairs: pd.DataFrame) -> list[str]:
    """Return a sentence on SGD and a sentence on Adam: what another order of additions changes."""
    order = [*MISTAKES][2]
    sgd, adam = (choose(pairs, name, order).dropna(subset="answers") for name in (SGD, ADAM))
    return [
        "With SGD, another order of additions changes the last bits of the weights, by at most "
        f"{sgd['largest'].max():.0e}, and {count(sgd)} of the 10,000 predicted digits after "
        f"{describe_epochs(sgd)}.",
        "With Adam, it changes the weights by up to "
        f"{adam['largest'].max():.1f} and {take_last(adam)['answers'].mean():.0f} digits.",
    ]


def count(rows: pd.DataFrame) -> str:
    """Return the largest number of digits that differ, as words."""
    most = rows["answers"].max()
    return f"at most {most}" if most else "none"


def describe_epochs(rows: pd.DataFrame) -> str:
    """Return the number of epochs and seeds as words."""
    return f"any of {rows['epoch'].max()} epochs ({count_seeds(rows)})"


def count_seeds(rows: pd.DataFrame) -> str:
    """Return the number of seeds as words."""
    seeds = rows["seed"].nunique()
    return f"{seeds} seed{'s' if seeds > 1 else ''}"
