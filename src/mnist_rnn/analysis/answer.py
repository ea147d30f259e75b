"""Describe in sentences whether the published accuracy is typical, and how much runs vary."""

import numpy as np
import pandas as pd

from mnist_rnn.analysis.claims import RESULTS
from mnist_rnn.analysis.statistics import compare_seeds
from mnist_rnn.analysis.tables import Results, describe_runs
from mnist_rnn.config import Configuration

REPRODUCED = "notebook-2019"
ASKED = 97.6  # percent: an accuracy that users reach and ask about


def describe_answer(results: Results) -> list[str]:
    """Return sentences on the reproduced notebook, then on all published results."""
    runs, claim = results.runs, results.claims.loc[REPRODUCED]
    published, half = claim["test_accuracy"], claim["test_accuracy_half_unit"]
    row = results.accuracy.set_index("claim").loc[REPRODUCED]
    default = Configuration().name
    away = runs.loc[runs["configuration"] == default, "test_accuracy"] - published
    below, above = (away < -half - 1e-9).sum(), (away > half + 1e-9).sum()
    number = results.numbers.set_index(["claim", "number"]).loc[REPRODUCED, "test_accuracy"]
    same = compare_seeds(runs, default, "seeded")
    within = f"1e{np.ceil(np.log10(same['loss_apart'].max())):.0f}"
    numbers = results.numbers[results.numbers["claim"].isin(choose_results(results.claims).index)]
    inside = numbers["inside"].sum()
    count, typical = len(away), "typical" if number["inside"] else "not typical"
    return [
        f"The published {published}% is {typical}: of our {count} runs, {below} end below it, "
        f"{count - below - above} round to it, {above} end above (mean {row['mean']:.2f}%, "
        f"SD {row['sd']:.2f}, range {row['lowest']:.2f} to {row['highest']:.2f}).",
        f"The author's code gives {describe_code(runs, 'keras')} and "
        f"{describe_code(runs, 'keras_2019')}.",
        f"Started from our weights and image orders, its training loss stays within {within} "
        f"nats of ours for {same['epochs'].max()} epochs ({len(same)} of {len(same)} runs).",
        f"Over all {numbers['claim'].nunique()} published results, {inside} of {len(numbers)} "
        "printed numbers lie in the 95% prediction intervals of runs of their configuration; "
        f"{0.05 * len(numbers):.0f} misses are expected by chance.",
    ]


def describe_spread(runs: pd.DataFrame) -> list[str]:
    """Return sentences on the default run that say how much the result depends on the seed."""
    seeds = runs[runs["configuration"] == Configuration().name].set_index("seed")["test_accuracy"]
    reached = seeds.to_numpy()
    low, best = (reached <= ASKED).sum(), (reached >= seeds[0]).sum()
    apart = np.abs(reached[:, None] - reached)[np.triu_indices(len(reached), 1)]
    others = {
        "Adam": Configuration(optimizer="adam"),
        "RMSprop, with dropout,": Configuration(optimizer="rmsprop", dropout=0.2),
    }
    found = {name: runs[runs["configuration"] == c.name] for name, c in others.items()}
    means = (f"{name} {describe_runs(own)['mean']:.2f}%" for name, own in found.items())
    return [
        f"{low} of our {len(reached)} runs ({low / len(reached):.0%}) end at {ASKED}% or lower. "
        "They differ from the others in their seed alone, and the original sets none.",
        f"Two runs differ by {np.median(apart):.2f} points in the median, and "
        f"{(apart > 0.5).mean():.0%} of all pairs by more than half a point.",
        f"The committed model, seed 0, reaches {seeds[0]:.2f}%: "
        f"{'the best' if best == 1 else f'number {best}'} of the {len(reached)}.",
        f"Other optimizers reach less on average: {' and '.join(means)}.",
    ]


def choose_results(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims that are published results: printed by a run, or from a table."""
    return claims[claims["kind"].isin(RESULTS)]


def describe_code(runs: pd.DataFrame, configuration: str) -> str:
    """Return mean and standard deviation of runs by an original's code, and their Keras version."""
    own = runs[runs["configuration"] == configuration]
    versions = " and ".join(sorted(set(own["keras"])))
    row = describe_runs(own)
    return f"{row['mean']:.2f} ± {row['sd']:.2f}% on Keras {versions} ({row['runs']} runs)"
