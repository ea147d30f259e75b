"""Describe in sentences whether the published accuracy is typical, and how much runs vary."""

import numpy as np
import pandas as pd

from mnist_rnn.analysis.claims import RESULTS
from mnist_rnn.analysis.statistics import compare_means, compare_numbers, compare_seeds, predict
from mnist_rnn.analysis.tables import Results, describe_runs
from mnist_rnn.config import Configuration

REPRODUCED = "notebook-2019"
ASKED = 97.6  # percent: an accuracy that users reach and ask about


def describe_answer(results: Results) -> list[str]:
    """Return sentences on the reproduced notebook, then on all published results."""
    runs, published = results.runs, choose_results(results.claims)
    row = results.accuracy.set_index("claim").loc[REPRODUCED]
    default, claim = Configuration().name, published.loc[REPRODUCED]
    ours = runs.loc[runs["configuration"] == default, "test_accuracy"]
    half = claim["test_accuracy_half_unit"] + 1e-9
    less = (ours < claim["test_accuracy"] - half).sum()
    more = (ours > claim["test_accuracy"] + half).sum()
    numbers = results.numbers[results.numbers["claim"].isin(published.index)]
    by_result = numbers.groupby("claim")["inside"].all()
    typical = numbers.set_index(["claim", "number"]).loc[(REPRODUCED, "test_accuracy"), "inside"]
    same = compare_seeds(runs, default, "seeded")
    within = f"1e{np.ceil(np.log10(same['loss_apart'].max())):.0f}"
    pairs = [all(inside) for inside in compare_other_networks(results.claims, runs).values()]
    others = published[published["configuration"] == default].drop(REPRODUCED)
    lowest = others["test_accuracy"] - others["test_accuracy_half_unit"]
    reached = (
        f"`{name}` published {others.loc[name, 'test_accuracy']}% for the same network; "
        f"{(ours >= low).sum()} of the {len(ours)} runs reached it."
        for name, low in lowest.items()
    )
    return [
        f"The published {claim['test_accuracy']}% is {'' if typical else 'not '}typical: of our "
        f"{len(ours)} runs, {len(ours) - less - more} round to it, {less} to less and {more} to "
        f"more (mean {row['mean']:.2f}%, SD {row['sd']:.2f}, range {row['lowest']:.2f} to "
        f"{row['highest']:.2f}).",
        " ".join(reached),
        "The author's code has nearly the same mean: ours minus its mean is "
        f"{describe_code(runs, 'keras')} and {describe_code(runs, 'keras_2019')}, with 95% "
        "confidence intervals in brackets.",
        "With our initial weights and image orders, his code on today's Keras stays within "
        f"{within} of our training loss for {same['epochs'].max()} epochs ({len(same)} of "
        f"{len(same)} runs).",
        f"Of {len(numbers)} numbers from {len(by_result)} published results, "
        f"{numbers['inside'].sum()} lie in the 95% prediction intervals of runs of the same "
        f"network; at most {0.05 * len(numbers):.0f} misses are expected by chance.",
        f"All numbers lie inside for {by_result.sum()} of the {len(by_result)} results, but only "
        f"for {sum(pairs)} of {len(pairs)} pairs of a result and another network's runs.",
    ]


def describe_spread(runs: pd.DataFrame) -> list[str]:
    """Return sentences on the default run that say how much the result depends on the seed."""
    own = runs[runs["configuration"] == Configuration().name].set_index("seed")
    reached, losses = own["test_accuracy"], np.array(own["loss_by_epoch"].tolist())
    (low, high), first, last = (
        predict("test_accuracy", reached),
        predict("loss", pd.Series(losses[:, 0])),
        predict("loss", pd.Series(losses[:, -1])),
    )
    apart = np.abs(reached.to_numpy()[:, None] - reached.to_numpy())
    apart = apart[np.triu_indices(len(reached), 1)]
    best = (reached >= reached[0]).sum()
    others = {
        "Adam": Configuration(optimizer="adam"),
        "SGD with dropout": Configuration(dropout=0.2),
        "RMSprop with dropout": Configuration(optimizer="rmsprop", dropout=0.2),
    }
    found = {words: runs[runs["configuration"] == c.name] for words, c in others.items()}
    means = (f"{words} {describe_runs(group)['mean']:.2f}%" for words, group in found.items())
    return [
        "The original sets no seed, so each run has different initial weights and image orders.",
        f"A run's accuracy is from {low:.2f}% to {high:.2f}% with a probability of about 95%; "
        f"{(reached <= ASKED).sum()} of our {len(reached)} end at {ASKED}% or lower.",
        f"Half of all pairs of runs differ by more than {np.median(apart):.2f} points, "
        f"{(apart > 0.5).mean():.0%} by more than 0.5.",
        f"The training loss varies less: from {first[0]:.2f} to {first[1]:.2f} in the first epoch, "
        f"from {last[0]:.3f} to {last[1]:.3f} in the last.",
        f"The committed model, seed 0, is by chance {'the best' if best == 1 else f'number {best}'}"
        f" of the {len(reached)}, with {reached[0]:.2f}%.",
        f"The mean depends on the settings: {', '.join(means)}.",
    ]


def choose_results(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the claims that are published results: printed by a run, or from a table."""
    return claims[claims["kind"].isin(RESULTS)]


def compare_other_networks(
    claims: pd.DataFrame, runs: pd.DataFrame
) -> dict[tuple[str, str], pd.Series]:
    """Return which numbers of a result lie inside the intervals of another network's runs.

    There is one item per pair of a published result and a configuration that differs from its own.
    These configurations are those of published results and near misses. Results without a number
    to compare are left out.
    """
    groups = dict(list(runs.groupby("configuration", sort=False)))
    published = choose_results(claims)
    near = claims.loc[claims["kind"] == "near_miss", "configuration"]
    pairs = {
        (result, name): compare_numbers(claim, groups[name])["inside"]
        for result, claim in published.iterrows()
        for name in sorted({*published["configuration"], *near} & groups.keys())
        if name != claim["configuration"]
    }
    return {names: inside for names, inside in pairs.items() if len(inside)}


def describe_code(runs: pd.DataFrame, configuration: str) -> str:
    """Compare our mean accuracy with that of an original's code; return the difference as text."""
    ours, other = (
        runs[runs["configuration"] == name] for name in (Configuration().name, configuration)
    )
    found = compare_means(ours["test_accuracy"], other["test_accuracy"])
    versions = " and ".join(sorted(set(other["keras"])))
    return (
        f"{found['difference']:.2f} points ({found['low']:.2f} to {found['high']:.2f}) on Keras "
        f"{versions} ({len(other)} runs)"
    )
