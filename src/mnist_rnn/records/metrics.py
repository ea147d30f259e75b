"""Compute losses and errors in NumPy.

The last bits of exp and log depend on the CPU. The loss is computed in float64 and rounded to six
decimals, which removes the differences between CPUs.
"""

import numpy as np


def measure_loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the mean cross-entropy in nats.

    The shape of `probabilities` is (n, 10). The labels `y` have the shape (n,).
    """
    likelihoods = np.clip(probabilities[np.arange(len(y)), y], 1e-7, 1 - 1e-7)  # Keras clips too
    return round(float(-np.log(likelihoods).mean()), 6)


def find_mistakes(probabilities: np.ndarray, y: np.ndarray) -> dict[int, int]:
    """Return a dictionary from the index of each misclassified example to its predicted digit."""
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != y)
    return dict(zip(wrong.tolist(), answers[wrong].tolist(), strict=True))


def confident_mistakes(probabilities: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the `count` misclassified examples with the highest probabilities.

    The examples are sorted by the probability of their predicted digit, the highest first.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:count]
