"""The accuracy on images that are shifted, rotated, noisy or read in another order."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy import ndimage

from mnist_rnn.experiment.backend import keras
from mnist_rnn.interpret.reading import accuracy


def shift(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """Shift by whole pixels; what leaves the image is lost, what comes in is blank."""
    return ndimage.shift(x, (0, down, right), order=0)


def rotate(x: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate counter-clockwise about the centre of the image, with linear interpolation."""
    return ndimage.rotate(x, degrees, axes=(2, 1), reshape=False, order=1)


def add_noise(x: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    """Add Gaussian noise to each pixel and clip the result to [0, 1]."""
    noise = np.random.default_rng(seed).normal(0, deviation, x.shape)
    return np.clip(x + noise, 0, 1).astype("float32")


Disturbance = Callable[[np.ndarray], np.ndarray]


def list_disturbances(seed: int) -> dict[str, list[Disturbance]]:
    """The disturbances by name; the accuracy is the mean over the functions of one name."""
    ways: dict[str, list[Disturbance]] = {"as they are": [lambda x: x]}
    for n in range(1, 5):
        moves = [(n, 0), (-n, 0), (0, n), (0, -n)]
        name = f"shifted by {n} px, mean of four directions"
        ways[name] = [partial(shift, down=down, right=right) for down, right in moves]
    for angle in (10, 20, 30):
        name = f"rotated by {angle}°, mean of both ways"
        ways[name] = [partial(rotate, degrees=degrees) for degrees in (angle, -angle)]
    for deviation in (0.1, 0.2, 0.3):
        name = f"noise of standard deviation {deviation}"
        ways[name] = [partial(add_noise, deviation=deviation, seed=seed)]
    ways["read from the bottom up"] = [lambda x: x[:, ::-1]]
    ways["read from left to right"] = [lambda x: x.transpose(0, 2, 1)]
    ways["read from right to left"] = [lambda x: x.transpose(0, 2, 1)[:, ::-1]]
    return ways


def tabulate_disturbances(
    model: keras.Model, x: np.ndarray, y: np.ndarray, seed: int
) -> pd.DataFrame:
    """A row for each of `list_disturbances`: the accuracy in percent."""
    means = {
        name: 100 * np.mean([accuracy(model, change(x), y) for change in changes])
        for name, changes in list_disturbances(seed).items()
    }
    return pd.DataFrame({"accuracy (%)": means}).rename_axis("images").round(1)
