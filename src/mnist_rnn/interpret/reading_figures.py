"""The figures of beliefs in 04_reading.ipynb. Every number in a caption is computed."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from mnist_rnn.figures.plate import DARK, LIGHT, TICKS, Plate
from mnist_rnn.interpret import panels, reading
from mnist_rnn.interpret.panels import RIGHT
from mnist_rnn.records.metrics import confident_mistakes


def draw_reading(image: np.ndarray, beliefs: np.ndarray, label: int) -> Plate:
    """One digit (28, 28) and, to its right, the belief (28, 10) after each row."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.9), sharey=True, layout="constrained")
    panels.draw_pixels(left, image, "the digit")
    left.set_ylabel("row")
    shades = panels.draw_beliefs(right, beliefs, label)
    right.set(title="belief after each row", xlabel="digit")
    fig.colorbar(shades, label="belief (a probability)")
    answers, decided = beliefs.argmax(axis=1), reading.decision_rows(beliefs[None])[0]
    return Plate(
        fig,
        f"Left, an image of {label}; right, a heat map of the ten probabilities after each row. "
        f"The most probable digit is {', '.join(panels.list_answers(beliefs))}.",
        f"An image of {label}. The dot marks the most probable digit after each row: blue is the "
        f"label, orange another digit. It visits {len(set(answers))} different digits; from row "
        f"{decided} on it is on the final answer, {answers[-1]}, whose probability after row 28 is "
        f"{beliefs[-1].max():.0%}.",
    )


def draw_examples(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """The first image of each class, read."""
    first = [int(np.argmax(y == digit)) for digit in range(10)]
    rows, ink = reading.decision_rows(beliefs[first]), reading.last_ink_rows(images[first])
    return panels.draw_gallery(
        images[first],
        beliefs[first],
        y[first],
        "One image of each digit; beside it, a heat map of the ten probabilities after each row.",
        "The first test image of each digit, narrowed so that each row stands beside its beliefs. "
        f"The answer is final after row {rows.min()} to {rows.max()}; the last row with ink is "
        f"{ink.min()} to {ink.max()}.",
    )


def draw_late(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """Digits that are read right only after the last row, surest first."""
    last = beliefs[:, -1]
    late = np.flatnonzero((reading.decision_rows(beliefs) == 28) & (last.argmax(axis=1) == y))
    shown = late[np.argsort(-last[late].max(axis=1), kind="stable")][:10]
    blank = (reading.last_ink_rows(images[late]) < 28).sum()
    lost = (beliefs[:, -2].argmax(axis=1) == y) & (last.argmax(axis=1) != y)
    return panels.draw_gallery(
        images[shown],
        beliefs[shown],
        y[shown],
        f"{len(shown)} images beside their heat maps of beliefs: wrong after row 27, right after "
        "row 28.",
        f"{len(late)} of {len(y):,} test images are misclassified after row 27 and right after "
        f"row 28; in {blank} of them row 28 is blank. Shown are the {len(shown)} with the highest "
        f"final probability. The other way round, {lost.sum()} are right after row 27 and wrong "
        "after row 28.",
    )


def draw_means(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """The mean belief in each digit after each row, for each class."""
    fig, axes = plt.subplots(
        2, 5, figsize=(7.5, 5.4), sharex=True, sharey=True, layout="constrained"
    )
    rows = reading.decision_rows(beliefs)
    medians = [int(np.median(rows[y == digit])) for digit in range(10)]
    for digit, ax in enumerate(axes.flat):
        panels.draw_shades(ax, beliefs[y == digit].mean(axis=0))
        ax.add_patch(Rectangle((digit - 0.5, 0.5), 1, 28, fill=False, ec=RIGHT))
        ax.axhline(medians[digit] - 0.5, color=RIGHT, ls="--", lw=1)
        ax.set_title(f"all {digit}", size=10)
    fig.supxlabel("digit", size=10)
    fig.supylabel("row", size=10)
    after_ink = (rows >= reading.last_ink_rows(images)).mean()
    return Plate(
        fig,
        "Ten heat maps, one for each class: the mean belief in each digit after each row. The row "
        "by which half of the images are decided, and the mean belief in the label after row 28: "
        + "; ".join(
            f"{digit}: row {medians[digit]}, {beliefs[y == digit, -1, digit].mean():.0%}"
            for digit in range(10)
        ),
        "Mean belief over all images of each digit. Blue frame: the right digit. Below the dashed "
        f"line at least half of the images are decided (from row {min(medians)} to {max(medians)} "
        f"on, by digit). {after_ink:.0%} of all images are decided only at their last row with ink "
        "or later.",
    )


def draw_accuracy(by_row: np.ndarray, if_blank: np.ndarray, count: int) -> Plate:
    """Accuracy after each row (28,), and with the rest left blank (28,), on `count` images."""
    fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
    rows, levels = np.arange(1, 29), (0.5, 0.9, 0.97)
    ax.plot(rows, 100 * if_blank, "s--", color=DARK, ms=4, label="answer if the rest is blank")
    ax.plot(rows, 100 * by_row, "o-", color=RIGHT, ms=4, label="belief after the row")
    ax.set(xlabel="row", ylabel="test accuracy (%)", xticks=TICKS, ylim=(0, 100))
    ax.set_yticks([0, 20, 50, 90, 97])
    ax.grid(axis="y", color=LIGHT)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 0.88))
    now, seen = (
        ", ".join(
            f"{level:.0%} after row {np.argmax(curve >= level) + 1}"
            for level in levels
            if (curve >= level).any()
        )
        for curve in (by_row, if_blank)
    )
    return Plate(
        fig,
        "Two curves of accuracy over rows: that with blank rows below rises long before the other. "
        + " ".join(
            f"After row {row}, {if_blank[row - 1]:.0%} with blank rows below, "
            f"{by_row[row - 1]:.0%} by the belief."
            for row in TICKS
        ),
        f"The first {count:,} test images. Blue: accuracy of the belief after each row; it reaches "
        f"{now}. Grey: accuracy after row 28 when all rows below this one are blank; it reaches "
        f"{seen}.",
    )


def draw_surest_mistakes(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """The fifteen images misclassified with the highest probability."""
    shown = confident_mistakes(beliefs[:, -1], y, count=15)
    sure = beliefs[shown, -1].max(axis=1)
    return panels.draw_gallery(
        images[shown],
        beliefs[shown],
        y[shown],
        f"{len(shown)} misclassified images, each beside its heat map of probabilities.",
        f"The {len(shown)} wrong answers that the network is surest of: probability "
        f"{sure.max():.1%} to {sure.min():.1%}.",
    )


def draw_doubts(beliefs: np.ndarray, y: np.ndarray) -> Plate:
    """How sure the wrong answers are, and how often the label is the second choice."""
    last = beliefs[:, -1]
    wrong = confident_mistakes(last, y, count=len(y))
    sure, second = last[wrong].max(axis=1), np.argsort(last[wrong])[:, -2] == y[wrong]
    fig, ax = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
    names = [f"label second ({second.sum()})", f"label ranked lower ({(~second).sum()})"]
    ax.hist([sure[second], sure[~second]], [n / 10 for n in range(2, 11)], stacked=True, rwidth=0.9,
            color=[RIGHT, LIGHT], label=names)  # fmt: skip
    ax.set(xlabel="probability of the wrong answer", ylabel="images", xlim=(0.2, 1))
    ax.legend(frameon=False, loc="upper left")
    right = last.max(axis=1)[last.argmax(axis=1) == y]
    return Plate(
        fig,
        "Histogram of the probability of wrong answers, split by whether the label comes second: "
        f"in {second.sum()} it does, in {(~second).sum()} it is ranked lower. Half of the wrong "
        f"answers have a probability above {np.median(sure):.0%}.",
        f"All {len(wrong)} wrong answers; blue: the label is the second most probable digit. "
        f"{(sure > 0.9).mean():.0%} of the wrong and {(right > 0.9).mean():.0%} of the right "
        "answers have a probability above 90%.",
    )
