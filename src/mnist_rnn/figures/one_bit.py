"""Draw the figures of 06_one_bit.ipynb: runs that differ in one bit, and runs of two seeds."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mnist_rnn.analysis.one_bit import (
    ADAM,
    FLIP,
    MISTAKES,
    NAMES,
    SGD,
    UNCHANGED,
    choose,
    choose_seeds,
    find_mean,
    take_last,
)
from mnist_rnn.config import TEST_SIZE
from mnist_rnn.figures.captioned import BLUE, DARK, LIGHT, CaptionedFigure, default_style

GREEN = "#00795a"  # the pair that the notebook has trained


@default_style
def draw_growth(pairs: pd.DataFrame, trained: pd.DataFrame | None = None) -> CaptionedFigure:
    """Draw the differences of the weights by step, one line per seed, for each configuration."""

    def draw(ax: Axes, name: str) -> None:
        for rows, color in find_lines(pairs, trained, name):
            rows = rows[rows["step"] > 0]
            steps = rows["step"].astype(int)
            ax.plot(steps, rows["largest"], color=DARK if color == BLUE else color, lw=0.8, ls=":")
            ax.plot(steps, rows["rms"], color=color, lw=1)
        ax.set(xscale="log", yscale="log", ylim=(1e-12, 3))

    fig, shown = draw_panels(pairs, trained, draw)
    fig.supxlabel("training step", size=9)
    fig.supylabel("difference of the weights", size=9)
    lines = [Line2D([], [], color=BLUE, lw=1), Line2D([], [], color=DARK, lw=0.8, ls=":")]
    show_legend(fig, lines, ["root mean square", "largest"], trained)
    sgd, adam = (take_last(choose(pairs, name, FLIP))["largest"].max() for name in (SGD, ADAM))
    return CaptionedFigure(
        fig,
        f"Before the first step, one bit of one weight is flipped ({shown}). Blue: the "
        "root-mean-square difference of all weights, one line per seed. Grey: the largest "
        "difference. Both axes are logarithmic. After the last epoch, the largest difference is "
        f"{sgd:.0e} with SGD, and {adam:.1f} with Adam.",
    )


@default_style
def draw_answers(pairs: pd.DataFrame, trained: pd.DataFrame | None = None) -> CaptionedFigure:
    """Draw how many predicted digits differ after each epoch, for each configuration."""

    def draw(ax: Axes, name: str) -> None:
        others = choose_seeds(pairs, name)
        if len(others):
            band = others.astype({"answers": int}).groupby("epoch")["answers"].agg(["min", "max"])
            epochs = band.index.to_numpy(int)
            ax.fill_between(epochs, band["min"], band["max"], color=LIGHT, alpha=0.6, lw=0)
        for rows, color in find_lines(pairs, trained, name):
            rows = rows.dropna(subset="answers").astype({"answers": int, "epoch": int})
            ax.plot(rows["epoch"], rows["answers"], color=color, lw=1, marker=".", ms=3)
        ax.set(ylim=(-30, 1250), xticks=[1, 5, 10, 15, 20])

    fig, shown = draw_panels(pairs, trained, draw)
    fig.supxlabel("epoch", size=9)
    fig.supylabel("images classified differently", size=9)
    keys = [Line2D([], [], color=BLUE, marker=".", lw=1), Patch(color=LIGHT, alpha=0.6)]
    words = ["one flipped bit", "two seeds"]
    show_legend(fig, keys, words, trained)
    most = choose(pairs, SGD, FLIP)["answers"].max()
    return CaptionedFigure(
        fig,
        f"Blue: the number of test images that a run with one flipped bit ({shown}) classifies "
        "differently, one line per seed. Grey band: from the smallest to the largest number for "
        f"two of our runs with different seeds. With SGD, the largest blue number is {most}.",
    )


@default_style
def draw_mistakes(pairs: pd.DataFrame) -> CaptionedFigure:
    """Draw the paired differences of test accuracies between changed runs and our runs."""
    fig, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True, layout="constrained")
    for ax, name in zip(axes, (SGD, ADAM), strict=True):
        own = take_last(choose(pairs, name, UNCHANGED)).set_index("seed")["errors"]
        for place, change in enumerate(MISTAKES):
            changed = take_last(choose(pairs, name, change)).set_index("seed")["errors"]
            apart = 100 * (own - changed).dropna().astype(float) / TEST_SIZE
            ax.plot(apart, np.full(len(apart), place), "o", color=BLUE, ms=4, alpha=0.6, mew=0)
            if len(apart):
                mean, low, high = find_mean(apart)
                ax.plot([low, high], [place, place], color=BLUE, lw=0.8)
                ax.plot(mean, place, "|", color=BLUE, ms=14)
        ax.axvline(0, color=DARK, lw=0.6)
        ax.set(title=NAMES[name], xlim=(-1.6, 1.6), ylim=(len(MISTAKES) - 0.5, -0.5))
        ax.set_yticks(range(len(MISTAKES)), MISTAKES.values())
        ax.grid(alpha=0.3, axis="x")
    fig.supxlabel("test accuracy, changed minus unchanged (percentage points)", size=9)
    return CaptionedFigure(
        fig,
        "Each dot is one seed: the test accuracy after 20 epochs of a changed run, minus that of "
        "our run. In the first row, one bit is flipped before the first step. In the other rows, "
        "every step breaks a rule of rounding. A vertical mark is the mean, and a line is its 95% "
        "confidence interval, which is cut off at the panel's edge.",
    )


def show_legend(fig: Figure, keys: list, words: list[str], trained: pd.DataFrame | None) -> None:
    """Draw a legend, with the pair that the notebook has trained."""
    if trained is not None:
        keys, words = [*keys, Line2D([], [], color=GREEN, lw=1)], [*words, "your pair"]
    fig.legend(keys, words, loc="outside upper right", ncols=len(keys), fontsize=8)


def find_lines(
    pairs: pd.DataFrame, trained: pd.DataFrame | None, name: str
) -> list[tuple[pd.DataFrame, str]]:
    """Return the rows of each line of a panel, and the colour of the line."""
    flips = choose(pairs, name, FLIP)
    lines = [(rows, BLUE) for _, rows in flips.groupby("seed")]
    if trained is not None and trained["configuration"].iloc[0] == name:
        lines.append((trained, GREEN))
    return lines


def draw_panels(
    pairs: pd.DataFrame, trained: pd.DataFrame | None, draw: Callable[[Axes, str], None]
) -> tuple[Figure, str]:
    """Draw a panel for each configuration, and return the figure and the number of pairs."""
    yours = {} if trained is None else {trained["configuration"].iloc[0]: "your configuration"}
    names = NAMES | {name: words for name, words in yours.items() if name not in NAMES}
    counts = {name: len(find_lines(pairs, trained, name)) for name in names}
    counts = {name: count for name, count in counts.items() if count}
    columns = min(len(counts), 4)
    lines = -(-len(counts) // columns)
    fig, axes = plt.subplots(
        lines,
        columns,
        figsize=(9.5, 2.1 * lines + 0.8),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for ax in axes.flat[len(counts) :]:
        ax.set_visible(False)
    for ax, name in zip(axes.flat, counts, strict=False):
        draw(ax, name)
        ax.set_title(names[name], size=9)
        ax.grid(alpha=0.3)
        ax.tick_params(labelsize=8)
    shown = ", ".join(f"{names[name]}: {count}" for name, count in counts.items())
    return fig, f"number of seeds by panel: {shown}"
