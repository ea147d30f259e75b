"""A stopped run goes on from its last finished epoch, with the same bits."""

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_rnn.files import replacing, set_aside

log = logging.getLogger(__name__)

MEASURES = ("loss", "accuracy", "test_errors")


class State(NamedTuple):
    """A run after some epochs.

    `history` has Keras's loss and accuracy of each finished epoch, and the test errors after it;
    `seconds` is the time they took, counting and keeping included; `variables` are the model's
    (weights and the dropout's random state) and the optimizer's.
    """

    history: dict[str, list[float]]
    seconds: float
    variables: list[np.ndarray]

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.history["loss"])


class Checkpoint:
    """The file that keeps a run's state; any CPU may continue it."""

    def __init__(self, path: Path, owner: Mapping[str, object]) -> None:
        """Name the file and, as JSON values, what the run's bits depend on."""
        self.path = path
        self.owner = hashlib.sha256(json.dumps(owner, sort_keys=True).encode()).hexdigest()

    def read(self) -> State | None:
        """The state that was kept for this run, or None.

        A damaged file is set aside, another run's is left to be overwritten; a warning says so.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        digest, arrays = content[:32], content[32:]
        if hashlib.sha256(arrays).digest() != digest:
            set_aside(self.path)
            return None
        with np.load(io.BytesIO(arrays), allow_pickle=False) as kept:
            owner, seconds, *values = (kept[name] for name in kept.files)
        if owner != self.owner:
            log.warning("%s is of other parameters, code, data or versions: not used", self.path)
            return None
        history = {name: values.pop(0).tolist() for name in MEASURES}
        return State(history, float(seconds), values)

    def write(self, state: State) -> None:
        """Keep the state in place of the last one, or warn that it can't be kept and go on."""
        buffer = io.BytesIO()
        history = (state.history[name] for name in MEASURES)
        np.savez(buffer, self.owner, state.seconds, *history, *state.variables)
        arrays = buffer.getvalue()
        try:
            with replacing(self.path) as temporary:
                temporary.write_bytes(hashlib.sha256(arrays).digest() + arrays)
        except OSError as error:
            log.warning("the epoch is not kept, the run goes on: %s", error)

    def discard(self) -> None:
        """Remove the file, once the record stands."""
        self.path.unlink(missing_ok=True)
