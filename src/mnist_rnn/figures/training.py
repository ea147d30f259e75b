"""The figures of data and training."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mnist_rnn.figures.plate import BLUE, DARK, LIGHT, ORANGE, TICKS, Plate


def draw_samples(images: np.ndarray, labels: np.ndarray) -> Plate:
    """The first ten images of each digit, one line for each digit."""
    rows = [np.hstack(images[labels == digit][:10]) for digit in range(10)]
    fig, ax = plt.subplots(figsize=(6.2, 6.2), layout="compressed")
    draw_digit(ax, np.vstack(rows))
    alt = "A grid of handwritten digits: ten lines, for the digits 0 to 9, each with ten images."
    return Plate(fig, alt, "The first ten training images of each digit.")


def draw_balance(y_train: np.ndarray, y_test: np.ndarray) -> Plate:
    """The share of each digit among the training and the test images."""
    labels = {"training images": y_train, "test images": y_test}
    shares = pd.DataFrame({name: 100 * np.bincount(y) / len(y) for name, y in labels.items()})
    fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
    shares.plot.bar(ax=ax, color=[DARK, LIGHT], width=0.8, rot=0)
    ax.set(xlabel="digit", ylabel="share (%)", ylim=(0, 15))
    ax.legend(ncols=2, frameon=False)
    low, high = shares.min(axis=None), shares.max(axis=None)
    alt = f"Two bars for each of the digits 0 to 9, all near 10%: from {low:.1f}% to {high:.1f}%."
    return Plate(fig, alt, "The share of each digit among the training and the test images.")


def draw_timesteps(image: np.ndarray) -> Plate:
    """A digit beside the 28 vectors of 28 features that the network reads, one a timestep."""
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(9, 4.6), width_ratios=(1, 1.15), sharey=True, layout="constrained"
    )
    left.imshow(image, cmap="gray_r", extent=(0.5, 28.5, 28.5, 0.5), aspect="auto")
    left.set(title="the digit", xlabel="column (feature)", ylabel="row (timestep)")
    numbers = np.arange(1, 29)
    for timestep, row in zip(numbers, image, strict=True):
        right.fill_between(numbers, timestep, timestep - 0.9 * row / 255, color=DARK, lw=0)
    right.set(title="what is read, from top to bottom", xlabel="feature")
    right.set(xlim=(1, 28), ylim=(28.5, -0.5))
    for ax in (left, right):
        ax.set(xticks=TICKS, yticks=TICKS)
    rows = 1 + np.flatnonzero(image.any(axis=1))
    alt = (
        "Left, a handwritten digit; right, its 28 rows as 28 curves, one below the other. They are "
        f"flat but for rows {rows[0]} to {rows[-1]}, which have ink."
    )
    return Plate(fig, alt, "Left, the digit; right, its rows as 28 vectors, with ink as height.")


def draw_curves(history: dict[str, list[float]], published: dict[str, pd.DataFrame]) -> Plate:
    """Training loss and accuracy per epoch, over the published curves, by claim."""
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
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
    alt = (
        f"Two curves over {len(loss)} epochs: the training loss goes from {loss[0]:.2f} to "
        f"{loss[-1]:.3f}, the training accuracy from {accuracy[0]:.1%} to {accuracy[-1]:.1%}."
    )
    for claim, curve in published.items():
        ends = curve.dropna(subset="train_loss").iloc[[0, -1]]
        alt += f" Published by {claim}: loss " + " to ".join(f"{x:.3g}" for x in ends.train_loss)
        alt += ", accuracy " + " to ".join(f"{x:.1%}" for x in ends.train_accuracy) + "."
    caption = (
        "Blue: this run; orange: the curves published for this configuration, if any. Both are "
        "measured on the training images during the epoch, while the weights change."
    )
    return Plate(fig, alt, caption)


def draw_confusion(counts: list[list[int]] | np.ndarray, counted: str) -> Plate:
    """How often each digit was read as each (10, 10); shades show the mistakes, on one scale.

    `counted` says in words what the counts are of.
    """
    matrix = np.array(counts)
    mistakes = matrix - np.diag(np.diag(matrix))
    fig, ax = plt.subplots(figsize=(5.6, 5), layout="constrained")
    shades = ax.imshow(mistakes, cmap="Blues")
    for (row, column), count in np.ndenumerate(matrix):
        dark = mistakes[row, column] > mistakes.max() * 0.6
        ax.text(column, row, count, ha="center", va="center", color="w" if dark else "k", size=8)
    ax.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="digit")
    fig.colorbar(shades, label="mistakes", shrink=0.8)
    most = np.argsort(-mistakes, axis=None, kind="stable")[:3]
    named = [
        f"{row} as {column} ({mistakes[row, column]} times)"
        for row, column in zip(*np.unravel_index(most, mistakes.shape), strict=True)
        if mistakes[row, column]
    ]
    places = np.argwhere(mistakes == max(mistakes.max(), 1))
    most_often = [f"{row} read as {column}" for row, column in places] or ["none"]
    right = ", ".join(f"{digit}: {count}" for digit, count in enumerate(np.diag(matrix)))
    alt = (
        "A matrix with a row for each digit and a column for what it was read as. On the diagonal "
        f"are the right answers ({right}). "
    )
    alt += (
        f"The most frequent of {mistakes.sum():,} mistakes are to read {', '.join(named)}."
        if named
        else "There is no mistake."
    )
    caption = (
        f"Counts over {counted}. Right answers stand on the diagonal; the darker a field off it, "
        f"the more frequent the mistake. Most frequent, with {mistakes.max()} of "
        f"{mistakes.sum():,} mistakes: {', '.join(most_often)}."
    )
    return Plate(fig, alt, caption)


def draw_mistakes(images: np.ndarray, y: np.ndarray, shares: np.ndarray, caption: str) -> Plate:
    """Images (n, 28, 28) that were misclassified, under the answer and the label (n,).

    `shares` (n, 10) are the answers' probabilities, or shares of runs; the largest is shown.
    """
    answers, sure = shares.argmax(axis=1), shares.max(axis=1)
    rows = max(1, -(-len(images) // 6))
    fig = plt.figure(figsize=(9, 2 * rows), layout="constrained")
    words = []
    examples = zip(images, y, answers, sure, strict=True)
    for place, (image, digit, answer, share) in enumerate(examples, 1):
        ax = fig.add_subplot(rows, 6, place)
        draw_digit(ax, image)
        ax.set_title(f"read {answer} ({share:.1%})\nlabel {digit}", size=9)
        words.append(f"{digit} read as {answer} ({share:.1%})")
    return Plate(fig, f"Misclassified images: {', '.join(words)}.", caption)


def draw_digit(ax: plt.Axes, image: np.ndarray) -> None:
    """One image, ink on paper, without axes."""
    ax.imshow(image, cmap="gray_r")
    ax.axis("off")
