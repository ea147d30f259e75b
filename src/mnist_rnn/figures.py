"""The figures of data and training, and what a figure with a caption is.

Blue is this run, orange what was published.
"""

import io
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from mnist_rnn.files import replacing

OURS, PUBLISHED = "#0072b2", "#d55e00"  # apart for colour-blind readers too
DARK, LIGHT = "#444444", "#bbbbbb"


class Plate(NamedTuple):
    """A figure, what it shows for who can't see it, and what to conclude."""

    figure: Figure
    alt: str
    caption: str

    def save(self, path: Path) -> None:
        """Write the figure as a PNG file, whole or not at all."""
        with replacing(path) as temporary:
            self.figure.savefig(temporary, dpi=120)

    def _ipython_display_(self) -> None:
        png = io.BytesIO()
        self.figure.savefig(png, dpi=120)
        plt.close(self.figure)
        display(
            Image(png.getvalue(), width=int(100 * self.figure.get_figwidth()), alt=self.alt),
            Markdown(self.caption),
        )


def draw_samples(images: np.ndarray, labels: np.ndarray) -> Figure:
    """The first ten images of each digit, a row a digit."""
    rows = [np.hstack(images[labels == digit][:10]) for digit in range(10)]
    fig, ax = plt.subplots(figsize=(6.2, 6.2), layout="compressed")
    draw_digit(ax, np.vstack(rows))
    return fig


def draw_balance(y_train: np.ndarray, y_test: np.ndarray) -> Figure:
    """The share of each digit in the training and in the test images."""
    labels = {"training images": y_train, "test images": y_test}
    shares = pd.DataFrame({name: 100 * np.bincount(y) / len(y) for name, y in labels.items()})
    fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    shares.plot.bar(ax=ax, color=[DARK, LIGHT], width=0.8, rot=0)
    ax.set(xlabel="digit", ylabel="share (%)", ylim=(0, 15))
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
    right.set(title="what is read, from top to bottom", xlabel="feature", ylabel="timestep")
    right.set(xlim=(0, 27), ylim=(27.5, -1.5))
    return fig


def draw_curves(history: dict[str, list[float]], published: pd.DataFrame) -> Figure:
    """Training loss and accuracy per epoch, over the published curve where there is one."""
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for ax, name in zip(axes, ("loss", "accuracy"), strict=True):
        if len(published):
            ax.plot(published[f"train_{name}"], "o-", color=PUBLISHED, ms=4, label="published")
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
    rows = max(1, -(-len(images) // 6))
    fig = plt.figure(figsize=(9, 2 * rows), layout="constrained")
    examples = zip(images, y, probabilities, strict=True)
    for place, (image, digit, beliefs) in enumerate(examples, 1):
        ax = fig.add_subplot(rows, 6, place)
        draw_digit(ax, image)
        ax.set_title(f"read {beliefs.argmax()} ({beliefs.max():.1%})\nlabel {digit}", size=9)
    return fig


def draw_digit(ax: plt.Axes, image: np.ndarray) -> None:
    """One image, ink on paper, without axes."""
    ax.imshow(image, cmap="gray_r")
    ax.axis("off")
