"""Check that a record agrees with its model and with the committed run.

NumPy computes the model's results again, without the code that wrote the record.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ModelError
from mnist_rnn.experiment.initial_weights import GATES
from mnist_rnn.paths import COMMITTED, ROOT, shown
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.environment import ask
from mnist_rnn.records.run import (
    Run,
    parse_checked,
    read_run,
    refusal,
    require_same_results,
    run_path,
)

A = np.ndarray
# Tolerances for logits and losses, because their last digits depend on the library.
LOGITS_APART, LOSS_APART = 1e-4, 1e-5


class Weights(NamedTuple):
    """The arrays of the SimpleRNN network, in the order of `model.get_weights()`."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    dense_kernel: np.ndarray
    dense_bias: np.ndarray


def load_checked(path: Path) -> tuple[Run, Weights]:
    """Return the record and the weights of a trained SimpleRNN from its `.keras` file.

    Raises:
        ModelError: the file is not a model, or the model is not the SimpleRNN of the record.
        RecordError: the record is missing, is invalid, or fails the check `require_consistent`.
    """
    run, weights = load_run(path, ["simple_rnn"])
    return run, Weights(*weights)


def load_run(path: Path, layers: Collection[str] = tuple(GATES)) -> tuple[Run, list[np.ndarray]]:
    """Return the record and the weights of a trained model.

    Args:
        path: the model's `.keras` file, in the same folder as its record.
        layers: the names of the accepted recurrent layers.

    Raises:
        ModelError: the file is not a model, its weights are not the weights in the record, or its
            layer is not accepted.
        RecordError: the record is missing, is invalid, or fails the check `require_consistent`.
    """
    from mnist_rnn.records.model_file import load_model

    # Unlike the methods of `Path`, these functions return False if the name is too long.
    if path.suffix != ".keras" or not os.path.isfile(path):
        got = "another file" if os.path.exists(path) else "no file"
        raise ModelError(f"{shown(path)}: expected a model in a .keras file, got {got}")
    record = path.with_suffix(".json")
    run = read_run(record)
    if run.config.layer not in layers:
        raise ModelError(f"{shown(path)}: expected a {' or '.join(layers)}, got {run.config.layer}")
    weights = load_model(path).get_weights()
    digest = weights_sha256(weights)
    if digest != run.weights_sha256:
        raise ModelError(
            f"{shown(path)}: expected the weights of its record, with the SHA-256 "
            f"{run.weights_sha256[:12]}..., got weights with the SHA-256 {digest[:12]}..."
        )
    require_consistent(record, run, weights)
    return run, weights


def read_committed(path: Path, config: Configuration) -> Run:
    """Return the committed run to compare with the record at `path`.

    If `path` is the committed file itself, the committed run is read from git.

    Raises:
        RecordError: the committed run is missing, or git can't read the committed run.
    """
    committed = run_path(config, ".json", COMMITTED)
    if not is_same_file(path, committed):
        return read_run(committed)
    content = ask("git", "show", f"HEAD:./{committed.relative_to(ROOT).as_posix()}")
    if content is None:
        raise refusal(path, "is the committed record, which can't be compared without git")
    return parse_checked(content.encode(), committed, Run, "a record")


def is_same_file(path: Path, other: Path) -> bool:
    """Return whether both paths lead to the same file, directly or through a link."""
    there = path.exists() and other.exists()
    return path.resolve() == other.resolve() or (there and path.samefile(other))


def require_reproduction(path: Path, run: Run, committed: Run) -> None:
    """Raise RecordError if a record copies or contradicts the committed record.

    A record with the same weights but different results contradicts the committed record.
    """
    if run == committed:
        raise refusal(path, "is a copy of the committed record: nothing was computed here")
    require_same_results(path, run.results, committed.results, "the committed run")


def require_consistent(path: Path, run: Run, weights: list[np.ndarray]) -> None:
    """Check that the record at `path` agrees with the weights of its model.

    Raises:
        RecordError: the record's test results are not those of its model, or the committed run has
            the same weights but different results.
    """
    images, labels = load_mnist()[1]
    logits = compute_logits(run.config.layer, weights, images)
    mistakes = run.mistakes or {}
    stated = np.array([mistakes.get(index, label) for index, label in enumerate(labels.tolist())])
    other = logits.max(axis=1) - logits[np.arange(len(logits)), stated] > LOGITS_APART
    if other.any():
        count = other.sum()
        raise refusal(path, f"differs from its model in the predictions for {count} test images")
    loss = compute_loss(logits, labels)
    if not abs(loss - run.test_loss) <= LOSS_APART:
        raise refusal(
            path, f"has a test loss of {run.test_loss}, but its model has a test loss of {loss:.6f}"
        )
    committed = run_path(run.config, ".json", COMMITTED)
    if committed.exists() and not is_same_file(path, committed):
        require_same_results(path, run.results, read_run(committed).results, "the committed run")


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


def compute_logits(layer: str, weights: Sequence[np.ndarray], images: np.ndarray) -> np.ndarray:
    """Return the logits that a network computes for uint8 images of shape (n, 28, 28)."""
    w, u, b, dense_kernel, dense_bias = weights
    parts = []
    for start in range(0, len(images), 1000):  # 1000 images fit into the CPU's cache
        x = images[start : start + 1000] / np.float32(255)
        h = c = np.zeros((len(x), len(dense_kernel)), "float32")
        for t in range(x.shape[1]):
            h, c = STEPS[layer](w, u, b, x[:, t], h, c)
        parts.append(h @ dense_kernel + dense_bias)
    return np.concatenate(parts).astype("float64")


def step_simple_rnn(w: A, u: A, b: A, x: A, h: A, c: A) -> tuple[A, A]:
    """Return the next hidden state of a SimpleRNN; `c` is unused and returned unchanged."""
    return np.tanh(x @ w + h @ u + b), c


def step_gru(w: A, u: A, b: A, x: A, h: A, c: A) -> tuple[A, A]:
    """Return the next hidden state of a GRU with `reset_after`; `c` is returned unchanged."""
    (xz, xr, xg), (hz, hr, hg) = (np.split(a, 3, axis=1) for a in (x @ w + b[0], h @ u + b[1]))
    z, r = expit(xz + hz), expit(xr + hr)
    return z * h + (1 - z) * np.tanh(xg + r * hg), c


def step_lstm(w: A, u: A, b: A, x: A, h: A, c: A) -> tuple[A, A]:
    """Return the next hidden state and the next cell state of an LSTM."""
    i, f, g, o = np.split(x @ w + h @ u + b, 4, axis=1)
    c = expit(f) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c), c


STEPS = {"simple_rnn": step_simple_rnn, "gru": step_gru, "lstm": step_lstm}


def compute_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross-entropy in nats, with probabilities clipped to [1e-7, 1 - 1e-7]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers[np.arange(len(labels)), labels] / powers.sum(axis=1)
    return float(-np.log(np.clip(probabilities, 1e-7, 1 - 1e-7)).mean())
