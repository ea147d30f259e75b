"""The figures of the hidden state and of the rows in 04_reading.ipynb, with their captions."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke
from sklearn.decomposition import PCA

from mnist_rnn.figures.plate import LIGHT, Plate
from mnist_rnn.interpret.panels import RIGHT, draw_pixels
from mnist_rnn.interpret.reading import separation


def draw_trajectories(hidden: np.ndarray, y: np.ndarray) -> Plate:
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
    return Plate(
        fig,
        f"Ten panels, one for each class: paths that start at one point and end far apart. In the "
        f"plane, the mean distance of the ten classes from their centroid is {spread[0]:.1f} after "
        f"row 1, {spread[1]:.1f} after row 14 and {spread[2]:.1f} after row 28.",
        "Blue: the mean path of the images of one digit (a class), from row 1 (ring) past row 14 "
        f"to row 28; grey: the other classes. The plane holds "
        f"{pca.explained_variance_ratio_.sum():.0%} of the variance of the {hidden.shape[2]} "
        f"units. In all units, the distance of the class means from their centroid, divided by "
        f"that of the images from their class mean, is {middle:.1f} after row 14 and {end:.1f} "
        f"after row 28 (root mean squares, first {len(y):,} test images).",
    )


def draw_rows(
    x: np.ndarray, sensitivity: np.ndarray, whole: float, rows: np.ndarray, bands: np.ndarray
) -> Plate:
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
    worst, band = int(rows.argmin()) + 1, int(bands.argmin())
    return Plate(
        fig,
        f"Three panels with the rows side by side. Rows 8 to 21 hold {ink[7:21].sum():.0%} of the "
        f"ink. The gradient is largest in row {sensitivity.sum(axis=1).argmax() + 1}. Four blank "
        "rows cost, from the top, in percentage points: "
        + ", ".join(f"{lost:.1f}" for lost in four),
        f"The first {len(x):,} test images. The gradient of the loss: its mean size at each "
        f"pixel, on a logarithmic scale. One blank row costs at most {one.max():.1f} percentage "
        f"points (row {worst}); of the blocks of four, rows {4 * band + 1} to {4 * band + 4} cost "
        f"most, {four.max():.0f}. The top four rows hold {share:.0%} of the gradient.",
    )
