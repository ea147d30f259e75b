"""The figures of beliefs in 04_reading.ipynb; every number in a caption is computed here."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from mnist_rnn.evaluation import confident_mistakes
from mnist_rnn.figures import DARK, LIGHT, Plate
from mnist_rnn.inside.drawing import Stroke, center_strokes
from mnist_rnn.inside.panels import (
    RIGHT,
    TICKS,
    WRONG,
    draw_beliefs,
    draw_gallery,
    draw_pixels,
    draw_shades,
)
from mnist_rnn.inside.reading import Weights, believe, decision_rows, passing_row, read_rows


def draw_reading(image: np.ndarray, beliefs: np.ndarray, label: int) -> Plate:
    """One digit (28, 28) beside the beliefs (28, 10), row beside row."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.9), sharey=True, layout="constrained")
    draw_pixels(left, image, "the digit")
    left.set_ylabel("row")
    shades = draw_beliefs(right, beliefs, label)
    right.set(title="belief after each row", xlabel="digit")
    fig.colorbar(shades, label="belief (a probability)")
    answers, decided = beliefs.argmax(axis=1), decision_rows(beliefs[None])[0]
    return Plate(
        fig,
        f"A {label} beside a table of shades, a row for each of its rows and a column a digit",
        f"**A {label} is read from top to bottom.** After each row, a dot marks the digit that the "
        f"network would name: blue for the right one, orange for another. It names "
        f"{len(set(answers))} different digits on the way, settles on "
        f"{answers[-1]} after row {decided}, and believes in it by {beliefs[-1].max():.0%} after "
        f"row 28.",
    )


def draw_examples(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """The first image of each class, read."""
    first = [int(np.argmax(y == digit)) for digit in range(10)]
    rows = decision_rows(beliefs[first])
    blank = (images[first].max(axis=2) == 0)[:, ::-1].argmin(axis=1)
    return Plate(
        draw_gallery(images[first], beliefs[first], y[first]),
        "Ten digits, each beside its table of beliefs, row beside row",
        f"**So it goes for each digit.** The first test image of each class; a dot marks the digit "
        f"named after each row, blue if right. The last answer stands from row {rows.min()} to "
        f"row {rows.max()} on, where the ink has ended or is about to: these images end in "
        f"{blank.min()} to {blank.max()} blank rows.",
    )


def draw_late(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """Digits read right that the network named only after the last row, surest first."""
    last = beliefs[:, -1]
    late = np.flatnonzero((decision_rows(beliefs) == 28) & (last.argmax(axis=1) == y))
    shown = late[np.argsort(-last[late].max(axis=1), kind="stable")][:10]
    before = np.bincount(beliefs[late, -2].argmax(axis=1), minlength=10)
    late_share = np.bincount(y[late], minlength=10) / np.bincount(y, minlength=10)
    return Plate(
        draw_gallery(images[shown], beliefs[shown], y[shown]),
        "Ten digits, each beside its table of beliefs, whose last dot alone is blue",
        f"**The last row changed its mind.** {len(late)} of {len(y):,} test images are "
        f"read right after row 28 and wrong after row 27; the ten surest are shown. It happens "
        f"most to the {late_share.argmax()} ({late_share.max():.1%} of its images); just before, "
        f"the network most often named {before.argmax()} ({before.max()} times).",
    )


def draw_means(beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """The mean belief in each digit after each row, for each class."""
    fig, axes = plt.subplots(
        2, 5, figsize=(7.5, 5.4), sharex=True, sharey=True, layout="constrained"
    )
    rows = decision_rows(beliefs)
    medians = [int(np.median(rows[y == digit])) for digit in range(10)]
    for digit, ax in enumerate(axes.flat):
        draw_shades(ax, beliefs[y == digit].mean(axis=0))
        ax.add_patch(Rectangle((digit - 0.5, 0.5), 1, 28, fill=False, ec=RIGHT))
        ax.axhline(medians[digit] - 0.5, color=RIGHT, ls="--", lw=1)
        ax.set_title(f"all {digit}", size=10)
    fig.supxlabel("digit believed in", size=10)
    fig.supylabel("row", size=10)
    early, late = min(medians), max(medians)
    first, last = (
        ", ".join(str(digit) for digit in range(10) if medians[digit] == row)
        for row in (early, late)
    )
    return Plate(
        fig,
        "Ten tables of shades, one for each class: mean belief in each digit after each row",
        f"**No class is half decided before row {early}.** Shades are mean beliefs, the "
        f"blue frame marks the right digit, the dashed line the row after which half "
        f"the images of the class are decided: from row {early} ({first}) to row {late} "
        f"({last}). Above the line the shades move from digit to digit, much the same way for all "
        f"images of a class, and mostly outside the frame.",
    )


def draw_accuracy(by_row: np.ndarray, if_blank: np.ndarray, count: int) -> Plate:
    """Accuracy after each row (28,), and with the rest left blank (28,), on `count` images."""
    fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
    rows, levels = np.arange(1, 29), (0.5, 0.9, 0.97)
    ax.plot(rows, 100 * if_blank, "s--", color=DARK, ms=4, label="answer if the rest were blank")
    ax.plot(rows, 100 * by_row, "o-", color=RIGHT, ms=4, label="belief after the row")
    ax.set(xlabel="row", ylabel="test accuracy (%)", xticks=TICKS, ylim=(0, 100))
    ax.set_yticks([0, 20, 50, 90, 97])
    ax.grid(axis="y", color=LIGHT)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 0.88))
    now, seen = (
        ", ".join(
            f"{level:.0%} after row {passing_row(curve, level)}"
            for level in levels
            if (curve >= level).any()
        )
        for curve in (by_row, if_blank)
    )
    return Plate(
        fig,
        "Two curves of accuracy over rows; the belief's rises long after the other",
        f"**It has seen enough long before it can say so.** Blue: the belief after each row passes "
        f"{now}. Grey: were all rows below it blank, and read as well, the answer would pass "
        f"{seen} (first {count:,} test images). In training the network was only ever asked "
        f"after row 28: until then it holds what it has read in a form that its last layer can't "
        f"yet name.",
    )


def draw_all_mistakes(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """All images read wrong, surest first, over the belief in the answer and in the label."""
    answers, last = beliefs[:, -1].argmax(axis=1), beliefs[:, -1].max(axis=1)
    wrong = confident_mistakes(beliefs[:, -1], y, count=len(y))
    columns, width, height = 12, 32, 62
    rows = -(-len(wrong) // columns)
    fig, ax = plt.subplots(figsize=(7.5, 1.2 * rows), layout="constrained")
    for place, index in enumerate(wrong):
        x, top = width * (place % columns), height * (place // columns)
        ax.imshow(images[index], cmap="gray_r", extent=(x, x + 28, top + 28, top))
        label, answer = y[index], answers[index]
        named = f"{answer}  {last[index]:.0%}"
        for digit, text, right, color in ((label, label, 4, RIGHT), (answer, named, 19, WRONG)):
            curve = top + 42 - 12 * beliefs[index, :, digit]
            ax.plot(x + np.arange(28), curve, color=color, lw=0.9)
            ax.text(x + right, top + 52, text, color=color, size=7, ha="center")
    ax.set(xlim=(-2, columns * width), ylim=(height * rows, -3))
    ax.axis("off")
    sure = (last[wrong] > 0.9).sum()
    second = (np.argsort(beliefs[wrong, -1], axis=1)[:, -2] == y[wrong]).sum()
    return Plate(
        fig,
        "All digits that are read wrong, each over two curves of belief",
        f"**Most errors are doubts, not blunders.** All {len(wrong)} of {len(y):,} test images "
        f"that are read wrong, surest first. Under each, the belief over its 28 rows in the "
        f"label's digit (blue) and in the digit named (orange, with its last belief). "
        f"{sure} were named with a belief above 90%; in {second}, the label is the second choice.",
    )


def draw_pad_example(weights: Weights, strokes: list[Stroke], label: int) -> Plate:
    """What the pad shows: strokes on a pad of side 1, the network's image, and how it is read."""
    fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.9), layout="constrained")
    for stroke in strokes:
        axes[0].plot(*np.array(stroke).T, color=DARK, lw=9, solid_capstyle="round")
    axes[0].set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], title="drawn")
    image = center_strokes(strokes, side=1)
    draw_pixels(axes[1], image, "as the network sees it")
    axes[1].set_ylabel("row")
    beliefs = believe(weights, read_rows(weights, image[None]))[0]
    draw_beliefs(axes[2], beliefs, label)
    axes[2].set(title="belief after each row", xlabel="digit")
    return Plate(
        fig,
        "A digit drawn with a mouse, the same in 28 by 28 pixels, and the beliefs after each row",
        f"**The pad in use.** Left, the strokes of a {label}; in the middle, scaled and centred as "
        f"MNIST's digits were; right, how it is read: a {beliefs[-1].argmax()} "
        f"({beliefs[-1].max():.0%}).",
    )
