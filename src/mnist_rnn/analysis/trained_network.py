"""Analyse the predictions of a trained network after each row of an image.

The dense layer and softmax convert the hidden state after row t to predicted probabilities. Rows
are counted from 1, so `probabilities[:, t - 1]` are the probabilities after row t.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.special import softmax

from mnist_rnn.config import FEATURES, TIMESTEPS
from mnist_rnn.experiment.backend import keras, tf
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


def tabulate_decisions(probabilities: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Return a table of the rows after which the predictions for each digit are final.

    An image is decided when its prediction is final, as in `decision_rows`. The last column is the
    mean predicted probability of the label after row 28.
    """
    digits = pd.Series(y, name="digit")
    rows = pd.Series(decision_rows(probabilities)).groupby(digits)
    last = pd.Series(probabilities[np.arange(len(y)), -1, y], dtype=float).groupby(digits)
    return pd.DataFrame(
        {
            "row after which half of the images are decided": rows.median().astype(int),
            "row after which 90% of the images are decided": rows.quantile(
                0.9, interpolation="higher"
            ),
            "images decided only after row 28": rows.agg(lambda row: (row == 28).sum()),
            "mean probability of the label (%)": (100 * last.mean()).round(1),
        }
    )


def separation(points: np.ndarray, y: np.ndarray) -> float:
    """Return the distance between classes divided by the distance within classes.

    The distance between classes is the root-mean-square distance of the class means from their
    centroid. The distance within classes is the root-mean-square distance of the points from their
    class means.
    """
    means = np.stack([points[y == digit].mean(axis=0) for digit in range(10)])
    between = ((means - means.mean(axis=0)) ** 2).sum(axis=1).mean()
    within = ((points - means[y]) ** 2).sum(axis=1).mean()
    return float(np.sqrt(between / within))


def accuracy(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy of the model on the images `x`, as a fraction."""
    return float((predict(model, x).argmax(axis=1) == y).mean())


def accuracy_without(
    model: keras.Model, x: np.ndarray, y: np.ndarray, bands: Iterable[slice]
) -> np.ndarray:
    """Return one accuracy per band: the accuracy on images whose rows in the band are blank.

    A band is a slice of rows, which are counted from 0.
    """
    return np.array([accuracy(model, blank(x, rows), y) for rows in bands])


def blank(x: np.ndarray, rows: slice) -> np.ndarray:
    """Return a copy of the images `x` in which these rows are blank."""
    blanked = x.copy()
    blanked[:, rows] = 0
    return blanked


def sensitivity(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the mean absolute gradient (28, 28) of the loss with respect to each pixel."""
    pixels = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        loss = tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(y, model(pixels)))
    return np.abs(tape.gradient(loss, pixels)).mean(axis=0)


def disturb(x: np.ndarray, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield pairs of a disturbance's name and the disturbed images (n, 28, 28).

    All directions of a shift or a rotation have the same name.
    """
    yield "as they are", x
    for n in range(1, 5):
        for move in ((n, 0), (-n, 0), (0, n), (0, -n)):  # down, up, right, left
            name = f"shifted by {n} px, mean of four directions"
            yield name, ndimage.shift(x, (0, *move), order=0)
    for angle in (10, 20, 30):
        for degrees in (angle, -angle):  # counter-clockwise, then clockwise
            turned = ndimage.rotate(x, degrees, axes=(2, 1), reshape=False, order=1)
            yield f"rotated by {angle}°, mean of both directions", turned
    for deviation in (0.1, 0.2, 0.3):
        noise = np.random.default_rng(seed).normal(0, deviation, x.shape)
        noisy = np.clip(x + noise, 0, 1).astype("float32")
        yield f"noise of standard deviation {deviation}", noisy
    yield "read from the bottom up", x[:, ::-1]
    yield "read from left to right", x.transpose(0, 2, 1)
    yield "read from right to left", x.transpose(0, 2, 1)[:, ::-1]


def tabulate_disturbances(
    model: keras.Model, x: np.ndarray, y: np.ndarray, seed: int
) -> pd.DataFrame:
    """Return the accuracy in percent for each disturbance, averaged over its directions."""
    rows = [(name, 100 * accuracy(model, images, y)) for name, images in disturb(x, seed)]
    table = pd.DataFrame(rows, columns=["images", "accuracy (%)"])
    return table.groupby("images", sort=False).mean().round(1)
