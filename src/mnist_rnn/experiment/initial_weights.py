"""Draw initial weights from Keras's distributions."""

import numpy as np

from mnist_rnn.config import FEATURES, LAYERS, NUM_CLASSES, Configuration


def draw_initial_weights(config: Configuration) -> list[np.ndarray]:
    """Draw the initial float32 weights from the seed, and return them in Keras's order.

    As in Keras, kernels are Glorot uniform, and the recurrent kernel is orthogonal. All biases are
    0, except the biases of the LSTM's forget gate, which are 1.
    """
    units, (_, gates, biases) = config.units, LAYERS[config.layer]
    # `spawn_key` keeps these random numbers independent of the numbers that shuffle the images.
    random = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(0,)))
    bias = np.zeros(gates * units if biases == 1 else (biases, gates * units))
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
    """Return a matrix (fan_in, fan_out) of uniform numbers within ±sqrt(6 / (fan_in + fan_out))."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return random.uniform(-limit, limit, (fan_in, fan_out))


def orthogonal(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Return a random matrix (rows, columns) with orthonormal rows, rounded to six decimals.

    The matrix is the transpose of Q in the QR decomposition of a normal random matrix. The signs of
    Q's columns are set so that Q is uniformly distributed (Mezzadri, 2007). The last bits of Q
    depend on the CPU, and rounding removes these bits. `rows` must be at most `columns`.
    """
    q, r = np.linalg.qr(random.standard_normal((columns, rows)))
    return (q * np.sign(np.diag(r))).T.round(6)
