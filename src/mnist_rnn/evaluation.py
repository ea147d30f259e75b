"""What a trained network reached, in NumPy: from probabilities to metrics."""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pydantic import model_validator

from mnist_rnn.config import Strict

NUM_CLASSES = 10


class Metrics(Strict):
    """The measures of one data set. confusion_matrix[i][j]: digits i that were read as j."""

    loss: float
    accuracy: float
    errors: int
    confusion_matrix: list[list[int]]

    @model_validator(mode="after")
    def _agree(self) -> "Metrics":
        matrix = np.array(self.confusion_matrix)
        if matrix.shape != (NUM_CLASSES, NUM_CLASSES) or matrix.min() < 0:
            raise ValueError("confusion_matrix must be 10 rows of 10 counts")
        if self.errors != matrix.sum() - matrix.trace():
            raise ValueError("errors must be the confusion matrix's count off the diagonal")
        if self.accuracy != matrix.trace() / matrix.sum():
            raise ValueError("accuracy must be the confusion matrix's share on the diagonal")
        return self


def predict(
    predict_on_batch: Callable[[np.ndarray], np.ndarray], x: np.ndarray, at_once: int = 1000
) -> np.ndarray:
    """The probabilities (n, 10) of x (n, 28, 28), by a model's method for one batch.

    The model's `predict` would build a graph of all the batches that one call of TensorFlow
    takes in training, which costs more than to run them. Two batches are answered side by side.
    """
    batches = [x[first : first + at_once] for first in range(0, len(x), at_once)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return np.concatenate(list(pool.map(predict_on_batch, batches)))


def cross_entropy(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean of -log(probability of the label) in nats; nan if a probability is nan."""
    # Keras clips at the same bounds.
    likelihoods = np.clip(probabilities[np.arange(len(y)), y].astype("float64"), 1e-7, 1 - 1e-7)
    return float(-np.log(likelihoods).mean())


def measure(probabilities: np.ndarray, y: np.ndarray) -> Metrics:
    """Loss (cross-entropy in nats), accuracy (a fraction), errors and confusion matrix.

    Args:
        probabilities: (n, 10), each row a distribution over the classes.
        y: labels (n,).
    """
    pairs = NUM_CLASSES * y.astype(int) + probabilities.argmax(axis=1)
    matrix = np.bincount(pairs, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)
    return Metrics(
        loss=cross_entropy(probabilities, y),
        accuracy=float(matrix.trace() / len(y)),
        errors=int(len(y) - matrix.trace()),
        confusion_matrix=matrix.tolist(),
    )


def find_mistakes(probabilities: np.ndarray, y: np.ndarray) -> dict[int, int]:
    """The answers that differ from the label, by the index of the example."""
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != y)
    return dict(zip(wrong.tolist(), answers[wrong].tolist(), strict=True))


def confident_mistakes(probabilities: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` wrong answers given with the highest probability, highest first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]


def weights_sha256(weights: Iterable[np.ndarray]) -> str:
    """SHA-256 over the shape, type and little-endian values of each array, in order."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(f"{array.shape}{array.dtype.name}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
