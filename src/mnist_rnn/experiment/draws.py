"""What the network starts from, by NumPy alone: pixels, their order, the initial weights."""

import numpy as np

from mnist_rnn.config import FEATURES, NUM_CLASSES, Configuration

GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}


def scale(images: np.ndarray) -> np.ndarray:
    """uint8 images as the network reads them: float32 in [0, 1], (n, timesteps, features)."""
    return images.astype("float32") / 255


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order in which an epoch shows the n training examples; another one each epoch."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def draw_initial_weights(config: Configuration) -> list[np.ndarray]:
    """The network's float32 weights in Keras's order, drawn from the seed.

    As in Keras, kernels are Glorot-uniform, the recurrent kernel is orthogonal, biases are 0 and
    those of the LSTM's forget gate 1.
    """
    units, gates = config.units, GATES[config.layer]
    # spawn_key keeps this stream apart from those of the epochs' orders.
    random = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(0,)))
    bias = np.zeros((2, gates * units) if config.layer == "gru" else gates * units)
    if config.layer == "lstm":
        bias[units : 2 * units] = 1
    weights = [
        glorot_uniform(random, FEATURES, gates * units),
        orthogonal(random, units, gates * units),
        bias,
        glorot_uniform(random, units, NUM_CLASSES),
        np.zeros(NUM_CLASSES),
    ]
    return [array.astype("float32") for array in weights]


def glorot_uniform(random: np.random.Generator, fan_in: int, fan_out: int) -> np.ndarray:
    """A matrix (fan_in, fan_out), uniform within ±sqrt(6 / (fan_in + fan_out))."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return random.uniform(-limit, limit, (fan_in, fan_out))


def orthogonal(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """A random matrix with orthonormal rows, rows <= columns, to six decimals.

    The factor Q of a normal matrix, with signs that make it uniform (Mezzadri, 2007). Its last
    bits depend on the linear algebra library's kernel for this CPU; rounding removes them.
    """
    q, r = np.linalg.qr(random.standard_normal((columns, rows)))
    return (q * np.sign(np.diag(r))).T.round(6)
