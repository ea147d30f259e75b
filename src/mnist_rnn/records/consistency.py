"""Is a record what its model and the committed run say? Nothing is compared with itself.

The model's results are computed again in NumPy, by nothing that `keep` uses.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ModelError
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

# Another library may give other last digits: to logits, and to a loss in nats.
LOGITS_APART, LOSS_APART = 1e-4, 1e-5


class Weights(NamedTuple):
    """What `model.get_weights()` lists for the SimpleRNN network, by name."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    dense_kernel: np.ndarray
    dense_bias: np.ndarray


def load_checked(path: Path) -> tuple[Run, Weights]:
    """Return the record and weights of a trained SimpleRNN.

    Args:
        path: a `.keras` file in its place among the results, its record beside it.

    Raises:
        ModelError: the file is no model, its weights are not its record's, or it has another layer.
        RecordError: the record beside it is missing or damaged, or contradicts the model or the
            committed run of its configuration.
    """
    from mnist_rnn.records.model_file import load_model

    if path.suffix != ".keras" or not path.is_file():
        got = "another file" if path.exists() else "no file"
        raise ModelError(f"{shown(path)}: expected a model (.keras), got {got}")
    record = read_run(path.with_suffix(".json"))
    if record.config.layer != "simple_rnn":
        raise ModelError(f"{shown(path)}: expected a simple_rnn, got {record.config.layer}")
    weights = load_model(path).get_weights()
    digest = weights_sha256(weights)
    if digest != record.weights_sha256:
        raise ModelError(
            f"{shown(path)}: expected the weights of its record, SHA-256 "
            f"{record.weights_sha256[:12]}..., got {digest[:12]}..."
        )
    require_consistent(path.with_suffix(".json"), record, Weights(*weights))
    return record, Weights(*weights)


def read_committed(path: Path, config: Configuration) -> Run:
    """Return the committed run of this configuration, to compare the record at `path` with.

    If `path` leads to the committed file itself, the run is read from git.

    Raises:
        RecordError: there is no such run, or it is the same file and there is no git checkout.
    """
    committed = run_path(config, ".json", COMMITTED)
    if not is_same_file(path, committed):
        return read_run(committed)
    content = ask("git", "show", f"HEAD:./{committed.relative_to(ROOT).as_posix()}")
    if content is None:
        raise refusal(path, "is the committed record, and without git there is no other copy of it")
    return parse_checked(content.encode(), committed, Run, "a record")


def is_same_file(path: Path, other: Path) -> bool:
    """Say whether both paths lead to one file, by a link too."""
    there = path.exists() and other.exists()
    return path.resolve() == other.resolve() or (there and path.samefile(other))


def require_reproduction(path: Path, run: Run, committed: Run) -> None:
    """Raise RecordError if the record at `path` is a copy of the committed one, or contradicts it.

    It contradicts it if it has the same weights, with other results.
    """
    if run == committed:
        raise refusal(path, "is a copy of the committed record: nothing was computed here")
    require_same_results(path, run, committed, "the committed run")


def require_consistent(path: Path, run: Run, weights: Weights) -> None:
    """Check the record at `path` against the weights of its model, a SimpleRNN.

    Raises:
        RecordError: the model has other test results, or the committed run of this configuration
            has the same weights with other results.
    """
    images, labels = load_mnist()[1]
    logits = compute_logits(weights, images)
    mistakes = run.mistakes or {}
    stated = np.array([mistakes.get(index, label) for index, label in enumerate(labels.tolist())])
    other = logits.max(axis=1) - logits[np.arange(len(logits)), stated] > LOGITS_APART
    if other.any():
        raise refusal(
            path, f"states other answers than its model has, to {other.sum()} test images"
        )
    loss = compute_loss(logits, labels)
    if not abs(loss - run.test_loss) <= LOSS_APART:
        raise refusal(path, f"states a test loss of {run.test_loss}, its model has {loss:.6f}")
    committed = run_path(run.config, ".json", COMMITTED)
    if committed.exists() and not is_same_file(path, committed):
        require_same_results(path, run, read_run(committed), "the committed run")


def compute_states(weights: Weights, x: np.ndarray) -> np.ndarray:
    """The hidden states (n, timesteps, units) after each row of x (n, timesteps, features)."""
    hidden = np.empty((*x.shape[:2], len(weights.bias)), "float32")
    state = np.zeros((len(x), len(weights.bias)), "float32")
    for t in range(x.shape[1]):
        state = np.tanh(x[:, t] @ weights.kernel + state @ weights.recurrent_kernel + weights.bias)
        hidden[:, t] = state
    return hidden


def compute_logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Return the logits (n, 10) of a SimpleRNN with these weights for uint8 images (n, 28, 28)."""
    last = [  # few images at once: all their hidden states are kept meanwhile
        compute_states(weights, images[start : start + 1000] / np.float32(255))[:, -1]
        for start in range(0, len(images), 1000)
    ]
    return (np.concatenate(last) @ weights.dense_kernel + weights.dense_bias).astype("float64")


def compute_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross-entropy in nats, of probabilities from 1e-7 to 1 - 1e-7."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers[np.arange(len(labels)), labels] / powers.sum(axis=1)
    return float(-np.log(np.clip(probabilities, 1e-7, 1 - 1e-7)).mean())
