"""Describe in sentences whether the published accuracy is typical, and how much runs vary."""

import numpy as np
import pandas as pd

from mnist_rnn.analysis.claims import RESULT_KINDS
from mnist_rnn.analysis.statistics import (
    FEWEST,
    RANKED,
    compare_means,
    compare_numbers,
    compare_seeds,
    find_interval,
    rank_jointly,
    split,
)
from mnist_rnn.analysis.tables import Results
from mnist_rnn.config import Configuration
from mnist_rnn.errors import RecordError

REPRODUCED = "notebook-2019"
# The smallest numbers of runs from which the sentences can be computed
NEEDED = {Configuration().name: FEWEST, "keras": 2, "keras_2019": 2, "seeded": 1}
ASKED = 97.6  # percent: a low test accuracy that some runs reach


def describe_answer(results: Results) -> list[str]:
    """Return the answer in one sentence, then paragraphs on our runs, the codes and all results.

    Raises:
        RecordError: a configuration in `NEEDED` has too few runs.
    """
    counts = results.runs["configuration"].value_counts()
    for name, needed in NEEDED.items():
        if (got := counts.get(name, 0)) < needed:
            raise RecordError(
                f"{name}: expected at least {needed} runs, got {got}. "
                "`make report` makes a page of any runs."
            )
    typical, *runs = describe_reproduced(results)
    more = (runs, describe_codes(results.runs), describe_published(results))
    return [typical, *map(" ".join, more)]


def describe_reproduced(results: Results) -> list[str]:
    """Return sentences on the published test accuracies of the default configuration."""
    row = results.accuracy.set_index("claim").loc[REPRODUCED]
    published, default = choose_results(results.claims), Configuration().name
    published, claim = published[published["configuration"] == default], published.loc[REPRODUCED]
    ours = select_accuracies(results.runs, default)
    half = claim["test_accuracy_half_unit"] + 1e-9
    less = (ours < claim["test_accuracy"] - half).sum()
    more = (ours > claim["test_accuracy"] + half).sum()
    equal = len(ours) - less - more
    numbers = results.numbers[results.numbers["number"] == "test_accuracy"]
    inside = numbers.set_index("claim")["inside"]
    others = published.drop(REPRODUCED)
    lowest = others["test_accuracy"] - others["test_accuracy_half_unit"]
    reached = (
        f"Another published result for the same network, `{name}`, is "
        f"{others.loc[name, 'test_accuracy']}%, which {(ours >= low).sum()} of our {len(ours)} "
        "runs reached or exceeded."
        for name, low in lowest.items()
    )
    return [
        f"The published test accuracy of {claim['test_accuracy']}% is "
        f"{'typical' if inside[REPRODUCED] else 'not typical'} of our "
        f"{len(ours)} runs: {equal} round to {claim['test_accuracy']}%, {less} are lower and "
        f"{more} are higher.",
        f"Our {len(ours)} runs have a mean test accuracy of {row['mean']:.2f}%, a standard "
        f"deviation of {row['sd']:.2f} percentage points, and a range from {row['lowest']:.2f}% "
        f"to {row['highest']:.2f}%.",
        *reached,
    ]


def describe_codes(runs: pd.DataFrame) -> list[str]:
    """Return sentences on the differences between our code and the author's code."""
    default = Configuration().name
    ours = select_accuracies(runs, default)
    codes = {
        name: compare_means(ours, select_accuracies(runs, name)) for name in ("keras", "keras_2019")
    }
    apart = max(abs(code[end]) for code in codes.values() for end in ("low", "high"))
    each_code = (describe_code(runs, name, found) for name, found in codes.items())
    same = compare_seeds(runs, default, "seeded")
    within = f"1e{np.ceil(np.log10(same['loss_apart'].max())):.0f}"
    return [
        "According to 95% confidence intervals, the mean test accuracies of our code and the "
        f"author's code differ by at most {np.ceil(100 * apart) / 100:.2f} percentage points. "
        + " ".join(each_code),
        "We ran the author's code on today's Keras with the initial weights and image orders of "
        f"{len(same)} of our runs. In all {same['epochs'].max()} epochs of these runs, the "
        f"training losses of our code and the author's code differ by at most {within}.",
    ]


def describe_published(results: Results) -> list[str]:
    """Return sentences on all published results, and on other networks' intervals."""
    published = choose_results(results.claims)
    numbers = results.numbers[results.numbers["claim"].isin(published.index)]
    by_result = numbers.groupby("claim")["inside"].all()
    pairs = compare_other_networks(results.claims, results.runs)
    return [
        f"Of {len(numbers)} numbers in {len(by_result)} published results, "
        f"{numbers['inside'].sum()} lie inside the 95% prediction intervals of runs of the same "
        f"network. By chance alone, about {0.05 * len(numbers):.0f} of {len(numbers)} numbers lie "
        f"outside. For {by_result.sum()} of the {len(by_result)} published results, every "
        "published number lies inside.",
        "To see how well published numbers distinguish networks, we compared each published result "
        f"with the runs of each other network. In {pairs['test_accuracy'].sum()} of {len(pairs)} "
        "comparisons, the test accuracy lies inside the other network's interval. In "
        f"{pairs['all'].sum()} comparisons, all numbers lie inside.",
    ]


def describe_spread(runs: pd.DataFrame) -> list[str]:
    """Return sentences on how much the results of the default configuration depend on the seed."""
    own = runs[runs["configuration"] == Configuration().name].set_index("seed")
    reached, losses = own["test_accuracy"], np.array(own["loss_by_epoch"].tolist())
    (low, high), first, last = (
        find_interval("test_accuracy", reached),
        find_interval("loss", pd.Series(losses[:, 0])),
        find_interval("loss", pd.Series(losses[:, -1])),
    )
    apart = np.abs(reached.to_numpy()[:, None] - reached.to_numpy())
    apart = apart[np.triu_indices(len(reached), 1)]
    best = (reached >= reached[0]).sum()
    return [
        "The original sets no seed, so each run of the original has different initial weights and "
        "image orders.",
        f"With a probability of about 95%, the test accuracy of one further run is from {low:.2f}% "
        f"to {high:.2f}%. Of our {len(reached)} runs, {reached.between(low, high).sum()} lie in "
        f"this prediction interval, and {(reached <= ASKED).sum()} have a test accuracy of "
        f"{ASKED}% or lower.",
        "In half of all pairs of our runs, the test accuracies differ by more than "
        f"{np.median(apart):.2f} percentage points. In {(apart > 0.5).mean():.0%} of all pairs of "
        "our runs, the test accuracies differ by more than 0.5 percentage points.",
        "With a probability of about 95%, the training loss of one further run is from "
        f"{first[0]:.2f} to {first[1]:.2f} in the first epoch, and from {last[0]:.3f} to "
        f"{last[1]:.3f} in the last epoch.",
        "The committed model is our run with seed 0. By chance, the run with seed 0 is "
        f"{'the best' if best == 1 else f'number {best}'} of our {len(reached)} runs, with a test "
        f"accuracy of {reached[0]:.2f}%. For another seed, expect a test accuracy near the mean of "
        f"our runs, {reached.mean():.2f}%.",
    ]


def select_accuracies(runs: pd.DataFrame, configuration: str) -> pd.Series:
    """Return the test accuracies of the runs of a configuration, in percent."""
    return runs.loc[runs["configuration"] == configuration, "test_accuracy"]


def choose_results(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the published results, which are the claims of kind `run` or `table`."""
    return claims[claims["kind"].isin(RESULT_KINDS)]


def compare_other_networks(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Compare each published result with the runs of every other network.

    Returns:
        One row per pair of a `claim` and another network's `configuration`. The other network
        belongs to another published result or to a near miss. `test_accuracy` says whether the
        published test accuracy lies inside the other network's interval. `all` says whether all
        published numbers lie inside this network's intervals. Pairs for which no number can be
        compared are left out.
    """
    groups = split(runs)
    published = choose_results(claims)
    near = claims.loc[claims["kind"] == "near_miss", "configuration"]
    found = {
        (result, name): compare_numbers(claim, groups[name])["inside"]
        for result, claim in published.iterrows()
        for name in sorted({*published["configuration"], *near} & groups.keys())
        if name != claim["configuration"]
    }
    rows = [
        (*names, bool(inside.get("test_accuracy")), bool(inside.all()))
        for names, inside in found.items()
        if len(inside)
    ]
    return pd.DataFrame(rows, columns=["claim", "configuration", "test_accuracy", "all"])


def rank_notebooks(published: pd.DataFrame, runs: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return the result of `rank_jointly` for each notebook with at least `RANKED` runs."""
    groups = split(runs)
    return {
        name: rank_jointly(claim, groups[claim["configuration"]])
        for name, claim in published[published.index.str.startswith("notebook")].iterrows()
        if len(groups.get(claim["configuration"], ())) >= RANKED
    }


def describe_code(runs: pd.DataFrame, configuration: str, found: dict[str, float]) -> str:
    """Return a sentence on the difference between our mean and the mean of the author's code."""
    own = runs[runs["configuration"] == configuration]
    versions = " and ".join(sorted(set(own["keras"])))
    return (
        f"The mean of our runs minus the mean of {len(own)} runs of the author's code on Keras "
        f"{versions} is {found['difference']:.2f} percentage points (95% confidence interval "
        f"{found['low']:.2f} to {found['high']:.2f})."
    )
