"""The figures of the hidden state and of the rows in 04_reading.ipynb, with their captions."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke
from sklearn.decomposition import PCA

from mnist_rnn.figures import LIGHT, Plate
from mnist_rnn.inside.panels import RIGHT, WRONG, draw_pixels
from mnist_rnn.inside.reading import separation


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
        for row, place in ((1, (-9, -3)), (14, (3, 3)), (28, (4, -8))):
            ax.plot(*means[digit, row - 1], "o", color=RIGHT, ms=3)
            label = ax.annotate(
                row, means[digit, row - 1], place, textcoords="offset points", size=9, weight="bold"
            )
            label.set_path_effects([withStroke(linewidth=2, foreground="white")])
        ax.set_title(f"all {digit}", size=10)
    fig.supxlabel("first principal component", size=10)
    fig.supylabel("second principal component", size=10)
    middle, end = (separation(hidden[:, row - 1], y) for row in (14, 28))
    return Plate(
        fig,
        "Ten panels, one for each class: the mean path of its hidden state among those of all",
        f"**The classes start together and part.** Blue, the mean path of one class, numbers "
        f"are rows; grey, the other classes. All start at one point, since the first rows are "
        f"blank. The plane holds {pca.explained_variance_ratio_.sum():.0%} of the variance of the "
        f"{hidden.shape[2]} units. In all of them, the distance between classes is "
        f"{middle:.1f} times the spread within a class after row 14, and {end:.1f} times after "
        f"row 28 (first {len(y):,} test images).",
    )


def draw_rows(
    x: np.ndarray, sensitivity: np.ndarray, whole: float, rows: np.ndarray, bands: np.ndarray
) -> Plate:
    """Which rows of the images x matter: to the loss, and to the accuracy when they are blanked.

    Args:
        x: the images (n, 28, 28) that all the others were measured on.
        sensitivity: mean size of the loss's gradient for each pixel (28, 28).
        whole: accuracy with all rows.
        rows: accuracies without each row (28,).
        bands: accuracies without each seventh of the rows (7,).
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), sharey=True, layout="constrained")
    draw_pixels(axes[0], x.mean(axis=0), "mean ink")
    draw_pixels(axes[1], np.log10(sensitivity), "sensitivity (log scale)")
    axes[0].set_ylabel("row")
    axes[2].barh(np.arange(2.5, 29, 4), 100 * (whole - bands), 3.6, color=LIGHT, label="four rows")
    axes[2].barh(np.arange(1, 29), 100 * (whole - rows), 0.7, color=WRONG, label="one row")
    axes[2].set(title="accuracy lost when blank", xlabel="percentage points")
    axes[2].legend(frameon=False, loc="lower right")
    share = sensitivity[:4].sum() / sensitivity.sum()
    worst, band = int(rows.argmin()) + 1, int(bands.argmin())
    return Plate(
        fig,
        "Mean ink, sensitivity of the loss to each pixel, and accuracy lost, row beside row",
        f"**No row is indispensable, the middle is.** Without any one row the network loses at "
        f"most {100 * (whole - rows.min()):.1f} percentage points (row {worst}); without rows "
        f"{4 * band + 1} to {4 * band + 4} it loses {100 * (whole - bands.min()):.0f} "
        f"(first {len(x):,} test images). The loss would react most to ink where there "
        f"is hardly ever any: the four top rows hold {share:.0%} of the sensitivity.",
    )
