"""The figures of the notebooks. Blue is this run, orange what was published."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

OURS, PUBLISHED = "#0072b2", "#d55e00"  # apart for colour-blind readers too
DARK, LIGHT = "#444444", "#bbbbbb"


def draw_samples(images: np.ndarray, labels: np.ndarray, per_class: int = 10) -> Figure:
    """The first `per_class` images of each digit, a row a digit."""
    fig, axes = plt.subplots(10, per_class, figsize=(per_class * 0.62, 6.2), layout="compressed")
    for digit, row in enumerate(axes):
        for ax, image in zip(row, images[labels == digit], strict=False):
            draw_digit(ax, image)
    return fig


def draw_balance(y_train: np.ndarray, y_test: np.ndarray) -> Figure:
    """The share of each digit in the training and in the test images."""
    fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    for offset, labels, name, color in (
        (-0.2, y_train, "training images", DARK),
        (0.2, y_test, "test images", LIGHT),
    ):
        share = 100 * np.bincount(labels, minlength=10) / len(labels)
        ax.bar(np.arange(10) + offset, share, width=0.4, label=name, color=color)
    ax.set(xticks=range(10), xlabel="digit", ylabel="share (%)", ylim=(0, 15))
    ax.legend(ncols=2, frameon=False)
    return fig


def draw_timesteps(image: np.ndarray) -> Figure:
    """A digit beside the 28 vectors of 28 features that the network reads, one a timestep."""
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(9, 4.6), width_ratios=(1, 1.15), layout="constrained"
    )
    left.imshow(image, cmap="gray_r")
    left.set(title="the digit", xlabel="column (feature)", ylabel="row (timestep)")
    for timestep, row in enumerate(image):
        right.fill_between(np.arange(28), timestep, timestep - 0.9 * row / 255, color=DARK, lw=0)
    right.set(
        title="what is read, from top to bottom",
        xlabel="feature",
        ylabel="timestep",
        ylim=(27.5, -1.5),
        xlim=(0, 27),
    )
    return fig


def draw_curves(history: dict[str, list[float]], published: pd.DataFrame) -> Figure:
    """Training loss and accuracy per epoch, over the published curve where there is one."""
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for ax, name in zip(axes, ("loss", "accuracy"), strict=True):
        if len(published):
            curve = published[f"train_{name}"]
            ax.plot(curve.index, curve, "o-", color=PUBLISHED, ms=4, label="published")
        values = history[name]
        ax.plot(range(1, len(values) + 1), values, ".-", color=OURS, label="this run")
        ax.set(xlabel="epoch", ylabel=f"training {name}")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend(frameon=False)
        ax.grid(alpha=0.3)
    return fig


def draw_confusion(matrix: list[list[int]]) -> Figure:
    """How often each digit was read as each; shades show the mistakes, on one scale."""
    counts = np.array(matrix)
    mistakes = counts - np.diag(np.diag(counts))
    fig, ax = plt.subplots(figsize=(5.6, 5), layout="constrained")
    shades = ax.imshow(mistakes, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        dark = mistakes[row, column] > mistakes.max() * 0.6
        ax.text(column, row, count, ha="center", va="center", color="w" if dark else "k", size=8)
    ax.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="digit")
    fig.colorbar(shades, label="mistakes", shrink=0.8)
    return fig


def draw_mistakes(images: np.ndarray, y: np.ndarray, probabilities: np.ndarray) -> Figure:
    """Images under what was read, with its probability, and what the label says."""
    columns = 6
    rows = max(1, -(-len(images) // columns))
    fig, axes = plt.subplots(
        rows, columns, figsize=(9, 2 * rows), layout="constrained", squeeze=False
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, digit, beliefs in zip(axes.flat, images, y, probabilities, strict=False):
        draw_digit(ax, image)
        ax.set_title(f"read {beliefs.argmax()} ({beliefs.max():.1%})\nlabel {digit}", size=9)
    return fig


def draw_digit(ax: plt.Axes, image: np.ndarray) -> None:
    """One image, ink on paper, without axes."""
    ax.imshow(image, cmap="gray_r")
    ax.axis("off")
