"""The figures over many images in 04_reading.ipynb. Every number in a caption is computed."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from sklearn.decomposition import PCA

from mnist_rnn.figures.captioned import DARK, LIGHT, TICKS, CaptionedFigure, default_style
from mnist_rnn.reading.image_figures import RIGHT, draw_pixels, draw_shades
from mnist_rnn.reading.measures import decision_rows, last_ink_rows, separation
from mnist_rnn.records.metrics import confident_mistakes


@default_style
def draw_means(images: np.ndarray, beliefs: np.ndarray, y: np.ndarray) -> CaptionedFigure:
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
    fig.supxlabel("digit", size=10)
    fig.supylabel("row", size=10)
    after_ink = (rows >= last_ink_rows(images)).mean()
    final = 100 * np.array([beliefs[y == digit, -1, digit].mean() for digit in range(10)])
    return CaptionedFigure(
        fig,
        "Mean belief in each digit after each row, over all images of a digit; the blue frame is "
        "on the right digit. Below the dashed line at least half of the images are decided (for 0 "
        f"to 9, from row {', '.join(map(str, medians))} on). {after_ink:.0%} of all images are "
        "decided only at their last row with ink or later. After row 28 the mean belief in the "
        f"label is {final.min():.0f}% ({final.argmin()}) to {final.max():.0f}% ({final.argmax()}).",
    )


@default_style
def draw_accuracy(by_row: np.ndarray, if_blank: np.ndarray, count: int) -> CaptionedFigure:
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
        or f"at most {curve.max():.0%}"
        for curve in (by_row, if_blank)
    )
    return CaptionedFigure(
        fig,
        f"The first {count:,} test images. Blue: accuracy of the belief after each row; it reaches "
        f"{now}. Grey: accuracy after row 28 when all rows below this one are blank; it reaches "
        f"{seen}. After row 21 the accuracies are {by_row[20]:.0%} and {if_blank[20]:.0%}.",
    )


@default_style
def draw_doubts(beliefs: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """How sure the wrong answers are, and how often the label is the second choice."""
    last = beliefs[:, -1]
    wrong = confident_mistakes(last, y, count=len(y))
    sure, second = last[wrong].max(axis=1), np.argsort(last[wrong])[:, -2] == y[wrong]
    fig, ax = plt.subplots(figsize=(7.5, 2.8), layout="constrained")
    names = [f"label second ({second.sum()})", f"label ranked lower ({(~second).sum()})"]
    ax.hist([sure[second], sure[~second]], [n / 10 for n in range(1, 11)], stacked=True, rwidth=0.9,
            color=[RIGHT, LIGHT], label=names)  # fmt: skip
    ax.set(xlabel="probability of the wrong answer", ylabel="images", xlim=(0.1, 1))
    ax.legend(frameon=False, loc="upper left")
    right = last.max(axis=1)[last.argmax(axis=1) == y]
    return CaptionedFigure(
        fig,
        f"All {len(wrong)} wrong answers by their probability. Blue: the label is the second most "
        f"probable digit ({second.sum()}); grey: it is ranked lower ({(~second).sum()}). Half of "
        f"the wrong answers have a probability above {np.median(sure):.0%}. "
        f"{(sure > 0.9).mean():.0%} of the wrong and {(right > 0.9).mean():.0%} of the right "
        "answers have one above 90%.",
    )


@default_style
def draw_trajectories(hidden: np.ndarray, y: np.ndarray) -> CaptionedFigure:
    """The mean path of the hidden state (n, 28, units) of each class, in two dimensions."""
    pca = PCA(n_components=2)
    paths = pca.fit_transform(hidden.reshape(-1, hidden.shape[2])).reshape(*hidden.shape[:2], 2)
    means = np.stack([paths[y == digit].mean(axis=0) for digit in range(10)])
    fig, axes = plt.subplots(
        2, 5, figsize=(7.5, 4.2), sharex=True, sharey=True, layout="constrained"
    )
    for digit, ax in enumerate(axes.flat):
        ax.plot(*means.transpose(2, 1, 0), color=LIGHT, lw=0.8)
        ax.plot(*means[digit].T, color=RIGHT, lw=1.5)
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
        "Blue: the mean path of the images of one digit (a class), from row 1 (ring) past row 14 "
        f"to row 28; grey: the other classes. The plane holds "
        f"{pca.explained_variance_ratio_.sum():.0%} of the variance of the {hidden.shape[2]} "
        "units; in it, the mean distance of the classes from their centroid is "
        f"{spread[0]:.1f} after row 1, {spread[1]:.1f} after row 14 and {spread[2]:.1f} after row "
        "28. In all units, the distance of the class means from their centroid, divided by that of "
        f"the images from their class mean, is {middle:.1f} after row 14 and {end:.1f} after row "
        f"28 (root mean squares, first {len(y):,} test images).",
    )


@default_style
def draw_rows(
    x: np.ndarray, sensitivity: np.ndarray, whole: float, rows: np.ndarray, bands: np.ndarray
) -> CaptionedFigure:
    """Which rows of the images x matter to the loss, and to the accuracy when they are blank.

    Args:
        x: the images (n, 28, 28) on which all the others were measured.
        sensitivity: mean size of the loss's gradient for each pixel (28, 28).
        whole: accuracy with all rows.
        rows: accuracies without each row (28,).
        bands: accuracies without each four rows in turn (7,).
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), sharey=True, layout="constrained")
    draw_pixels(axes[0], x.mean(axis=0), "mean ink")
    fig.colorbar(draw_pixels(axes[1], sensitivity, "size of gradient", "log"), ax=axes[1])
    axes[0].set_ylabel("row")
    four, one = 100 * (whole - bands), 100 * (whole - rows)
    axes[2].barh(np.arange(2.5, 29, 4), four, 3.6, color=LIGHT, label="four blank rows")
    axes[2].barh(np.arange(1, 29), one, 0.7, color=RIGHT, label="one blank row")
    axes[2].set(title="accuracy lost", xlabel="percentage points")
    axes[2].legend(frameon=False, loc="lower right")
    ink = x.sum(axis=(0, 2)) / x.sum()
    share = sensitivity[:4].sum() / sensitivity.sum()
    worst = int(rows.argmin()) + 1
    return CaptionedFigure(
        fig,
        f"The first {len(x):,} test images. Left, their mean ink: rows 8 to 21 hold "
        f"{ink[7:21].sum():.0%} of it. Middle, the mean size of the loss's gradient at each pixel, "
        "on a logarithmic scale: it is largest in row "
        f"{sensitivity.sum(axis=1).argmax() + 1}, and the top four rows hold {share:.0%} of it. "
        f"Right, the accuracy lost: one blank row costs at most {one.max():.1f} percentage points "
        f"(row {worst}); blocks of four, from the top: {', '.join(f'{n:.1f}' for n in four)}.",
    )
