"""Describe in sentences whether the published accuracy is typical, and how much runs vary."""

import numpy as np
import pandas as pd
from scipy import stats

from mnist_rnn.analysis.claims import RESULTS
from mnist_rnn.analysis.statistics import (
    RANKED,
    compare_means,
    compare_numbers,
    compare_seeds,
    predict,
    rank_jointly,
)
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
    accuracies = numbers[numbers["number"] == "test_accuracy"].set_index("claim")["inside"]
    typical = "typical" if accuracies[REPRODUCED] else "not typical"
    same = compare_seeds(runs, default, "seeded")
    within = f"1e{np.ceil(np.log10(same['loss_apart'].max())):.0f}"
    pairs = compare_other_networks(results.claims, runs).values()
    accurate = sum(bool(inside.get("test_accuracy", False)) for inside in pairs)
    codes = {
        name: compare_means(ours, runs.loc[runs["configuration"] == name, "test_accuracy"])
        for name in ("keras", "keras_2019")
    }
    apart = max(abs(code[end]) for code in codes.values() for end in ("low", "high"))
    each_code = (describe_code(runs, name, found) for name, found in codes.items())
    ranks = rank_notebooks(published, runs).values()
    chances = sorted(far / count for far, count in ranks) or [np.nan]
    others = published[published["configuration"] == default].drop(REPRODUCED)
    lowest = others["test_accuracy"] - others["test_accuracy_half_unit"]
    reached = (
        f"`{name}` published {others.loc[name, 'test_accuracy']}% for the same network; "
        f"{(ours >= low).sum()} of the {len(ours)} runs reached it, and it lies "
        f"{'inside' if accuracies[name] else 'outside'} the 95% prediction interval."
        for name, low in lowest.items()
    )
    return [
        f"The published test accuracy of {claim['test_accuracy']}% is {typical}: of our "
        f"{len(ours)} runs, "
        f"{len(ours) - less - more} round to it, {less} to less and {more} to more (mean "
        f"{row['mean']:.2f}%, SD {row['sd']:.2f}, range {row['lowest']:.2f} to "
        f"{row['highest']:.2f}).",
        " ".join(reached),
        "The mean test accuracy of the author's code differs from ours by at most "
        f"{np.ceil(10 * apart) / 10:.1f} points: our mean minus its mean is "
        f"{' and '.join(each_code)}.",
        "With our initial weights and image orders, his code on today's Keras stays within "
        f"{within} of our training loss for {same['epochs'].max()} epochs ({len(same)} of "
        f"{len(same)} runs).",
        f"Of {len(numbers)} numbers from {len(by_result)} published results, "
        f"{numbers['inside'].sum()} lie in the 95% prediction intervals of runs of the same "
        f"network; by chance, at most {0.05 * len(numbers):.0f} would miss on average.",
        f"All numbers lie inside for {by_result.sum()} of the {len(by_result)} results, but only "
        f"for {sum(map(all, pairs))} of {len(pairs)} pairs of a result and another network's runs "
        f"(by the test accuracy alone, {accurate}).",
        f"For the author's notebooks with at least {RANKED} runs, a joint rank test of all numbers "
        f"gives p = {', '.join(f'{p:.2f}' for p in chances)}; Fisher's combination of these "
        f"p-values is {stats.combine_pvalues(chances).pvalue:.2f}.",
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
        "RMSprop with dropout": Configuration(optimizer="rmsprop", dropout=0.2),
    }
    found = {words: runs[runs["configuration"] == c.name] for words, c in others.items()}
    means = (f"{words} {describe_runs(group)['mean']:.2f}%" for words, group in found.items())
    return [
        "The original sets no seed, so each run has different initial weights and image orders.",
        f"A run's accuracy is from {low:.2f}% to {high:.2f}% with a probability of about 95%, like "
        f"that of {reached.between(low, high).sum()} of our {len(reached)} runs; "
        f"{(reached <= ASKED).sum()} end at {ASKED}% or lower.",
        f"Half of all pairs of our runs differ by more than {np.median(apart):.2f} points, "
        f"{(apart > 0.5).mean():.0%} by more than 0.5.",
        "In proportion, the training loss varies less than the test error: it is from "
        f"{first[0]:.2f} to {first[1]:.2f} in the first epoch, and from {last[0]:.3f} to "
        f"{last[1]:.3f} in the last.",
        "The committed model is the first run, seed 0. It happens to be "
        f"{'the best' if best == 1 else f'number {best}'} of the {len(reached)}, with "
        f"{reached[0]:.2f}%; expect {reached.mean():.2f}%.",
        f"The mean depends on the optimizer, at its default learning rate: {', '.join(means)}.",
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


def rank_notebooks(published: pd.DataFrame, runs: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return `rank_jointly` of each notebook's result whose network has at least RANKED runs."""
    groups = dict(list(runs.groupby("configuration", sort=False)))
    return {
        name: rank_jointly(claim, groups[claim["configuration"]])
        for name, claim in published[published.index.str.startswith("notebook")].iterrows()
        if len(groups.get(claim["configuration"], ())) >= RANKED
    }


def describe_code(runs: pd.DataFrame, configuration: str, found: dict[str, float]) -> str:
    """Return a difference of means in words, with the original's Keras and its number of runs."""
    own = runs[runs["configuration"] == configuration]
    versions = " and ".join(sorted(set(own["keras"])))
    return (
        f"{found['difference']:.2f} (95% confidence interval {found['low']:.2f} to "
        f"{found['high']:.2f}) for {len(own)} runs on Keras {versions}"
    )
