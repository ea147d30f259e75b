"""Save the state of a run after each epoch, so that a stopped run can continue."""

import hashlib
import io
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnist_rnn.records.run import History
from mnist_rnn.system.errors import OutputError
from mnist_rnn.system.files import read_regular, replacing

log = logging.getLogger(__name__)

LARGEST = 1 << 31  # bytes


class State(NamedTuple):
    """The state of a run after some epochs.

    `history` has the lists of `records.run.History`. `seconds` is the time of all epochs, including
    evaluation and checkpoints. `other_bits` is true if the probe failed before any of these epochs.
    `variables` are the variables of the model and its optimizer.
    """

    history: dict[str, list[Any]]
    seconds: float
    other_bits: bool
    variables: list[np.ndarray]


class Checkpoint:
    """A file with the state of a run, from which the run can continue.

    `owner` contains all that the weights depend on: configuration, data and first steps.
    """

    def __init__(self, path: Path, owner: Mapping[str, object]) -> None:
        """Set the file's path and the `owner`."""
        self.path, self.owner = path, json.dumps(owner, sort_keys=True)

    def read(self) -> State | None:
        """Return the saved state of this run, or None if there is no valid checkpoint.

        A damaged file is renamed. The checkpoint of another run is ignored, and overwritten later.
        Damaged and ignored files cause a warning.
        """
        try:
            content = read_regular(self.path, LARGEST)
            if hashlib.sha256(content[32:]).digest() != content[:32]:
                raise ValueError("another digest")
            with np.load(io.BytesIO(content[32:]), allow_pickle=False) as kept:
                owner, seconds, other_bits, *values = (kept[name] for name in kept.files)
            if owner != self.owner:
                log.warning("The checkpoint %s belongs to another run, and is ignored", self.path)
                return None
            history = {name: values.pop(0).tolist() for name in History.model_fields}
            return State(history, float(seconds), bool(other_bits), values)
        except FileNotFoundError:
            return None
        except Exception:  # NumPy and zipfile raise many kinds of errors for a damaged file
            aside = self.path.with_name(f"{self.path.name}.damaged")
            try:
                self.path.replace(aside)
                log.warning("The file %s is damaged and was renamed to %s", self.path, aside.name)
            except OSError as error:
                log.warning("The file %s is damaged and can't be renamed: %s", self.path, error)
            return None

    def write(self, state: State) -> None:
        """Write this state to the file, or log a warning if the file can't be written."""
        buffer = io.BytesIO()
        history = (state.history[name] for name in History.model_fields)
        np.savez(buffer, self.owner, state.seconds, state.other_bits, *history, *state.variables)
        arrays = buffer.getvalue()
        try:
            with replacing(self.path) as temporary:
                temporary.write_bytes(hashlib.sha256(arrays).digest() + arrays)
        except OutputError as error:
            log.warning("%s The run continues.", error)

    def discard(self) -> None:
        """Remove the checkpoint file, if there is one."""
        self.path.unlink(missing_ok=True)


def weights_sha256(weights: Iterable[np.ndarray]) -> str:
    """Return one SHA-256 of the shapes, types and little-endian values of all arrays."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(f"{array.shape}{array.dtype.name}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
