"""What a trained network reached, in NumPy: from logits to metrics, the same on every CPU.

The last bits of exp and log depend on the CPU; in float64, and with the loss rounded to six
decimals, they don't show.
"""

import numpy as np
from pydantic import Field, model_validator
from scipy.special import softmax

from mnist_rnn.config import NUM_CLASSES, Strict


class Metrics(Strict):
    """The measures of one data set. confusion_matrix[i][j]: digits i that were read as j."""

    loss: float = Field(ge=0)
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


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """The softmax of logits (..., 10), in float64."""
    return softmax(logits.astype("float64"), axis=-1)


def measure(probabilities: np.ndarray, y: np.ndarray) -> Metrics:
    """What probabilities (n, 10) are worth, given labels (n,): the loss is in nats."""
    likelihoods = np.clip(probabilities[np.arange(len(y)), y], 1e-7, 1 - 1e-7)  # as Keras does
    pairs = NUM_CLASSES * y.astype(int) + probabilities.argmax(axis=1)
    matrix = np.bincount(pairs, minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)
    return Metrics(
        loss=round(float(-np.log(likelihoods).mean()), 6),
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
