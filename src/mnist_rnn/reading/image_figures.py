"""The figures of single images in 04_reading.ipynb. Every number in a caption is computed.

Grey shows ink and belief; blue is the label and what is right, orange is any other digit.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.image import AxesImage

from mnist_rnn.figures.captioned import BLUE, ORANGE, TICKS, CaptionedFigure, default_style
from mnist_rnn.reading.measures import decision_rows, last_ink_rows
from mnist_rnn.records.metrics import confident_mistakes

RIGHT, WRONG = BLUE, ORANGE
EDGES = (0.5, 28.5)


@default_style
def draw_reading(image: np.ndarray, beliefs: np.ndarray, label: int) -> CaptionedFigure:
    """One digit (28, 28) and, to its right, the belief (28, 10) after each row."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.9), sharey=True, layout="constrained")
    draw_pixels(left, image, "the digit")
    left.set_ylabel("row")
    shades = draw_beliefs(right, beliefs, label)
    right.set(title="belief after each row", xlabel="digit")
    fig.colorbar(shades, label="belief (a probability)")
    answers = beliefs.argmax(axis=1)
    changes = np.flatnonzero(np.diff(answers, prepend=-1))
    turns = ", ".join(f"{answers[row]} from row {row + 1}" for row in changes)
    return CaptionedFigure(
        fig,
        f"Left, an image of {label}; right, the belief in each digit after each row, darker where "
        "it is higher. The dot marks the most probable digit, in blue where it is the label, in "
        f"orange where it is another: {turns}. The probability of the final answer, {answers[-1]}, "
        f"is {beliefs[-1].max():.0%} after row 28.",
    )


@default_style
def draw_examples(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """The first image of each class, read."""
    first = [int(np.argmax(y == digit)) for digit in range(10)]
    rows, ink = decision_rows(beliefs[first]), last_ink_rows(images[first])
    decided = ", ".join(f"{digit} from row {row}" for digit, row in enumerate(rows))
    return draw_gallery(
        images[first],
        beliefs[first],
        y[first],
        "The first test image of each digit, narrowed so that each row stands beside its beliefs. "
        f"The answer is final for {decided}; the last row with ink is {ink.min()} to {ink.max()}.",
    )


@default_style
def draw_late(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """Digits that are read right only after the last row, surest first."""
    last = beliefs[:, -1]
    late = np.flatnonzero((decision_rows(beliefs) == 28) & (last.argmax(axis=1) == y))
    shown = late[np.argsort(-last[late].max(axis=1), kind="stable")][:10]
    blank = (last_ink_rows(images[late]) < 28).sum()
    lost = (beliefs[:, -2].argmax(axis=1) == y) & (last.argmax(axis=1) != y)
    turns = ", ".join(f"{beliefs[index, -2].argmax()} to {y[index]}" for index in shown)
    return draw_gallery(
        images[shown],
        beliefs[shown],
        y[shown],
        f"{len(late)} of {len(y):,} test images are misclassified after row 27 and right after "
        f"row 28; in {blank} of them row 28 is blank. Shown are the {len(shown)} with the highest "
        f"final probability: row 28 turns the answer from {turns or 'none'}. The other way round, "
        f"{lost.sum()} are right after row 27 and wrong after row 28.",
    )


@default_style
def draw_surest_mistakes(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """The fifteen images misclassified with the highest probability."""
    shown = confident_mistakes(beliefs[:, -1], y, count=15)
    sure = beliefs[shown, -1].max(axis=1)
    answers = beliefs[shown, -1].argmax(axis=1)
    named = ", ".join(
        f"{label} as {answer}" for label, answer in zip(y[shown], answers, strict=True)
    )
    return draw_gallery(
        images[shown],
        beliefs[shown],
        y[shown],
        f"The {len(shown)} wrong answers that the network is surest of, with a probability from "
        f"{sure.max():.1%} down to {sure.min():.1%}. The network reads {named}.",
    )


@default_style
def draw_gallery(
    images: np.ndarray, beliefs: np.ndarray, y: np.ndarray, caption: str
) -> CaptionedFigure:
    """Digits, five a line, each beside its beliefs."""
    lines = max(1, -(-len(images) // 5))
    size, widths = (7.5, 2.2 * lines), [1, 1.2] * 5
    fig, axes = plt.subplots(
        lines, 10, figsize=size, width_ratios=widths, squeeze=False, layout="constrained"
    )
    for ax in axes.flat[2 * len(images) :]:
        ax.set_visible(False)
    examples = zip(axes.reshape(-1, 2), images, beliefs, y, strict=False)
    for (left, right), image, rows, label in examples:
        draw_pixels(left, image, "")
        left.axis("off")
        draw_beliefs(right, rows, label)
        right.set_xticks((0, 5, 9))
        right.tick_params(labelsize=8, labelleft=False)
        left.set_title(f"label {label}", size=9, color=RIGHT)
        answer = rows[-1].argmax()
        right.set_title(f"read {answer}", size=9, color=RIGHT if answer == label else WRONG)
    for right in axes[:, -1]:
        right.tick_params(left=False, right=True, labelright=True)
    words = "right of each image: belief in the digits 0 to 9 after rows 1 to 28; darker is higher"
    fig.supxlabel(words, size=9)
    return CaptionedFigure(fig, caption)


def draw_pixels(ax: plt.Axes, values: np.ndarray, title: str, norm: str = "linear") -> AxesImage:
    """Values (28, 28) as shades of grey, from the least to the greatest."""
    ax.set(title=title, xlabel="column", xticks=TICKS, yticks=TICKS)
    extent = (*EDGES, *EDGES[::-1])
    return ax.imshow(values, cmap="gray_r", norm=norm, extent=extent, aspect="auto")


def draw_beliefs(ax: plt.Axes, beliefs: np.ndarray, label: int) -> AxesImage:
    """Beliefs (28, 10) as shades, with a dot on the most probable digit after each row."""
    shades = draw_shades(ax, beliefs)
    answers = beliefs.argmax(axis=1)
    colors = np.where(answers == label, RIGHT, WRONG)
    ax.scatter(answers, np.arange(1, 29), s=9, c=colors, ec="white", lw=0.4)
    return shades


def draw_shades(ax: plt.Axes, beliefs: np.ndarray) -> AxesImage:
    """Beliefs (28, 10) as shades of grey on one scale."""
    ax.set(xticks=range(10), yticks=TICKS)
    ax.tick_params(axis="x", labelsize=8)
    return ax.imshow(
        beliefs, cmap="gray_r", vmin=0, vmax=1, extent=(-0.5, 9.5, *EDGES[::-1]), aspect="auto"
    )
