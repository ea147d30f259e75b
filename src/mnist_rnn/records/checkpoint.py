"""A stopped run goes on from its last finished epoch, with the same bits."""

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
    """A run after some epochs.

    `history` has Keras's loss and accuracy of each finished epoch, and the test errors and the
    weights' digest after it; `seconds` is the time they took, counting and keeping included;
    `variables` are the model's (weights and the dropout's random state) and the optimizer's;
    `owner` says what the run's bits depend on.
    """

    history: dict[str, list[Any]]
    seconds: float
    variables: list[np.ndarray]
    owner: Mapping[str, object]

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.history["loss"])


class Checkpoint:
    """The file that keeps a run's state; any CPU may continue it."""

    def __init__(self, path: Path, owner: Mapping[str, object]) -> None:
        """Name the file and, as JSON values, what the run's bits depend on."""
        self.path, self.owner = path, owner

    def read(self, like: Sequence[np.ndarray] | None = None) -> State | None:
        """The state that was kept for this run, with variables of these shapes, or None.

        A damaged file is set aside, another run's is left to be overwritten; a warning says so.
        """
        try:
            content = read_regular(self.path, LARGEST)
            if hashlib.sha256(content[32:]).digest() != content[:32]:
                raise ValueError("another digest")
            with np.load(io.BytesIO(content[32:]), allow_pickle=False) as kept:
                owner, seconds, *values = (kept[name] for name in kept.files)
            if owner != json.dumps(self.owner, sort_keys=True):
                log.warning("%s is of another run, code or versions: not used", self.path)
                return None
            history = {name: values.pop(0).tolist() for name in MEASURES}
            shapes = [[value.shape for value in some] for some in (values, like or values)]
            if shapes[0] != shapes[1] or len({*map(len, history.values())}) > 1:
                raise ValueError("another network, or epochs without a measure")
            return State(history, float(seconds), values, self.owner)
        except FileNotFoundError:
            return None
        except Exception:  # NumPy and zipfile have many for a file that is none of theirs
            set_aside(self.path)
            return None

    def write(self, state: State) -> None:
        """Keep the state in place of the last one, or warn that it can't be kept and go on."""
        buffer = io.BytesIO()
        history = (state.history[name] for name in MEASURES)
        owner = json.dumps(state.owner, sort_keys=True)
        np.savez(buffer, owner, state.seconds, *history, *state.variables)
        arrays = buffer.getvalue()
        try:
            with replacing(self.path) as temporary:
                temporary.write_bytes(hashlib.sha256(arrays).digest() + arrays)
        except OSError as error:
            log.warning("the epoch is not kept, the run goes on: %s", error)

    def discard(self) -> None:
        """Remove the file, once the record stands."""
        self.path.unlink(missing_ok=True)


def weights_sha256(weights: Iterable[np.ndarray]) -> str:
    """SHA-256 over the shape, type and little-endian values of each array, in order."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(f"{array.shape}{array.dtype.name}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
