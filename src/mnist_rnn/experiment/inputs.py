"""Prepare the network's input: pixels scaled to [0, 1], in an order drawn from the seed."""

from typing import NamedTuple

import numpy as np


class Examples(NamedTuple):
    """Scaled images x, float32 (n, timesteps, features), and their labels y (n,)."""

    x: np.ndarray
    y: np.ndarray


def scale(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (n, timesteps, features) as float32 in [0, 1]."""
    return images.astype("float32") / 255


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Return the order in which an epoch shows the n training examples; each epoch has its own."""
    return np.random.default_rng([seed, epoch]).permutation(n)
