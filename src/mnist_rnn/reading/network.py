"""What the trained network's weights compute, row by row, in NumPy.

The belief after row t is what the network's dense layer and softmax make of the hidden state after
row t. Rows are counted from 1; beliefs[:, t - 1] is the belief after row t.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax


class Weights(NamedTuple):
    """What `model.get_weights()` lists for the SimpleRNN network, by name."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    dense_kernel: np.ndarray
    dense_bias: np.ndarray


def read_rows(weights: Weights, x: np.ndarray) -> np.ndarray:
    """The hidden states (n, timesteps, units) after each row of x (n, timesteps, features)."""
    hidden = np.empty((*x.shape[:2], len(weights.bias)), "float32")
    state = np.zeros((len(x), len(weights.bias)), "float32")
    for t in range(x.shape[1]):
        state = np.tanh(x[:, t] @ weights.kernel + state @ weights.recurrent_kernel + weights.bias)
        hidden[:, t] = state
    return hidden


def believe(weights: Weights, hidden: np.ndarray) -> np.ndarray:
    """The probabilities (..., 10) of the ten digits, given hidden states (..., units)."""
    return softmax(hidden @ weights.dense_kernel + weights.dense_bias, axis=-1)
