"""The parts that several figures of 04_reading.ipynb share.

Grey shows ink and belief; blue is the label and what is right, orange is any other digit.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.image import AxesImage

from mnist_rnn.figures.plate import BLUE, ORANGE, TICKS, Plate

RIGHT, WRONG = BLUE, ORANGE
EDGES = (0.5, 28.5)


def draw_gallery(
    images: np.ndarray, beliefs: np.ndarray, y: np.ndarray, alt: str, caption: str
) -> Plate:
    """Digits, five a line, each beside its beliefs; `images` holds a multiple of five.

    The last two answers for each image are added to the text alternative.
    """
    lines = len(images) // 5
    size, widths = (7.5, 2.2 * lines), [1, 1.2] * 5
    fig, axes = plt.subplots(
        lines, 10, figsize=size, width_ratios=widths, squeeze=False, layout="constrained"
    )
    examples = zip(axes.reshape(-1, 2), images, beliefs, y, strict=True)
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
    answers = (
        f"label {label}: {', '.join(list_answers(rows)[-2:])}"
        for label, rows in zip(y, beliefs, strict=True)
    )
    return Plate(fig, f"{alt} {'; '.join(answers)}", caption)


def list_answers(beliefs: np.ndarray) -> list[str]:
    """The most probable digits of beliefs (28, 10) in turn: `["1 from row 1", "7 from row 9"]`."""
    answers = beliefs.argmax(axis=1)
    changes = np.flatnonzero(np.diff(answers, prepend=-1))
    return [f"{answers[row]} from row {row + 1}" for row in changes]


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
