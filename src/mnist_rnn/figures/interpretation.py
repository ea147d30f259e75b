"""Draw the figures of 04_reading.ipynb, with computed numbers in their captions.

Grey shows ink and probability. Blue marks the label and correct predictions. Orange marks wrong
predictions.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from mnist_rnn.analysis.trained_network import decision_rows, last_ink_rows
from mnist_rnn.figures.captioned import (
    BLUE,
    DARK,
    LIGHT,
    ORANGE,
    TICKS,
    CaptionedFigure,
    default_style,
)

RIGHT, WRONG = BLUE, ORANGE
EDGES = (0.5, 28.5)


@default_style
def draw_example(image: np.ndarray, probabilities: np.ndarray, label: int) -> CaptionedFigure:
    """Draw an image (28, 28) and, beside it, the probabilities (28, 10) after each row."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.7), sharey=True, layout="compressed")
    draw_pixels(left, image, "the digit")
    left.set_ylabel("row")
    shades = draw_probabilities(right, probabilities, label)
    right.set(title="probability after each row", xlabel="digit", box_aspect=1)
    fig.colorbar(shades, label="predicted probability")
    answers = probabilities.argmax(axis=1)
    changes = np.flatnonzero(np.diff(answers, prepend=-1))
    turns = ", ".join(f"{answers[row]} from row {row + 1}" for row in changes)
    return CaptionedFigure(
        fig,
        f"Left: an image of the digit {label}. Right: the predicted probability of each digit "
        "after each row; stronger shades mean higher probability. A dot marks the most probable "
        "digit after each row, blue if right and orange if wrong. The most probable digit is "
        f"{turns}. After row 28, the predicted digit is {answers[-1]}, with a probability of "
        f"{probabilities[-1].max():.0%}.",
    )


@default_style
def draw_examples(images: np.ndarray, probabilities: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """Draw the first image of each digit, beside the probabilities after each row."""
    first = [int(np.argmax(y == digit)) for digit in range(10)]
    rows, ink = decision_rows(probabilities[first]), last_ink_rows(images[first])
    decided = ", ".join(f"the {digit} from row {row} on" for digit, row in enumerate(rows))
    return draw_gallery(
        images[first],
        probabilities[first],
        y[first],
        "The first test image of each digit. Beside each row are the probabilities after the "
        f"network has read this row. The prediction no longer changes for {decided}. In these "
        f"images, the last row with ink is between row {ink.min()} and row {ink.max()}.",
    )


@default_style
def draw_late(images: np.ndarray, probabilities: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """Draw up to ten images that row 28 corrects, sorted by predicted probability."""
    last = probabilities[:, -1]
    late = np.flatnonzero((decision_rows(probabilities) == 28) & (last.argmax(axis=1) == y))
    shown = late[np.argsort(-last[late].max(axis=1), kind="stable")][:10]
    blank = (last_ink_rows(images[late]) < 28).sum()
    lost = (probabilities[:, -2].argmax(axis=1) == y) & (last.argmax(axis=1) != y)
    turns = [f"from {probabilities[index, -2].argmax()} to {y[index]}" for index in shown]
    changed = ", ".join(turns) or "of no image"
    return draw_gallery(
        images[shown],
        probabilities[shown],
        y[shown],
        f"Of {len(y):,} test images, {len(late)} are misclassified after row 27 but not after row "
        f"28. Row 28 is blank in {blank} of these {len(late)} images. Of the images that row "
        f"28 corrects, the figure shows the {len(shown)} with the highest predicted probability. "
        f"In the figure, row 28 changes the prediction {changed}. Conversely, "
        f"{lost.sum()} test images are misclassified after row 28 but not after row 27.",
    )


@default_style
def draw_gallery(
    images: np.ndarray, probabilities: np.ndarray, y: np.ndarray, caption: str
) -> CaptionedFigure:
    """Draw images, five per line, beside their predicted probabilities after each row."""
    lines = max(1, -(-len(images) // 5))
    size, widths = (7.5, 1.4 * lines + 0.2), [1, 0.7] * 5
    engine = ConstrainedLayoutEngine(w_pad=0.02, wspace=0)
    fig, axes = plt.subplots(
        lines, 10, figsize=size, width_ratios=widths, squeeze=False, layout=engine
    )
    for ax in axes.flat[2 * len(images) :]:
        ax.set_visible(False)
    examples = zip(axes.reshape(-1, 2), images, probabilities, y, strict=False)
    for (left, right), image, rows, label in examples:
        answer = rows[-1].argmax()
        draw_pixels(left, image, "")
        color = RIGHT if answer == label else WRONG
        left.set_title(f"label {label}, predicted {answer}", loc="left", size=9, color=color)
        left.axis("off")
        draw_probabilities(right, rows, label, size=3)
        right.set(xticks=(0, 5, 9), box_aspect=1 / 0.7)  # as high as the image
        right.tick_params(labelsize=8, labelleft=False)
    for right in axes[:, -1]:
        right.tick_params(left=False, right=True, labelright=True)
    fig.supxlabel("right of each image: probability of digits 0 to 9 after rows 1 to 28", size=9)
    return CaptionedFigure(fig, caption)


@default_style
def draw_means(images: np.ndarray, probabilities: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """Draw one panel per label: the mean predicted probability of each digit after each row."""
    fig, axes = plt.subplots(
        2, 5, figsize=(7.5, 5.4), sharex=True, sharey=True, layout="constrained"
    )
    rows = decision_rows(probabilities)
    medians = [int(np.median(rows[y == digit])) for digit in range(10)]
    listed = ", ".join(map(str, medians))
    for digit, ax in enumerate(axes.flat):
        draw_shades(ax, probabilities[y == digit].mean(axis=0))
        ax.add_patch(Rectangle((digit - 0.5, 0.5), 1, 28, fill=False, ec=RIGHT))
        ax.axhline(medians[digit] - 0.5, color=RIGHT, ls="--", lw=1)
        ax.set_title(f"all {digit}", size=10)
    fig.supxlabel("digit", size=10)
    fig.supylabel("row", size=10)
    after_ink = (rows >= last_ink_rows(images)).mean()
    final = 100 * np.array([probabilities[y == digit, -1, digit].mean() for digit in range(10)])
    return CaptionedFigure(
        fig,
        "Each panel shows the mean predicted probability of each digit after each row, over all "
        "images of one label. The blue frame marks the label. Below the dashed line, at least half "
        "of the images are decided. For the labels from 0 to 9 in order, the first rows below the "
        f"line are {listed}. Of all images, {after_ink:.0%} are decided only at their last row "
        "with ink or later. After row 28, the mean predicted probability of the label is lowest "
        f"for {final.argmin()} ({final.min():.0f}%) and highest for {final.argmax()} "
        f"({final.max():.0f}%).",
    )


@default_style
def draw_accuracy(by_row: np.ndarray, if_blank: np.ndarray, count: int) -> CaptionedFigure:
    """Draw the accuracies `by_row` and `if_blank` (28,), which were measured on `count` images.

    For each row r, `by_row` is the accuracy after row r. `if_blank` is the accuracy at the end of
    the image if all rows below row r are blank.
    """
    fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
    rows, levels = np.arange(1, 29), (0.5, 0.9, 0.97)
    blank = "after row 28, if all rows below are blank"
    ax.plot(rows, 100 * if_blank, "s--", color=DARK, ms=4, label=blank)
    ax.plot(rows, 100 * by_row, "o-", color=RIGHT, ms=4, label="after the row")
    ax.set(xlabel="row", ylabel="test accuracy (%)", xticks=TICKS, ylim=(0, 100))
    ax.set_yticks([0, 20, 50, 90, 97])
    ax.grid(axis="y", color=LIGHT)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 0.88))
    now, seen = (
        ", ".join(
            f"{level:.0%} at row {np.argmax(curve >= level) + 1}"
            for level in levels
            if (curve >= level).any()
        )
        or f"at most {curve.max():.0%}"
        for curve in (by_row, if_blank)
    )
    return CaptionedFigure(
        fig,
        f"Accuracy on the first {count:,} test images. Blue: the accuracy after each row. The "
        f"blue curve reaches {now}. Grey: the accuracy after row 28 on images that are blank below "
        f"the row. The grey curve reaches {seen}. At row 21, the accuracies are "
        f"{by_row[20]:.0%} (blue) and {if_blank[20]:.0%} (grey).",
    )


def draw_pixels(ax: plt.Axes, values: np.ndarray, title: str) -> None:
    """Draw values (28, 28) as shades of grey, from the least (white) to the greatest (black)."""
    ax.set(title=title, xlabel="column", xticks=TICKS, yticks=TICKS)
    ax.imshow(values, cmap="gray_r", extent=(*EDGES, *EDGES[::-1]))


def draw_probabilities(
    ax: plt.Axes, probabilities: np.ndarray, label: int, size: float = 9
) -> AxesImage:
    """Draw probabilities (28, 10) in grey, with a dot on the most probable digit after each row."""
    shades = draw_shades(ax, probabilities)
    answers = probabilities.argmax(axis=1)
    colors = np.where(answers == label, RIGHT, WRONG)
    ax.scatter(answers, np.arange(1, 29), s=size, c=colors, ec="white", lw=0.4)
    return shades


def draw_shades(ax: plt.Axes, probabilities: np.ndarray) -> AxesImage:
    """Draw probabilities (28, 10) as shades of grey, from 0 (white) to 1 (black)."""
    ax.set(xticks=range(10), yticks=TICKS)
    ax.tick_params(axis="x", labelsize=8)
    extent = (-0.5, 9.5, *EDGES[::-1])
    return ax.imshow(probabilities, cmap="gray_r", vmin=0, vmax=1, extent=extent, aspect="auto")
