"""Define the record of a run.

The record is a JSON file. It contains the results, and all that is needed to repeat the run.
"""

import logging
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from mnist_rnn.config import (
    NUM_CLASSES,
    TEST_SIZE,
    Code,
    Configuration,
    Digest,
    Strict,
    Text,
    count_parameters,
    name_configuration,
)
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.records.environment import Environment
from mnist_rnn.system.errors import RecordError
from mnist_rnn.system.files import read_regular, write_text
from mnist_rnn.system.paths import OUTPUTS, shown

log = logging.getLogger(__name__)
Loss = Annotated[float, Field(ge=0)]
Errors = Annotated[int, Field(ge=0, le=TEST_SIZE)]
Index = Annotated[int, Field(ge=0, lt=TEST_SIZE)]
Digit = Annotated[int, Field(ge=0, lt=NUM_CLASSES)]
LARGEST_RECORD = 1_000_000  # bytes; the record of 1,000 epochs and 10,000 mistakes has 430,000
FIRST_STEPS = Path(__file__).with_name("first_steps.json")


class History(Strict):
    """Measurements of a run, with one value per epoch.

    `loss` (in nats) and `accuracy` (a fraction) are measured on the training images during an
    epoch, with dropout. `test_errors` and `weights_sha256` are measured after each epoch. An
    unmeasured digest is None.
    """

    loss: list[Loss]
    accuracy: list[Annotated[float, Field(ge=0, le=1)]]
    test_errors: list[Errors]
    weights_sha256: list[Digest | None]


class Run(Strict):
    """The record of a finished run.

    For a program without a seed, `config.seed` is the number of the run. `parameters` is the
    number of parameters of the network. `train_loss`, `train_errors` and `test_loss` are measured
    on all images after training. `mistakes` maps the index of each misclassified test image to the
    predicted digit. `None` means that a value was not measured. `seconds` is the training time.
    `first_steps` are the digests of `find_first_steps` with which the run was made.
    """

    schema_version: Literal[5] = 5
    code: Code = "ours"
    config: Configuration
    parameters: int = Field(ge=1, le=10**9)
    history: History
    train_loss: Loss | None
    train_errors: int | None = Field(ge=0)
    test_loss: Loss
    mistakes: dict[Index, Digit] | None
    data_sha256: Digest
    first_steps: dict[Text, Digest]
    seconds: float = Field(gt=0)
    environment: Environment

    @model_validator(mode="after")
    def _agree(self) -> "Run":
        epochs, size = self.config.epochs, self.config.train_size
        if any(len(values) != epochs for values in vars(self.history).values()):
            raise ValueError(f"each list of `history` must have {epochs} epochs")
        if (self.train_errors or 0) > size:
            raise ValueError(f"`train_errors` must be at most {size}")
        if self.mistakes is not None and len(self.mistakes) != self.test_errors:
            raise ValueError("`mistakes` must have one entry for each test error")
        if self.parameters != (expected := count_parameters(self.config, self.code)):
            raise ValueError(f"`parameters` must be {expected}")
        return self

    @property
    def configuration_name(self) -> str:
        """Return the name of the run's configuration, which does not contain the seed."""
        return name_configuration(self.config, self.code)

    @property
    def name(self) -> str:
        """Return the name of the run, such as `simple_rnn-256-sgd/17`."""
        return f"{self.configuration_name}/{self.config.seed}"

    @property
    def test_errors(self) -> int:
        """Return the number of misclassified test images after training."""
        return self.history.test_errors[-1]

    @property
    def test_accuracy(self) -> float:
        """Return the test accuracy in percent."""
        return 100 - 100 * self.test_errors / TEST_SIZE

    @property
    def weights_sha256(self) -> str:
        """Return the digest of the final weights, or "" if the digest was not measured."""
        return self.history.weights_sha256[-1] or ""


class FirstSteps(Strict):
    """The first training steps of a configuration, and the digest to which they lead."""

    config: Configuration
    sha256: Digest


@cache
def read_first_steps() -> dict[str, FirstSteps]:
    """Return the first training steps in first_steps.json, by their names."""
    return TypeAdapter(dict[str, FirstSteps]).validate_json(FIRST_STEPS.read_bytes())


def find_first_steps(config: Configuration) -> dict[str, str]:
    """Return the digests of first steps that depend on the same code as runs of `config`.

    These are the first steps of the configuration. A configuration without an entry in
    first_steps.json has those of the first entry with its layer, and of the first with its
    optimizer, whatever their other parameters.
    """

    def search(fields: set[str]) -> dict[str, str]:
        wanted = config.model_dump(include=fields)
        for name, entry in read_first_steps().items():
            if entry.config.model_dump(include=fields) == wanted:
                return {name: entry.sha256}
        return {}

    network = {*Configuration.model_fields} - {"epochs", "train_size", "seed"}
    return search(network) or (search({"layer"}) | search({"optimizer"}))


def find_outdated(run: Run) -> list[str]:
    """Return the reasons why a run must be made again: other data, other first steps, other bits.

    `other bits` means that the probe's training steps did not give the specified weights.
    """
    known = read_first_steps()
    changed = [
        f"first steps `{name}`"
        for name, sha256 in run.first_steps.items()
        if name not in known or known[name].sha256 != sha256
    ]
    others = {"data": run.data_sha256 != DATA_SHA256, "bits": run.environment.other_bits}
    return changed + [name for name, differs in others.items() if differs]


def run_path(
    config: Configuration, suffix: str, folder: Path = OUTPUTS, code: Code = "ours"
) -> Path:
    """Return the path of a run's file with the suffix `.json`, `.keras` or `.checkpoint`."""
    return folder / "runs" / name_configuration(config, code) / f"seed-{config.seed}{suffix}"


def write_run(run: Run, folder: Path = OUTPUTS) -> Path:
    """Write the record of a run atomically, and return the path of the record."""
    path = run_path(run.config, ".json", folder, run.code)
    write_text(path, run.model_dump_json(indent=1) + "\n")
    return path


def read_run(path: Path) -> Run:
    """Read and check the record at `path`."""
    try:
        run = Run.model_validate_json(read_regular(path, LARGEST_RECORD))
    except OSError as error:
        raise reject(path, f"can't be read: {error.strerror}") from None
    except ValidationError as error:
        raise reject(path, f"is not a record: {list_problems(error)}") from error
    expected = run_path(run.config, ".json", path.parent.parent.parent, run.code)
    if path != expected:
        raise reject(path, f"contains the record that belongs to the path {shown(expected)}")
    return run


def list_problems(error: ValidationError) -> str:
    """Return one line with the problem of each invalid field."""
    lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return "; ".join(line.removeprefix(": ").replace("Value error, ", "") for line in lines)


def reject(path: Path, problem: str) -> RecordError:
    """Return a RecordError about the file at `path`, with at most 1000 printable characters."""
    message = f"{shown(path)} {problem}"[:1000]
    return RecordError("".join(c if c.isprintable() else "?" for c in message))


def read_runs(results: Path) -> tuple[list[Run], list[RecordError]]:
    """Return all valid runs in the order of their paths, and an error for each invalid run.

    Each error is also logged.
    """
    runs, errors = [], []
    for path in sorted((results / "runs").glob("*/seed-*.json")):
        try:
            runs.append(read_run(path))
        except RecordError as error:
            log.warning("%s", error)
            errors.append(error)
    return runs, errors
