"""Draw the initial weights from Keras's distributions, bit-identical on every CPU."""

import numpy as np

from mnist_rnn.config import FEATURES, NUM_CLASSES, Configuration

GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}


def draw_initial_weights(config: Configuration) -> list[np.ndarray]:
    """Return the network's float32 weights in Keras's order, drawn from the seed.

    As in Keras, kernels are Glorot uniform, and the recurrent kernel is orthogonal. Biases are 0,
    except for the LSTM's forget gate, whose biases are 1.
    """
    units, gates = config.units, GATES[config.layer]
    # spawn_key keeps this stream independent of those that shuffle the epochs.
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
    """Return a matrix (fan_in, fan_out), uniform within ±sqrt(6 / (fan_in + fan_out))."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return random.uniform(-limit, limit, (fan_in, fan_out))


def orthogonal(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Return a random matrix with orthonormal rows, rows <= columns, rounded to six decimals.

    The matrix is the factor Q of a normal matrix, with signs that make it uniform (Mezzadri, 2007).
    Its last bits depend on the linear algebra library's code for the CPU; rounding removes them.
    """
    q, r = np.linalg.qr(random.standard_normal((columns, rows)))
    return (q * np.sign(np.diag(r))).T.round(6)
