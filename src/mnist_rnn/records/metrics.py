"""What a trained network reached, in NumPy: from logits to metrics, the same on every CPU.

The last bits of exp and log depend on the CPU; in float64, and with the loss rounded to six
decimals, they don't show.
"""

import numpy as np
from scipy.special import softmax


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """The softmax of logits (..., 10), in float64."""
    return softmax(logits.astype("float64"), axis=-1)


def measure_loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean cross-entropy of probabilities (n, 10) and labels (n,), in nats."""
    likelihoods = np.clip(probabilities[np.arange(len(y)), y], 1e-7, 1 - 1e-7)  # as Keras does
    return round(float(-np.log(likelihoods).mean()), 6)


def find_mistakes(probabilities: np.ndarray, y: np.ndarray) -> dict[int, int]:
    """The answers that differ from the label, by the index of the example."""
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != y)
    return dict(zip(wrong.tolist(), answers[wrong].tolist(), strict=True))


def confident_mistakes(probabilities: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` wrong answers given with the highest probability, highest first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]
