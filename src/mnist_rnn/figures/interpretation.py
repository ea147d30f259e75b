"""Draw the figures of 04_reading.ipynb, with computed numbers in their captions.

Grey shows ink and probability. Blue marks the label and correct predictions. Orange marks wrong
predictions.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from sklearn.decomposition import PCA

from mnist_rnn.analysis.trained_network import decision_rows, last_ink_rows, separation
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
def draw_confident_mistakes(
    images: np.ndarray, probabilities: np.ndarray, y: np.ndarray
) -> CaptionedFigure:
    """Draw the fifteen misclassified images with the highest predicted probabilities."""
    shown = confident_mistakes(probabilities[:, -1], y, count=15)
    sure = probabilities[shown, -1].max(axis=1)
    answers = probabilities[shown, -1].argmax(axis=1)
    named = ", ".join(
        f"{label} as {answer}" for label, answer in zip(y[shown], answers, strict=True)
    )
    return draw_gallery(
        images[shown],
        probabilities[shown],
        y[shown],
        f"The {len(shown)} misclassified images with the highest predicted probabilities, from "
        f"{sure.max():.1%} down to {sure.min():.1%}. The network classifies {named}.",
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
    words = "right of each image: probability of digits 0 to 9 after rows 1 to 28"
    fig.supxlabel(words, size=9)
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
    ax.plot(
        rows,
        100 * if_blank,
        "s--",
        color=DARK,
        ms=4,
        label="after row 28, if all rows below are blank",
    )
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


@default_style
def draw_doubts(probabilities: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """Draw a histogram of the probabilities of wrong predictions, coloured by the label's rank."""
    last = probabilities[:, -1]
    wrong = confident_mistakes(last, y, count=len(y))
    sure, second = last[wrong].max(axis=1), np.argsort(last[wrong])[:, -2] == y[wrong]
    fig, ax = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
    names = [f"label ranked second ({second.sum()})", f"label ranked lower ({(~second).sum()})"]
    ax.hist([sure[second], sure[~second]], [n / 10 for n in range(1, 11)], stacked=True, rwidth=0.9,
            color=[RIGHT, LIGHT], label=names)  # fmt: skip
    ax.set(xlabel="probability of the wrong prediction", ylabel="images", xlim=(0.1, 1))
    ax.legend(frameon=False, loc="upper left")
    right = last.max(axis=1)[last.argmax(axis=1) == y]
    return CaptionedFigure(
        fig,
        f"Histogram of the predicted probabilities of all {len(wrong)} misclassified images. Blue: "
        f"the label is the second most probable digit ({second.sum()} images). Grey: the label is "
        f"the third most probable digit or lower ({(~second).sum()} images). Half of the wrong "
        f"predictions have a probability above {np.median(sure):.0%}. The probability is above "
        f"90% for {(sure > 0.9).mean():.0%} of the wrong predictions and for "
        f"{(right > 0.9).mean():.0%} of the right predictions.",
    )


@default_style
def draw_trajectories(hidden: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """Draw each digit's mean path through the hidden states (n, 28, units) in two dimensions."""
    units = hidden.shape[2]
    hidden = np.pad(hidden, [(0, 0), (0, 0), (0, max(0, 2 - units))])
    pca = PCA(n_components=2)
    paths = pca.fit_transform(hidden.reshape(-1, hidden.shape[2])).reshape(*hidden.shape[:2], 2)
    means = np.stack([paths[y == digit].mean(axis=0) for digit in range(10)])
    fig, axes = plt.subplots(
        2, 5, figsize=(7.5, 4.2), sharex=True, sharey=True, layout="constrained"
    )
    for digit, ax in enumerate(axes.flat):
        ax.plot(*means.transpose(2, 1, 0), color=LIGHT, lw=0.8)
        ax.plot(*means[digit].T, color=RIGHT)
        ax.plot(*means[digit, 0], "o", color=RIGHT, mfc="white", ms=5)
        ax.margins(0.15)
        for row, place in ((14, (3, 3)), (28, (4, -8))):
            ax.plot(*means[digit, row - 1], "o", color=RIGHT, ms=3)
            label = ax.annotate(
                row, means[digit, row - 1], place, textcoords="offset points", size=9, weight="bold"
            )
            label.set_path_effects([withStroke(linewidth=2, foreground="white")])
        ax.set_title(f"all {digit}", size=10)
    fig.supxlabel("first principal component", size=10)
    fig.supylabel("second principal component", size=10)
    ends = means[:, [0, 13, 27]]
    spread = np.linalg.norm(ends - ends.mean(axis=0), axis=2).mean(axis=0)
    middle, end = (separation(hidden[:, row - 1], y) for row in (14, 28))
    return CaptionedFigure(
        fig,
        "Blue: the mean path of the hidden state for one digit (a class). A ring marks row 1, and "
        "dots mark rows 14 and 28. Grey: the mean paths of the other classes. The plane contains "
        f"{pca.explained_variance_ratio_.sum():.0%} of the variance of the {units} "
        "units. In the plane, the mean distance of the class means from their centroid is "
        f"{spread[0]:.1f} after row 1, {spread[1]:.1f} after row 14 and {spread[2]:.1f} after row "
        f"28. Computed from all units, the class separation is {middle:.1f} after row 14 and "
        f"{end:.1f} after row 28 (first {len(y):,} test images). The class separation is the "
        "distance between classes divided by the distance within classes. The distance "
        "between classes is the root-mean-square distance of the class means from their centroid. "
        "The distance within classes is that of the images from their class mean.",
    )


@default_style
def draw_rows(
    x: np.ndarray, sensitivity: np.ndarray, whole: float, rows: np.ndarray, bands: np.ndarray
) -> CaptionedFigure:
    """Draw the mean ink, the gradient of the loss, and the accuracy that blank rows cost.

    Args:
        x: images (n, 28, 28) from which the other arguments were computed.
        sensitivity: mean absolute gradient of the loss for each pixel (28, 28).
        whole: accuracy with all rows.
        rows: accuracies with one row blank (28,).
        bands: accuracies with four rows blank (7,).
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), sharey=True, layout="constrained")
    draw_pixels(axes[0], x.mean(axis=0), "mean ink")
    shades = draw_pixels(axes[1], sensitivity, "size of gradient", "log")
    fig.colorbar(shades, ax=axes[1], label="mean size", location="bottom")
    axes[0].set_ylabel("row")
    four, one = 100 * (whole - bands), 100 * (whole - rows)
    axes[2].barh(np.arange(2.5, 29, 4), four, 3.6, color=LIGHT, label="four blank rows")
    axes[2].barh(np.arange(1, 29), one, 0.7, color=RIGHT, label="one blank row")
    axes[2].set(title="accuracy lost", xlabel="percentage points")
    axes[2].legend(frameon=False, loc="lower right")
    ink = x.sum(axis=(0, 2)) / x.sum()
    share = sensitivity[:4].sum() / sensitivity.sum()
    worst = int(rows.argmin()) + 1
    costs = ", ".join(f"{cost:.1f}" for cost in four)
    return CaptionedFigure(
        fig,
        f"All panels: the first {len(x):,} test images. Left: the mean ink of each pixel; rows 8 "
        f"to 21 contain {ink[7:21].sum():.0%} of the ink. Middle: the mean size of the loss's "
        "gradient for each pixel, on a logarithmic scale. The gradient is largest in row "
        f"{sensitivity.sum(axis=1).argmax() + 1}, and the top four rows have {share:.0%} of the "
        "sum of all gradient sizes. Right: the accuracy that is lost if rows are blank. One blank "
        f"row costs at most {one.max():.1f} percentage points (row {worst}). From top to bottom, "
        f"blocks of four blank rows cost {costs} percentage points.",
    )


def draw_pixels(ax: plt.Axes, values: np.ndarray, title: str, norm: str = "linear") -> AxesImage:
    """Draw values (28, 28) as shades of grey, from the least (white) to the greatest (black)."""
    ax.set(title=title, xlabel="column", xticks=TICKS, yticks=TICKS)
    extent = (*EDGES, *EDGES[::-1])
    return ax.imshow(values, cmap="gray_r", norm=norm, extent=extent)


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
    return ax.imshow(
        probabilities,
        cmap="gray_r",
        vmin=0,
        vmax=1,
        extent=(-0.5, 9.5, *EDGES[::-1]),
        aspect="auto",
    )
