"""Draw figures of runs and published results; published results are orange."""

from collections.abc import Hashable, Mapping
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from scipy import stats

from mnist_rnn.analysis.statistics import FEWEST, find_interval
from mnist_rnn.analysis.tables import describe_runs
from mnist_rnn.config import TEST_SIZE
from mnist_rnn.figures.captioned import BLUE, DARK, ORANGE, CaptionedFigure, default_style

COLORS = (BLUE, "#00795a", "#8e4585", DARK, "#6a7b00", "#a0303f")  # colours of the rows


@default_style
def draw_results(rows: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> CaptionedFigure:
    """Draw the test accuracy of each run on the left, and training losses by epoch on the right.

    A row has a name, the runs of one configuration, and the claims that it shows.
    """
    curves = [claims["loss_by_epoch"].dropna() for _, claims in rows.values()]
    names = dict.fromkeys(name for losses in curves for name in losses.index)
    shapes = dict(zip(names, cycle("oDs^v"), strict=False))
    size = (9.5, 1 + max(2.8, 0.7 * len(rows)))
    fig, (left, right) = plt.subplots(
        1, 2, figsize=size, width_ratios=(1.6, 1), layout="constrained"
    )
    said = [
        "Left: each dot is the test accuracy of one run.",
        "In a row with several runs, a line marks their mean.",
        "Right: the training loss of each epoch.",
    ]
    for place, (name, (runs, claims)) in enumerate(rows.items()):
        color = COLORS[place % len(COLORS)]
        said.append(draw_accuracies(left, place, name, runs, color, claims))
        draw_losses(right, runs, color, claims, shapes)
    left.set(xlabel="test accuracy (%)", ylim=(len(rows) - 0.5, -0.5), yticks=[])
    left.grid(alpha=0.3)
    right.set(xlabel="epoch", ylabel="training loss (nats)", yscale="log")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_minor_locator(NullLocator())
    right.grid(alpha=0.3)
    handles, labels = right.get_legend_handles_labels()
    entries = dict(zip(labels, handles, strict=True))  # several rows have equal labels
    by_label = {name: entries[name] for name in sorted(entries, key=is_published)}
    legend = right.legend(by_label.values(), by_label, frameon=False, fontsize=8)
    for label, handle in zip(by_label, legend.legend_handles, strict=True):
        if not is_published(label):
            handle.set_color(DARK)  # one entry for the rows of all colours
    return CaptionedFigure(fig, " ".join(said).replace("\n", " "))


def draw_accuracies(
    ax: Axes, place: int, name: str, runs: pd.DataFrame, color: str, claims: pd.DataFrame
) -> str:
    """Draw a row of dots with the published accuracies, and return a sentence about the row."""
    values, published = runs["test_accuracy"], claims["published_test_accuracy"].dropna()
    spread = np.random.default_rng(0).uniform(0, 0.36, len(values))  # separates equal runs
    ax.plot(values, place + spread, "o", color=color, ms=5, alpha=0.55, mew=0)
    if len(values) > 1:
        ax.vlines(values.mean(), place - 0.06, place + 0.42, color=color, lw=2)
    style: dict[str, Any] = {"size": 8, "transform": ax.get_yaxis_transform()}
    ax.text(0.01, place - 0.46, f"{name}: {describe_mean(runs)}", color=color, va="top", **style)
    sentence = f"The row *{name}* has a test accuracy of {describe_mean(runs)}."
    if published.empty:
        return sentence
    ax.vlines(published, place - 0.12, place + 0.48, color=ORANGE, lw=1.5, ls="--")
    line = ", ".join(f"{claim}: {accuracy}%" for claim, accuracy in published.items())
    below = place - 0.29 + 0.16 * name.count("\n")  # the name may have two lines
    ax.text(0.01, below, line, color=ORANGE, va="top", **style)
    listed = ", ".join(f"`{claim}` ({accuracy}%)" for claim, accuracy in published.items())
    return f"{sentence} The row *{name}* shows the published results {listed}."


def describe_mean(runs: pd.DataFrame) -> str:
    """Describe the mean and standard deviation of the test accuracy, and the number of runs."""
    row = describe_runs(runs)
    spread = f" ± {row['sd']:.2f}" if row["runs"] > 1 else ""
    return f"{row['mean']:.2f}{spread}% ({row['runs']} run{'s' if row['runs'] > 1 else ''})"


def is_published(label: str) -> bool:
    """Return whether an entry of the legend is a published result."""
    return label.startswith("published")


def draw_losses(
    ax: Axes, runs: pd.DataFrame, color: str, claims: pd.DataFrame, shapes: Mapping[Hashable, str]
) -> None:
    """Draw a configuration's mean training loss, its prediction band and the published losses.

    `shapes` maps each claim to the marker of its losses.
    """
    losses = np.array(runs["loss_by_epoch"].tolist())
    epochs = np.arange(1, losses.shape[1] + 1)
    marker = "." if len(epochs) == 1 else ""
    label = "mean of the runs" if len(losses) > 1 else "one run"
    ax.plot(epochs, stats.gmean(losses), color=color, lw=1, marker=marker, label=label)
    if len(losses) >= FEWEST:
        low, high = np.array([find_interval("loss", pd.Series(epoch)) for epoch in losses.T]).T
        words = "95% prediction interval"
        ax.fill_between(epochs, low, high, color=color, alpha=0.25, lw=0, label=words)
    for claim, curve in claims["loss_by_epoch"].dropna().items():
        at = np.arange(1, len(curve) + 1)
        ax.plot(at, curve, shapes[claim], color=ORANGE, ms=3, mew=0, label=f"published: {claim}")


@default_style
def draw_epochs(runs: pd.DataFrame, claims: pd.DataFrame) -> CaptionedFigure:
    """Draw the test accuracy of a configuration's runs by epoch, and the last epoch's histogram."""
    accuracies = 100 - 100 * np.array(runs["test_errors_by_epoch"].tolist()) / TEST_SIZE
    n, last = accuracies.shape
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(9.5, 4), width_ratios=(2.2, 1), sharey=True, layout="constrained"
    )
    epochs = np.arange(1, last + 1)
    left.plot(epochs, accuracies.T, color=BLUE, lw=0.6, alpha=0.35)
    left.plot(epochs, accuracies[0], color=DARK, lw=1.2, marker=".", label="one run, seed 0")
    left.plot(epochs, accuracies.mean(axis=0), color=BLUE, lw=2.5, label=f"mean of {n} runs")
    low, high = accuracies[:, last // 2 :].min(), accuracies.max()
    steps = np.arange(np.floor(10 * low), np.ceil(10 * high) + 2) / 10 - 0.05
    right.hist(accuracies[:, -1], bins=steps, orientation="horizontal", color=BLUE, alpha=0.55)
    published = claims["published_test_accuracy"].dropna()
    for name, accuracy in published.items():
        for ax in (left, right):
            ax.axhline(accuracy, color=ORANGE, lw=1.3, ls="--")
        label = f" {name}: {accuracy}%"
        left.text(last // 4, accuracy, label, color=ORANGE, va="bottom")
    left.set(xlabel="epoch", ylabel="test accuracy (%)", xlim=(last // 4, last + 0.3))
    left.set_ylim(steps[0], steps[-1] + 0.1)  # room for a label
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(frameon=False, loc="lower right")
    right.set(xlabel="runs", title=f"after epoch {last}")
    right.title.set_size(10)
    listed = " and ".join(f"`{name}` ({accuracy}%)" for name, accuracy in published.items())
    return CaptionedFigure(
        fig,
        f"Left: the test accuracy of {n} runs after each epoch. Each thin line is one run; the "
        f"dark line is the run with seed 0, and the thick line is the mean. Right: the test "
        f"accuracies after epoch {last}. Orange, dashed: the published results {listed}.",
    )
