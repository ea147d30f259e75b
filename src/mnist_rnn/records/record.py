"""One record a run: all that is needed to repeat it, and what it reached."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from mnist_rnn.config import TEST_SIZE, Configuration, Strict
from mnist_rnn.errors import RecordError
from mnist_rnn.files import write_text
from mnist_rnn.paths import OUTPUTS, shown
from mnist_rnn.records.environment import Environment
from mnist_rnn.records.metrics import Metrics

Kind = TypeVar("Kind", bound=BaseModel)


class History(Strict):
    """A value an epoch: training loss (nats) and accuracy (a fraction), and test errors."""

    loss: list[Annotated[float, Field(ge=0)]]
    accuracy: list[Annotated[float, Field(ge=0, le=1)]]
    test_errors: list[Annotated[int, Field(ge=0, le=TEST_SIZE)]]

    @model_validator(mode="after")
    def _agree(self) -> "History":
        if not 0 < len(self.loss) == len(self.accuracy) == len(self.test_errors):
            raise ValueError("loss, accuracy and test_errors must be of the same epochs, 1 or more")
        return self

    @property
    def epochs(self) -> int:
        """How many epochs the run had."""
        return len(self.loss)


class Record(Strict):
    """A finished run.

    `history` has Keras's training loss and accuracy (a fraction) of each epoch, measured while
    the weights changed and dropout was active, and the test errors after it; `train` and `test`
    are measured at the end. `parameters` counts the network's. `mistakes` maps the index of each
    misclassified test image to the digit that was named. `seconds` is the time that training took.
    """

    schema_version: Literal[3] = 3
    config: Configuration
    parameters: int = Field(ge=1)
    history: History
    train: Metrics
    test: Metrics
    mistakes: dict[int, int]
    weights_sha256: str
    data_sha256: str
    seconds: float = Field(ge=0)
    environment: Environment

    @model_validator(mode="after")
    def _agree(self) -> "Record":
        if self.history.epochs != self.config.epochs:
            raise ValueError(f"history must have {self.config.epochs} epochs")
        if self.history.test_errors[-1] != self.test.errors:
            raise ValueError("history must end with test's errors")
        for name, metrics, size in (
            ("train", self.train, self.config.train_size),
            ("test", self.test, TEST_SIZE),
        ):
            if sum(map(sum, metrics.confusion_matrix)) != size:
                raise ValueError(f"{name} must count {size} examples")
        if not all(0 <= index < TEST_SIZE for index in self.mistakes):
            raise ValueError(f"mistakes must be of test images 0 to {TEST_SIZE - 1}")
        matrix = np.array(self.test.confusion_matrix)
        wrong = dict(enumerate((matrix.sum(axis=0) - matrix.diagonal()).tolist()))
        if Counter(self.mistakes.values()) != Counter(wrong):
            raise ValueError("mistakes must name each digit as often as test's confusion matrix")
        return self


def run_path(config: Configuration, suffix: str, results: Path = OUTPUTS) -> Path:
    """Where a run keeps its record (`.json`), model (`.keras`) and state (`.checkpoint`)."""
    return results / "runs" / config.name / f"seed-{config.seed}{suffix}"


def write_record(record: Record, results: Path = OUTPUTS) -> Path:
    """Write the record to its place, whole or not at all; returns the place."""
    path = run_path(record.config, ".json", results)
    write_text(path, record.model_dump_json(indent=1) + "\n")
    return path


def read_record(path: Path) -> Record:
    """Read and check one record, in its place in the folder of the results.

    Raises:
        RecordError: names the file and what is wrong with it.
    """
    record = read_checked(path, Record, "a record")
    expected = run_path(record.config, ".json", path.parent.parent.parent)
    if path != expected:
        raise refusal(path, f"holds the run of {shown(expected)}")
    return record


def read_checked(path: Path, kind: type[Kind], name: str) -> Kind:
    """What the JSON file holds; RecordError names the file and all that is wrong with it."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise refusal(path, f"can't be read: {error.strerror}") from None
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        problems = "; ".join(problem.removeprefix(": ") for problem in lines)
        raise refusal(path, f"is not {name}: {problems}") from error


def refusal(path: Path, problem: str) -> RecordError:
    """The error that says this of a file: printable, and short, whatever name or content it has."""
    message = f"{shown(path)} {problem}"[:1000]
    return RecordError("".join(c if c.isprintable() else "?" for c in message))


def read_records(results: Path) -> tuple[list[Record], list[RecordError]]:
    """All records in the order of their paths, and the errors of those that are left out."""
    records, errors = [], []
    for path in sorted((results / "runs").glob("*/seed-*.json")):
        try:
            records.append(read_record(path))
        except RecordError as error:
            errors.append(error)
    return records, errors


def find_records(records: list[Record], configuration: str) -> list[Record]:
    """The runs of the configuration of this name."""
    return [record for record in records if record.config.name == configuration]
