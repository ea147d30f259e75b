"""What the network is given: pixels as numbers in [0, 1], in an order drawn from the seed."""

import numpy as np


def scale(images: np.ndarray) -> np.ndarray:
    """uint8 images as the network reads them: float32 in [0, 1], (n, timesteps, features)."""
    return images.astype("float32") / 255


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order in which an epoch shows the n training examples; another one each epoch."""
    return np.random.default_rng([seed, epoch]).permutation(n)
