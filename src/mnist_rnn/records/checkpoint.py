"""Keep a run's state, so that a stopped run continues from its last epoch, bit-identical."""

import hashlib
import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnist_rnn.files import read_regular, replacing, set_aside

log = logging.getLogger(__name__)

MEASURES = ("loss", "accuracy", "test_errors", "weights_sha256")
LARGEST = 1 << 31  # bytes


class State(NamedTuple):
    """The state of a run after some epochs.

    `history` has Keras's loss and accuracy of each finished epoch, and the test errors and the
    weights' digest after it. `seconds` is the time of these epochs, including evaluation and
    checkpoints. `variables` are the model's (weights and the dropout's random state) and the
    optimizer's. `owner` has all that the run's bits depend on.
    """

    history: dict[str, list[Any]]
    seconds: float
    variables: list[np.ndarray]
    owner: Mapping[str, object]

    @property
    def epochs(self) -> int:
        """Return the number of finished epochs."""
        return len(self.history["loss"])


class Checkpoint:
    """The file with a run's state, from which any CPU can continue the run."""

    def __init__(self, path: Path, owner: Mapping[str, object]) -> None:
        """Set the file, and `owner`: all that the run's bits depend on, as JSON values."""
        self.path, self.owner = path, owner

    def read(self, like: Sequence[np.ndarray] | None = None) -> State | None:
        """Return the saved state of this run, or None; its variables have the shapes of `like`.

        A damaged file is renamed. Another run's file is ignored, and later overwritten. Both give a
        warning.
        """
        try:
            content = read_regular(self.path, LARGEST)
            if hashlib.sha256(content[32:]).digest() != content[:32]:
                raise ValueError("another digest")
            with np.load(io.BytesIO(content[32:]), allow_pickle=False) as kept:
                owner, seconds, *values = (kept[name] for name in kept.files)
            if owner != json.dumps(self.owner, sort_keys=True):
                log.warning(
                    "%s belongs to another run, code or versions, and is ignored", self.path
                )
                return None
            history = {name: values.pop(0).tolist() for name in MEASURES}
            shapes = [[value.shape for value in some] for some in (values, like or values)]
            if shapes[0] != shapes[1] or len({*map(len, history.values())}) > 1:
                raise ValueError("another network, or epochs without a measure")
            return State(history, float(seconds), values, self.owner)
        except FileNotFoundError:
            return None
        except Exception:  # NumPy and zipfile raise many kinds of errors for a damaged file
            set_aside(self.path)
            return None

    def write(self, state: State) -> None:
        """Replace the saved state by this one, or warn that it can't be written."""
        buffer = io.BytesIO()
        history = (state.history[name] for name in MEASURES)
        owner = json.dumps(state.owner, sort_keys=True)
        np.savez(buffer, owner, state.seconds, *history, *state.variables)
        arrays = buffer.getvalue()
        try:
            with replacing(self.path) as temporary:
                temporary.write_bytes(hashlib.sha256(arrays).digest() + arrays)
        except OSError as error:
            log.warning("the epoch can't be saved, and the run continues: %s", error)

    def discard(self) -> None:
        """Remove the file, once the record is written."""
        self.path.unlink(missing_ok=True)


def weights_sha256(weights: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 over shape, type and little-endian values of each array, in order."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(f"{array.shape}{array.dtype.name}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
