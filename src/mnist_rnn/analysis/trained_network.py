"""Analyse the predictions of a trained network after each row of an image.

The dense layer and softmax convert the hidden state after row t to predicted probabilities. Rows
are counted from 1, so `probabilities[:, t - 1]` are the probabilities after row t.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from mnist_rnn.config import FEATURES, TIMESTEPS
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.network import predict


class Weights(NamedTuple):
    """The arrays of the SimpleRNN network, in the order of `model.get_weights()`."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    dense_kernel: np.ndarray
    dense_bias: np.ndarray


def compute_states(weights: Weights, x: np.ndarray) -> np.ndarray:
    """Return the hidden states of the network at all timesteps.

    The shape of `x` is (n, timesteps, features). The shape of the result is (n, timesteps, units).
    """
    hidden = np.empty((*x.shape[:2], len(weights.bias)), "float32")
    state = np.zeros((len(x), len(weights.bias)), "float32")
    for t in range(x.shape[1]):
        state = np.tanh(x[:, t] @ weights.kernel + state @ weights.recurrent_kernel + weights.bias)
        hidden[:, t] = state
    return hidden


def compute_probabilities(weights: Weights, hidden: np.ndarray) -> np.ndarray:
    """Return the predicted probabilities (..., 10) for hidden states (..., units)."""
    return softmax(hidden @ weights.dense_kernel + weights.dense_bias, axis=-1)


def predict_after_each_row(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return the probabilities (n, timesteps, 10) that Keras predicts after each row."""
    rnn, *last = model.layers
    sequence = type(rnn).from_config(rnn.get_config() | {"return_sequences": True})
    by_row = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), sequence, *last])
    by_row.set_weights(model.get_weights())
    return predict(by_row, x)


def accuracy_by_row(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the accuracy after each row, as an array (timesteps,) of fractions."""
    return (probabilities.argmax(axis=2) == y[:, None]).mean(axis=0)


def decision_rows(probabilities: np.ndarray) -> np.ndarray:
    """Return the first row after which each image's prediction stays the same, as an array (n,)."""
    answers = probabilities.argmax(axis=2)
    return 1 + last_rows(answers != answers[:, -1:])


def last_ink_rows(x: np.ndarray) -> np.ndarray:
    """Return each image's last row with ink, as an array (n,)."""
    return last_rows(np.any(x, axis=2))


def last_rows(marked: np.ndarray) -> np.ndarray:
    """Return an array (n,) of each image's last marked row, which is 0 if no row is marked.

    `marked` contains one boolean for each row of each image, with shape (n, timesteps).
    """
    return (marked * np.arange(1, TIMESTEPS + 1)).max(axis=1)


def accuracy_if_blank(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the accuracies (28,), as fractions, after row 28 if the rows below a row are blank."""
    kept = np.tri(TIMESTEPS, dtype="float32")[:, :, None]  # row r of the matrix keeps rows 0 to r
    predicted = [predict(model, x * rows).argmax(axis=1) for rows in kept]
    return (np.array(predicted) == y).mean(axis=1)
