"""Scale the images' pixels to [0, 1], and draw the order of the images from the seed."""

from typing import NamedTuple

import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist


class Examples(NamedTuple):
    """Scaled float32 images x (n, timesteps, features) and their labels y (n,)."""

    x: np.ndarray
    y: np.ndarray


def load_examples(config: Configuration) -> tuple[Examples, Examples]:
    """Return the training examples of a configuration, and all test examples.

    Raises:
        DataError: MNIST could not be loaded.
    """
    (x_train, y_train), (x_test, y_test) = load_mnist()
    size = config.train_size
    return Examples(scale(x_train[:size]), y_train[:size]), Examples(scale(x_test), y_test)


def scale(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (n, timesteps, features) as float32 in [0, 1]."""
    return images.astype("float32") / 255


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Return an epoch's random order of the n training examples, as an array of indices."""
    return np.random.default_rng([seed, epoch]).permutation(n)
