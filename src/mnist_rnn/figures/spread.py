"""The figures of how runs of one configuration are spread, each with its caption."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mnist_rnn.claims import equivalence
from mnist_rnn.config import NUM_CLASSES, TEST_SIZE
from mnist_rnn.figures.captioned import BLUE, DARK, ORANGE, CaptionedFigure, default_style
from mnist_rnn.figures.results import CLAIM
from mnist_rnn.figures.training import draw_confusion, draw_mistakes
from mnist_rnn.records.record import Record

TIE = 1e-6  # percentage points: accuracies are sums of fractions


@default_style
def draw_distributions(groups: dict[str, np.ndarray], claim: pd.Series) -> CaptionedFigure:
    """How the last accuracies of `group_accuracies` are spread, beside that of a claim."""
    fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
    halves, reached = [], []
    published, half = claim["published_test_accuracy"], claim["rounding"] / 2
    for name, color in ((equivalence.OURS, BLUE), (equivalence.KERAS, DARK)):
        last = groups[name][:, -1]
        if not len(last):
            continue
        ax.ecdf(last, color=color, label=f"{name} ({len(last)} runs)")
        quartiles = " to ".join(f"{quartile:.2f}%" for quartile in np.quantile(last, [0.25, 0.75]))
        halves.append(f"half of the runs of {name} lie from {quartiles}")
        reached.append(f"{name}, {(last > published - half - TIE).sum()} of {len(last)}")
    ax.axvline(published, color=ORANGE, ls="--", label="published")
    ax.set(xlabel="test accuracy (%)", ylabel="share of runs up to it", ylim=(0, 1))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, loc="upper left")
    return CaptionedFigure(
        fig,
        f"Steps that rise from 0 to 1: {'; '.join(halves)}. Published: {published}%. "
        "The share of runs with at most this test accuracy. Runs with at least "
        f"{published - half:.2f}%, half a unit below the published number: "
        f"{'; '.join(reached)}.",
    )


@default_style
def draw_test_accuracies(accuracies: np.ndarray, claim: pd.Series) -> CaptionedFigure:
    """Test accuracies (runs, epochs) in percent, a line a run, and the one of a claim."""
    fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
    runs, epochs = accuracies.shape
    published = claim["published_test_accuracy"]
    ax.plot(np.arange(1, epochs + 1), accuracies.T, color=BLUE, lw=0.8, alpha=0.5)
    ax.plot(epochs, published, **CLAIM)
    ax.set(xlabel="epoch", ylabel="test accuracy (%)", xticks=[1, 5, 10, 15, 20])
    ax.grid(alpha=0.3)
    falls = equivalence.find_falls(accuracies)
    starts, ends = (
        f"{column.min():.2f}% to {column.max():.2f}%" if runs else "no run"
        for column in (accuracies[:, 0], accuracies[:, -1])
    )
    return CaptionedFigure(
        fig,
        f"The test accuracy of each run after each epoch: after the first, {starts}; after the "
        f"last, {ends}. Published: {published}%. "
        f"One line per run (runs: {runs}); the diamond is what one published run reached. From one "
        f"epoch to the next the accuracy falls by half a percentage point or more in {falls.sum()} "
        f"of {falls.size} cases.",
    )


@default_style
def draw_confusions(records: list[Record]) -> CaptionedFigure:
    """How often each test digit was read as each digit, in all these runs."""
    matrix = np.zeros((NUM_CLASSES, NUM_CLASSES), int)
    for run in records:
        matrix += run.test.confusion_matrix
    return draw_confusion(matrix, f"the test images and the default runs (runs: {len(records)})")


@default_style
def draw_common_mistakes(
    records: list[Record], images: np.ndarray, y: np.ndarray
) -> CaptionedFigure:
    """The 18 test images that most of these runs misclassify; `images` (10000, 28, 28) are all."""
    named = np.zeros((TEST_SIZE, NUM_CLASSES), int)
    for run in records:
        named[list(run.mistakes), list(run.mistakes.values())] += 1
    wrong = named.sum(axis=1)
    worst = np.argsort(-wrong, kind="stable")[:18]
    worst = worst[wrong[worst] > 0]
    by_one, by_every = (wrong > 0).sum(), ((wrong > 0) & (wrong == len(records))).sum()
    return draw_mistakes(
        images[worst],
        y[worst],
        named[worst] / len(records),
        f"Of {TEST_SIZE:,} test images, {by_one} are misclassified by at least one run of the "
        f"default configuration and {by_every} by every run (runs: {len(records)}). Shown are "
        "those that most runs misclassify, in this order, with the most frequent answer and the "
        "share of runs that gave it.",
    )
