"""Draw the figures of 01_data.ipynb and 02_train.ipynb."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Javascript, Markdown, display

from mnist_rnn.config import NUM_CLASSES
from mnist_rnn.figures.captioned import (
    BLUE,
    DARK,
    LIGHT,
    ORANGE,
    TICKS,
    CaptionedFigure,
    default_style,
)
from mnist_rnn.records.metrics import confident_mistakes

# After *Run All Cells*, JupyterLab shows the last cell. This script shows the training cell.
SCROLL = "setTimeout(() => (element.closest('.jp-Cell') ?? element).scrollIntoView(), 500)"


@default_style
def draw_samples(images: np.ndarray, labels: np.ndarray) -> CaptionedFigure:
    """Draw the first ten images of each digit, one line per digit."""
    rows = [np.hstack(images[labels == digit][:10]) for digit in range(10)]
    fig, ax = plt.subplots(figsize=(6.2, 6.2), layout="compressed")
    draw_digit(ax, np.vstack(rows))
    caption = "The first ten training images of each digit from 0 to 9, one line per digit."
    return CaptionedFigure(fig, caption)


@default_style
def draw_balance(y_train: np.ndarray, y_test: np.ndarray) -> CaptionedFigure:
    """Draw the share of each digit among the training images and among the test images."""
    labels = {"training images": y_train, "test images": y_test}
    shares = pd.DataFrame({name: 100 * np.bincount(y) / len(y) for name, y in labels.items()})
    fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    shares.plot.bar(ax=ax, color=[DARK, LIGHT], width=0.8, rot=0)
    ax.set(xlabel="digit", ylabel="share (%)", ylim=(0, 15))
    ax.legend(ncols=2, frameon=False)
    low, high = shares.min(axis=None), shares.max(axis=None)
    return CaptionedFigure(
        fig,
        "The shares of the digits among the training images and among the test images range from "
        f"{low:.1f}% to {high:.1f}%.",
    )


@default_style
def draw_timesteps(image: np.ndarray) -> CaptionedFigure:
    """Draw a digit beside its 28 rows, which the network reads in 28 timesteps."""
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(7.5, 4), sharex=True, sharey=True, layout="compressed"
    )
    left.imshow(image, cmap="gray_r", extent=(0.5, 28.5, 28.5, 0.5))
    left.set(title="the digit", xlabel="column (feature)", ylabel="row (timestep)")
    numbers = np.arange(1, 29)
    for timestep, row in zip(numbers, image, strict=True):
        right.fill_between(numbers, timestep, timestep - 0.9 * row / 255, color=DARK, lw=0)
    right.set(title="rows of the digit, from top to bottom", xlabel="feature")
    right.set(ylim=(28.5, -0.5), aspect="equal")
    for ax in (left, right):
        ax.set(xticks=TICKS, yticks=TICKS)
    rows = 1 + np.flatnonzero(image.any(axis=1))
    return CaptionedFigure(
        fig,
        "Left: a handwritten digit. Right: a curve for each of the digit's 28 rows; the height of "
        "the curve shows how dark each pixel is. The first row with ink is row "
        f"{rows[0]}, and the last row with ink is row {rows[-1]}.",
    )


@default_style
def draw_curves(
    history: dict[str, list[float]], published: dict[str, pd.DataFrame]
) -> CaptionedFigure:
    """Draw training loss and accuracy by epoch, with the published curves of each claim."""
    fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.4), layout="constrained")
    for ax, name in zip(axes, ("loss", "accuracy"), strict=True):
        for marker, (claim, curve) in zip(cycle("od"), published.items(), strict=False):
            values = curve[name]
            ax.plot(values, marker, color=ORANGE, ms=4, alpha=0.7, label=claim)
        values = history[name]
        ax.plot(range(1, len(values) + 1), values, ".-", color=BLUE, label="this run")
        ax.set(xlabel="epoch", ylabel=f"training {name}")
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        ax.legend(frameon=False)
        ax.grid(alpha=0.3)
    loss, accuracy = history["loss"], history["accuracy"]
    said = [
        f"Blue: this run over {len(loss)} epochs, with a training loss from {loss[0]:.2f} to "
        f"{loss[-1]:.3f} and a training accuracy from {accuracy[0]:.1%} to {accuracy[-1]:.1%}.",
        "Orange: the curves published for this configuration."
        if published
        else "No curve was published for this configuration.",
    ]
    for claim, curve in published.items():
        first, last = curve.iloc[[0, -1]].to_dict("records")
        losses = f"from {first['loss']:.3g} to {last['loss']:.3g}"
        said.append(f"The training loss of `{claim}` goes {losses}.")
        if curve["accuracy"].notna().all():
            accuracies = f"from {first['accuracy']:.1%} to {last['accuracy']:.1%}"
            said.append(f"The training accuracy of `{claim}` goes {accuracies}.")
    said.append(
        "Training loss and accuracy are measured during an epoch, while the weights change."
    )
    return CaptionedFigure(fig, " ".join(said))


@contextmanager
def live_curves(published: dict[str, pd.DataFrame]) -> Iterator[Callable[[dict], None]]:
    """Yield a function that draws the curves of the finished epochs; remove the curves at the end.

    Outside a notebook, nothing is drawn.
    """
    place = display(Javascript(SCROLL), display_id=True)

    def draw(history: dict[str, list[float]]) -> None:
        if place:
            place.update(draw_curves(history, published).to_image())

    try:
        yield draw
    finally:
        if place:
            place.update(Markdown("The next cell shows the curves of all epochs."))


@default_style
def draw_confusion(answers: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """Draw the confusion matrix of predictions (n,) and labels (n,)."""
    matrix = np.zeros((NUM_CLASSES, NUM_CLASSES), int)
    np.add.at(matrix, (y, answers), 1)
    mistakes = matrix - np.diag(np.diag(matrix))
    fig, ax = plt.subplots(figsize=(6.2, 5.5), layout="constrained")
    shades = ax.imshow(mistakes, cmap="Blues")
    for (row, column), count in np.ndenumerate(matrix):
        dark = mistakes[row, column] > mistakes.max() * 0.6
        ax.text(column, row, count, ha="center", va="center", color="w" if dark else "k", size=8)
    ax.set(xticks=range(10), yticks=range(10), xlabel="predicted digit", ylabel="label")
    fig.colorbar(shades, label="mistakes", shrink=0.8)
    places = np.argwhere(mistakes == max(mistakes.max(), 1))
    pairs = [f"{row} classified as {column}" for row, column in places]
    most_often = ", ".join(pairs) or "none"
    return CaptionedFigure(
        fig,
        "Confusion matrix: the number of test images for each label (row) and each predicted digit "
        f"(column). The diagonal contains the {np.trace(matrix):,} of {matrix.sum():,} images that "
        "are classified correctly. Outside the diagonal, a stronger colour means more "
        f"misclassified images. The most frequent mistakes, with {mistakes.max()} of "
        f"{mistakes.sum():,} misclassified images each, are {most_often}.",
    )


@default_style
def draw_mistakes(x: np.ndarray, y: np.ndarray, probabilities: np.ndarray) -> CaptionedFigure:
    """Draw the 12 misclassified images with the highest predicted probabilities.

    The shape of `x` is (n, 28, 28), and the shape of `probabilities` is (n, 10).
    """
    worst = confident_mistakes(probabilities, y, count=12)
    rows, named = max(1, -(-len(worst) // 6)), []
    fig = plt.figure(figsize=(7.5, 1.75 * rows), layout="constrained")
    for place, index in enumerate(worst, 1):
        ax = fig.add_subplot(rows, 6, place)
        answer, sure = probabilities[index].argmax(), probabilities[index].max()
        draw_digit(ax, x[index])
        ax.set_title(f"predicted {answer} ({sure:.1%})\nlabel {y[index]}", size=8)
        named.append(f"{y[index]} as {answer}")
    classified = ", ".join(named) or "no image wrongly"
    return CaptionedFigure(
        fig,
        "The misclassified images with the highest predicted probabilities, which are in brackets "
        f"above the images. The network classifies {classified}.",
    )


def draw_digit(ax: plt.Axes, image: np.ndarray) -> None:
    """Draw one image, dark on white, without axes."""
    ax.imshow(image, cmap="gray_r")
    ax.axis("off")
