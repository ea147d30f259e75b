"""Make invented records, tables and predictions."""

import numpy as np
import pandas as pd

from mnist_rnn.records.environment import Cpu


def change(run, part, **values):
    return run.model_copy(update={part: getattr(run, part).model_copy(update=values)})


def cpu(has_fma, **known):
    unknown = dict.fromkeys(("vendor", "family", "model", "name"))
    return Cpu(**{"architecture": "x86_64", "has_fma": has_fma} | unknown | known)


def make_claim(losses=None, **published):
    """Return a published result, in which a missing accuracy or loss is NaN."""
    numbers = dict.fromkeys(["test_accuracy", "train_accuracy", "test_loss"], np.nan) | published
    claim = {f"published_{name}": value for name, value in numbers.items()}
    epochs = 2 if losses is None else len(losses)
    more = {"rounding": 0.0, "epochs": epochs, "loss_by_epoch": losses}
    return pd.Series(claim | more, dtype=object)


def make_runs(accuracies, losses=None, configuration="a", **columns):
    """Return a table of n runs of one configuration.

    The array `accuracies` contains test accuracies in percent, and has the shape (n, epochs). For
    runs of two epochs, the shape may be (n,). A column without an argument has one value for all
    runs, but the seeds differ.
    """
    ends = np.array(accuracies, dtype=float)
    by_epoch = ends if ends.ndim == 2 else np.repeat(ends[:, None], 2, axis=1)
    n, epochs = by_epoch.shape
    losses = np.full((n, epochs), 0.5) if losses is None else np.array(losses)
    runs = {
        "configuration": configuration,
        "seed": range(n),
        "epochs": epochs,
        "test_loss": 0.125,
        "test_accuracy": by_epoch[:, -1],
        "test_errors_by_epoch": [tuple(row) for row in 10_000 - 100 * by_epoch],
        "loss_by_epoch": [tuple(row) for row in losses],
        "accuracy_by_epoch": [(0.9,) * epochs] * n,
    }
    return pd.DataFrame(runs | columns)


def answers(*digits):
    """Return probabilities of shape (1, 28, 10) that predict one of `digits` after each row.

    All remaining rows predict the last of `digits`.
    """
    predicted = list(digits) + [digits[-1]] * (28 - len(digits))
    return np.eye(10, dtype="float32")[predicted][None]
