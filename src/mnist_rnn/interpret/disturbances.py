"""The accuracy on images that are shifted, rotated, noisy or read in another order."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import ndimage

from mnist_rnn.experiment.backend import keras
from mnist_rnn.interpret.reading import accuracy


def disturb(x: np.ndarray, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Images x (n, 28, 28), disturbed in each way; a name that comes again is another direction."""
    yield "as they are", x
    for n in range(1, 5):
        for move in ((n, 0), (-n, 0), (0, n), (0, -n)):  # down and right; what comes in is blank
            name = f"shifted by {n} px, mean of four directions"
            yield name, ndimage.shift(x, (0, *move), order=0)
    for angle in (10, 20, 30):
        for degrees in (angle, -angle):  # counter-clockwise; order 1 is linear interpolation
            turned = ndimage.rotate(x, degrees, axes=(2, 1), reshape=False, order=1)
            yield f"rotated by {angle}°, mean of both ways", turned
    for deviation in (0.1, 0.2, 0.3):
        noise = np.random.default_rng(seed).normal(0, deviation, x.shape)
        noisy = np.clip(x + noise, 0, 1).astype("float32")
        yield f"noise of standard deviation {deviation}", noisy
    yield "read from the bottom up", x[:, ::-1]
    yield "read from left to right", x.transpose(0, 2, 1)
    yield "read from right to left", x.transpose(0, 2, 1)[:, ::-1]


def tabulate_disturbances(
    model: keras.Model, x: np.ndarray, y: np.ndarray, seed: int
) -> pd.DataFrame:
    """A row for each name of `disturb`: the accuracy in percent, the mean over its directions."""
    rows = [(name, 100 * accuracy(model, images, y)) for name, images in disturb(x, seed)]
    table = pd.DataFrame(rows, columns=["images", "accuracy (%)"])
    return table.groupby("images", sort=False).mean().round(1)
