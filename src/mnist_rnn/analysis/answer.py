"""Describe in sentences whether the published accuracy is typical, and why runs differ."""

import numpy as np
import pandas as pd

from mnist_rnn.analysis.claims import RESULT_KINDS
from mnist_rnn.analysis.statistics import (
    FEWEST,
    LAST,
    MEASURES,
    RANKED,
    combine_ranks,
    compare_means,
    compare_numbers,
    compare_seeds,
    find_interval,
    find_resolution,
    leave_one_out,
    rank_jointly,
    split,
    split_spread,
)
from mnist_rnn.analysis.tables import Results
from mnist_rnn.config import Configuration
from mnist_rnn.system.errors import RecordError

REPRODUCED = "notebook-2019"
DEFAULT = Configuration().name
# The smallest numbers of runs from which the sentences can be computed
NEEDED = {DEFAULT: FEWEST, "keras": 2, "keras_2019": 3, "seeded": 1}
# The runs of the author's code on the Keras of 2019 for two published results
OF_2019 = {REPRODUCED: "keras_2019", "notebook-2019-dropout": "keras_2019-dropout_0.2"}
ASKED = 97.6  # percent: a low test accuracy that some runs reach
NEAR = ({"learning_rate": 0.02}, {"units": 200})  # networks that show the slope of the mean loss
POWER = 2.8  # standard deviations between two means that are told apart in 80% of the cases
DRAWS = 10_000  # how many times published results are imitated by runs


def describe_answer(results: Results) -> list[str]:
    """Return the answer in one sentence, then paragraphs on our runs, the codes and all results."""
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
    published = choose_results(results.claims)
    published = published[published["configuration"] == DEFAULT]
    ours = results.runs.loc[results.runs["configuration"] == DEFAULT, "test_accuracy"]
    claim, others = published.loc[REPRODUCED], published.drop(REPRODUCED)
    said, less, equal, more = count_around(claim, ours)
    printed = f"{claim['published_test_accuracy']}%"
    sentences = [
        f"The published test accuracy of {printed} is {said} of our {len(ours)} runs: {equal} "
        f"round to {printed}, {less} are lower and {more} higher.",
        "Typical means: in the middle half of the runs.",
        f"Our runs have a mean of {row['mean']:.2f}%, a standard deviation (SD) of "
        f"{row['sd']:.2f} percentage points, and a range from {row['lowest']:.2f}% to "
        f"{row['highest']:.2f}%.",
    ]
    for name, other in others.iterrows():
        said, _, equal, more = count_around(other, ours)
        sentences.append(
            f"Another published run, `{name}`, has {other['published_test_accuracy']}%. "
            f"This is {said}: {equal + more} of our {len(ours)} runs reached it."
        )
    return sentences


def count_around(claim: pd.Series, ours: pd.Series) -> tuple[str, int, int, int]:
    """Return whether a published accuracy is typical, and how many runs are below, at and above."""
    printed, half = claim["published_test_accuracy"], claim["rounding"] / 2 + 1e-9
    less = int((ours < printed - half).sum())
    more = int((ours > printed + half).sum())
    equal = len(ours) - less - more
    middle = min(less, more) + equal >= len(ours) / 4
    return "typical" if middle else "not typical", less, equal, more


def describe_codes(runs: pd.DataFrame) -> list[str]:
    """Return sentences on the differences between our code and the author's code."""
    same = compare_seeds(runs, DEFAULT, "seeded")
    within = f"1e{np.ceil(np.log10(same['loss_apart'].max())):.0f}"
    ours, keras, old = (
        runs[runs["configuration"] == name] for name in (DEFAULT, "keras", "keras_2019")
    )
    losses = compare_means(*(np.log(each["mean_loss"]) for each in (ours, keras)))
    others = old["test_accuracy"].sort_values()
    without = compare_means(ours["test_accuracy"], others.iloc[1:])
    return [
        f"From the same start as {len(same)} of our runs, the author's code on today's Keras has "
        f"the same training losses within {within}. Its number of test errors is the same after "
        f"{same['same_errors'].sum()} of {same['epochs'].sum()} epochs.",
        "With other initial weights and orders, the mean loss of our runs differs from that of the "
        f"author's code by {100 * losses['difference']:.1f}% (95% confidence interval "
        f"{100 * losses['low']:.1f} to {100 * losses['high']:.1f}).",
        "In percentage points of test accuracy, our runs differ from the author's code by "
        f"{describe_difference(ours, keras)}, and by {describe_difference(ours, old)}. One run of "
        f"the old Keras has {others.iloc[0]:.2f}%; as a check, without it, the interval is from "
        f"{without['low']:.2f} to {without['high']:.2f}.",
    ]


def describe_difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Describe the difference between the mean test accuracies of two codes."""
    found = compare_means(ours["test_accuracy"], theirs["test_accuracy"])
    versions = " and ".join(sorted(set(theirs["keras"])))
    return (
        f"{found['difference']:.2f} ({found['low']:.2f} to {found['high']:.2f}) with Keras "
        f"{versions} ({len(theirs)} runs)"
    )


def describe_published(results: Results) -> list[str]:
    """Return sentences on all published results together."""
    published = choose_results(results.claims)
    numbers = results.numbers[results.numbers["claim"].isin(published.index)]
    low, high = imitate_results(numbers, results)
    names = [
        f"{row['published']:g} ({MEASURES[row['number']]})"
        for row in numbers[~numbers["inside"].astype(bool)].to_dict("records")
    ]
    outside = f", and outside {' and '.join(names)}" if names else ""
    return [
        f"Of {len(numbers)} numbers in {numbers['claim'].nunique()} published results, "
        f"{numbers['inside'].sum()} lie inside{outside}. This is weak evidence: by chance alone, "
        f"{low} to {high} would lie inside.",
        *describe_joint(results),
    ]


def imitate_results(numbers: pd.DataFrame, results: Results) -> tuple[int, int]:
    """Return the central 95% of the count inside, if each published result is a run left out."""
    random, total = np.random.default_rng(0), np.zeros(DRAWS, int)
    for claim, group in numbers.groupby("claim"):
        own = results.runs["configuration"] == results.claims.loc[claim, "configuration"]
        inside = leave_one_out(results.runs[own]).reindex(columns=group["number"])
        total += inside.sum(axis=1).to_numpy(int)[random.integers(0, len(inside), DRAWS)]
    low, high = np.quantile(total, [0.025, 0.975]).astype(int)
    return low, high


def describe_joint(results: Results) -> list[str]:
    """Return sentences on the exact joint test of the results with at least `RANKED` runs."""
    groups = split(results.runs)
    published = choose_results(results.claims)
    ranks: dict[str, list[tuple[int, int]]] = {}
    for _, claim in published[published.index.str.startswith("notebook")].iterrows():
        name = claim["configuration"]
        if len(groups.get(name, ())) >= RANKED:
            ranks.setdefault(name, []).append(rank_jointly(claim, groups[name]))
    if not ranks:
        return []
    p = combine_ranks([([rank for rank, _ in found], found[0][1]) for found in ranks.values()])
    of_2019 = (
        compare_numbers(results.claims.loc[name], groups[code]).loc["last_epoch_accuracy"]
        for name, code in OF_2019.items()
        if code in groups
    )
    missed = " and ".join(
        f"{row['published']:.2f} ({row['low']:.3f} to {row['high']:.3f})"
        for row in of_2019
        if not row["inside"]
    )
    return [
        f"Taken together, the {sum(map(len, ranks.values()))} results of notebooks with at least "
        f"{RANKED} runs differ from our runs by {'more' if p < 0.05 else 'no more'} than chance "
        f"explains (exact p = {p:.3f}).",
        "With the Keras of 2019, even the author's own code has other training accuracies than "
        f"{missed or 'none'}.",
    ]


def describe_others(results: Results) -> list[str]:
    """Return sentences on what the published numbers can tell apart."""
    pairs = compare_other_networks(results.claims, results.runs)
    compared, simple = (
        each["test_accuracy"].dropna().astype(bool) for each in (pairs, pairs[pairs["simple"]])
    )
    groups = split(results.runs)
    told = " or ".join(
        f"{find_resolution(groups[DEFAULT], groups[Configuration(**near).name], *near):.0f}% in "
        f"`{' '.join(near)}`"
        for near in NEAR
    )
    spread = groups[DEFAULT]["test_accuracy"].std() * np.sqrt(1 + 1 / len(groups[DEFAULT]))
    return [
        "The test accuracy tells few networks apart: in "
        f"{compared.sum()} of {len(compared)} comparisons of a result with another network, it "
        f"lies inside. So it does in {simple.sum()} of {len(simple)} between our SimpleRNNs.",
        f"All numbers of a result lie inside in {pairs['all'].sum()} of {len(pairs)} comparisons; "
        f"{len(pairs) - len(compared)} have no test accuracy after the same epoch.",
        "The mean loss of one run tells more: by interpolation, a change of "
        f"{told} puts half of the runs outside the prediction interval.",
        "One run's test accuracy shows a difference between means of "
        f"{POWER * spread:.2f} percentage points with a probability of 80%.",
    ]


def describe_spread(runs: pd.DataFrame) -> list[str]:
    """Return sentences on why the runs of the default configuration differ."""
    own = runs[runs["configuration"] == DEFAULT].set_index("seed")
    parts, reached = split_spread(own), own["test_accuracy"]
    losses = np.array(own["loss_by_epoch"].tolist())
    late = 100 - np.array(own["test_errors_by_epoch"].tolist())[:, -LAST:].mean(axis=1) / 100
    low, high = find_interval("test_accuracy", reached)
    ends = [find_interval("loss", pd.Series(losses[:, epoch])) for epoch in (0, -1)]
    middle = find_interval("test_accuracy", pd.Series(late))
    between, within, stable, images, other, _, rise, best = parts.values()
    place = (reached >= reached[0]).sum()
    return [
        "The original sets no seed: each run has other initial weights and another image order.",
        "The test accuracy jumps from epoch to epoch as much as it differs between runs. Within "
        f"the last {LAST} epochs of a run, its SD is {within:.2f} percentage points, and between "
        f"runs {between:.2f}. Differences that last over these epochs have an SD of {stable:.2f}.",
        "So the accuracy after the last epoch is largely luck.",
        f"Runs from {low:.2f}% to {high:.2f}% are expected (95%); {(reached <= ASKED).sum()} of "
        f"our {len(reached)} runs have {ASKED}% or less.",
        "Better compare the training losses of the first epoch "
        f"({ends[0][0]:.2f} to {ends[0][1]:.2f}) and the last ({ends[1][0]:.3f} to "
        f"{ends[1][1]:.3f}). Or compare the mean test accuracy of the last {LAST} epochs "
        f"({middle[0]:.2f}% to {middle[1]:.2f}%).",
        "Best is the same start: `make reproduce` repeats our run with seed 0, by chance "
        f"{'the best' if place == 1 else f'number {place}'} of {len(reached)} "
        f"({reached[0]:.2f}%).",
        f"The mean rises by {rise:.2f} points per epoch; the best epochs of the runs have a mean "
        f"of {best:.2f}%.",
        "If images were misclassified independently, each with its own probability, the SD between "
        f"runs would be {images:.2f}. The rest of the variance, an SD of {other:.2f}, would remain "
        "with other test images.",
    ]


def choose_results(claims: pd.DataFrame) -> pd.DataFrame:
    """Return the published results, which are the claims of kind `run` or `table`."""
    return claims[claims["kind"].isin(RESULT_KINDS)]


def compare_other_networks(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Say for each result and each other network whether the network's intervals contain it.

    `test_accuracy` is missing if it can't be compared after the same epoch. `all` is about all
    numbers, and `simple` marks SimpleRNNs of our code. Pairs without a common number are left out.
    """
    groups = split(runs)
    published = choose_results(claims)
    near = claims.loc[claims["kind"] == "near_miss", "configuration"]
    networks, rows = {*published["configuration"], *near} & groups.keys(), []
    for _, claim in published.iterrows():
        own = claim["configuration"]
        for name in networks - {own}:
            inside = compare_numbers(claim, groups[name])["inside"]
            simple = name.startswith("simple_rnn") and own.startswith("simple_rnn")
            if len(inside):
                accuracy = inside.get("test_accuracy")
                rows.append({"test_accuracy": accuracy, "all": inside.all(), "simple": simple})
    return pd.DataFrame(rows)
