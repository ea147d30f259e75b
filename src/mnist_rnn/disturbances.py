"""What happens to the accuracy when images are moved, turned, noisy or read in another order."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy import ndimage

from mnist_rnn.backend import keras
from mnist_rnn.reading import accuracy


def shift(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move the ink by whole pixels; what leaves the image is lost, what comes in is paper."""
    return ndimage.shift(x, (0, down, right), order=0)


def rotate(x: np.ndarray, degrees: float) -> np.ndarray:
    """Turn the images counter-clockwise about their centre, interpolated linearly."""
    return ndimage.rotate(x, degrees, axes=(2, 1), reshape=False, order=1)


def add_noise(x: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    """Add Gaussian noise to each pixel and keep the result between paper and ink."""
    noise = np.random.default_rng(seed).normal(0, deviation, x.shape)
    return np.clip(x + noise, 0, 1).astype("float32")


def list_disturbances(seed: int) -> dict[str, list[Callable[[np.ndarray], np.ndarray]]]:
    """What is done to the images, by name; the accuracy is the mean over the ways of doing it."""
    directions = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    shifts = {
        f"shifted by {pixels} px, mean of four directions": [
            partial(shift, down=pixels * down, right=pixels * right) for down, right in directions
        ]
        for pixels in range(1, 5)
    }
    turns = {
        f"rotated by {degrees}°, mean of both ways": [
            partial(rotate, degrees=sign * degrees) for sign in (1, -1)
        ]
        for degrees in (10, 20, 30)
    }
    noises = {
        f"noise of standard deviation {deviation}": [
            partial(add_noise, deviation=deviation, seed=seed)
        ]
        for deviation in (0.1, 0.2, 0.3)
    }
    orders = {
        "read from the bottom up": [lambda x: x[:, ::-1]],
        "read from left to right": [lambda x: x.transpose(0, 2, 1)],
        "read from right to left": [lambda x: x.transpose(0, 2, 1)[:, ::-1]],
    }
    return {"as they are": [lambda x: x]} | shifts | turns | noises | orders


def tabulate_disturbances(
    model: keras.Model, x: np.ndarray, y: np.ndarray, seed: int
) -> pd.DataFrame:
    """A row for each of `list_disturbances`: the accuracy, and how much was lost, in percent."""
    means = {
        name: 100 * float(np.mean([accuracy(model, change(x), y) for change in changes]))
        for name, changes in list_disturbances(seed).items()
    }
    whole = means["as they are"]
    return pd.DataFrame(
        [
            {"images": name, "accuracy (%)": f"{mean:.1f}", "lost (points)": f"{whole - mean:.1f}"}
            for name, mean in means.items()
        ]
    )
