"""Draw the figures of 06_one_bit.ipynb: runs that differ in one bit, and runs of two seeds."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mnist_rnn.analysis.one_bit import FLIP, NAMES, choose
from mnist_rnn.figures.captioned import BLUE, DARK, LIGHT, CaptionedFigure, default_style

GREEN = "#00795a"  # the pair that the notebook has trained


@default_style
def draw_growth(pairs: pd.DataFrame, trained: pd.DataFrame) -> CaptionedFigure:
    """Draw the differences of the weights by step, one line per seed, for each configuration."""
    keys: dict[str, Artist] = {
        "root mean square": Line2D([], [], color=BLUE, lw=1),
        "largest": Line2D([], [], color=DARK, lw=0.8, ls=":"),
    }
    fig, panels = make_panels(trained, keys, "training step", "difference of the weights")
    for name, rows, color in choose_lines(pairs, trained):
        steps, largest = rows["step"].astype(int), DARK if color == BLUE else color
        panels[name].plot(steps, rows["largest"], color=largest, lw=0.8, ls=":")
        panels[name].plot(steps, rows["rms"], color=color, lw=1)
        panels[name].set(xscale="log", yscale="log", ylim=(1e-12, 3))
    return CaptionedFigure(
        fig,
        "Before the first step, one bit of one weight is flipped. Blue: the root-mean-square "
        "difference of all weights, one line per seed. Grey: the largest difference. Both axes are "
        "logarithmic.",
    )


@default_style
def draw_digits(pairs: pd.DataFrame, trained: pd.DataFrame) -> CaptionedFigure:
    """Draw how many predicted digits differ after each epoch, for each configuration."""
    keys: dict[str, Artist] = {
        "one flipped bit": Line2D([], [], color=BLUE, marker=".", lw=1),
        "two seeds": Patch(color=LIGHT, alpha=0.6),
    }
    fig, panels = make_panels(trained, keys, "epoch", "images classified differently")
    for name, rows, color in choose_lines(pairs, trained):
        rows = rows.dropna(subset="digits_differ").astype({"digits_differ": int, "epoch": int})
        panels[name].plot(rows["epoch"], rows["digits_differ"], color=color, lw=1, marker=".", ms=3)
        panels[name].set(ylim=(-30, 1250))
    for name, ax in panels.items():
        others = choose(pairs, name, "run of seed").dropna(subset="digits_differ")
        band = others.astype({"digits_differ": int, "epoch": int}).groupby("epoch")["digits_differ"]
        ax.fill_between(list(band.groups), band.min(), band.max(), color=LIGHT, alpha=0.6, lw=0)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    most = choose(pairs, "SGD", FLIP)["digits_differ"].max()
    return CaptionedFigure(
        fig,
        "Blue: the number of test images that a run with one flipped bit classifies differently, "
        "one line per seed. Grey band: from the smallest to the largest number for two of our runs "
        f"with different seeds. Numbers above 1,250 are cut off. The largest blue number of SGD is "
        f"{most}.",
    )


def make_panels(
    trained: pd.DataFrame, keys: dict[str, Artist], xlabel: str, ylabel: str
) -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with a legend, and with an empty panel for each configuration."""
    names = list(dict.fromkeys([*NAMES.values(), *trained["configuration"]]))
    lines = -(-len(names) // 4)
    size = 9.5, 2.1 * lines + 0.8
    fig, axes = plt.subplots(lines, 4, figsize=size, sharey=True, layout="constrained")
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    panels = dict(zip(names, axes.flat, strict=False))
    for name, ax in panels.items():
        ax.set_title(name, size=9)
        ax.grid(alpha=0.3)
        ax.tick_params(labelsize=8)
    fig.supxlabel(xlabel, size=9)
    fig.supylabel(ylabel, size=9)
    if len(trained):
        keys["your pair"] = Line2D([], [], color=GREEN, lw=1)
    fig.legend(keys.values(), keys, loc="outside upper right", ncols=len(keys), fontsize=8)
    return fig, panels


def choose_lines(
    pairs: pd.DataFrame, trained: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Yield the configuration, the rows after the first step and the colour of each line."""
    for table, color in ((pairs[pairs["change"] == FLIP], BLUE), (trained, GREEN)):
        rows = table[table["step"] > 0]
        for (name, _), line in rows.groupby(["configuration", "seed"]):
            yield name, line, color
