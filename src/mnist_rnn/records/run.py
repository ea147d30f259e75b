"""Define the record of a run.

The record is a JSON file. It contains the results, and all that is needed to repeat the run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import log
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from mnist_rnn.config import (
    FEATURES,
    NUM_CLASSES,
    TEST_SIZE,
    TIMESTEPS,
    Configuration,
    Digest,
    Strict,
)
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.errors import RecordError
from mnist_rnn.experiment.initial_weights import GATES
from mnist_rnn.files import read_regular, write_text
from mnist_rnn.paths import ORIGINALS, OUTPUTS, shown
from mnist_rnn.records.digest import digest_code
from mnist_rnn.records.environment import Environment, find_versions, what_decides_bits

Kind = TypeVar("Kind", bound=BaseModel)
Loss = Annotated[float, Field(ge=0)]
Errors = Annotated[int, Field(ge=0, le=TEST_SIZE)]
Index = Annotated[int, Field(ge=0, lt=TEST_SIZE)]
Digit = Annotated[int, Field(ge=0, lt=NUM_CLASSES)]
LARGEST_RECORD = 200_000  # bytes
LABELS = Path(__file__).with_name("y_test.txt")  # labels of the test images
# A plausible run computes at most `FASTEST` products per second, and takes at most `LONGEST`
# seconds.
FASTEST, LONGEST = 1e14, 366 * 86_400

# The code that computed a run: our code, or an original that originals/README.md describes.
Code = Literal["ours", "keras", "keras_rmsprop", "seeded", "seeded_xla", "keras_2019", "pytorch"]


class Program(NamedTuple):
    """A program that computes runs.

    `files` contains the names of the program's files in originals/, and is empty for our code. The
    program's script is the first file. The program accepts `epochs`, `train_size` and the
    parameters in `takes`. All other parameters have the values of `base`. If `here` is false, the
    program needs its own Python environment.
    """

    files: tuple[str, ...]
    takes: tuple[str, ...] = ()
    base: Configuration = Configuration()
    here: bool = True

    @property
    def code_sha256(self) -> str:
        """Return the digest of the program's current files.

        For our code, these are the files of the package `experiment`.
        """
        return digest_code([ORIGINALS / name for name in self.files])


RMSPROP = Configuration(optimizer="rmsprop", dropout=0.2)
ADAM = Configuration(optimizer="adam", learning_rate=0.001, batch_size=64, epochs=10)
PROGRAMS: dict[Code, Program] = {
    "ours": Program((), tuple(Configuration.model_fields)),
    "keras": Program(("keras_notebook.py",)),
    "keras_rmsprop": Program(("keras_rmsprop.py", "keras_notebook.py"), base=RMSPROP),
    "seeded": Program(("seeded_notebook.py", "keras_notebook.py"), ("seed",)),
    "seeded_xla": Program(
        ("seeded_xla.py", "seeded_notebook.py", "keras_notebook.py"), takes=("seed",)
    ),
    "keras_2019": Program(("keras_2019.py",), ("optimizer", "dropout"), here=False),
    "pytorch": Program(("pytorch_notebook.py",), base=ADAM, here=False),
}


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

    @model_validator(mode="after")
    def _same_epochs(self) -> "History":
        if len({len(values) for values in vars(self).values()}) > 1 or not self.loss:
            raise ValueError("all lists must have the same length, and must not be empty")
        return self


class Run(Strict):
    """The record of a finished run.

    For a program without a seed, `config.seed` is the number of the run. `parameters` is the
    number of parameters of the network. `train_loss`, `train_errors` and `test_loss` are measured
    on all images after training. `mistakes` maps the index of each misclassified test image to the
    predicted digit. `None` means that a value was not measured. `seconds` is the training time.
    """

    schema_version: Literal[4] = 4
    code: Code = "ours"
    config: Configuration
    parameters: int = Field(ge=1, le=10**9)
    history: History
    train_loss: Loss | None
    train_errors: int | None = Field(ge=0)
    test_loss: Loss
    mistakes: dict[Index, Digit] | None
    data_sha256: Digest
    seconds: float = Field(gt=0)
    environment: Environment

    @model_validator(mode="after")
    def _agree(self) -> "Run":
        for problem in find_contradictions(self):
            raise ValueError(problem)
        return self

    @property
    def configuration_name(self) -> str:
        """Return the name of the run's configuration, which does not contain the seed."""
        return name_configuration(self.config, self.code)

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

    @property
    def results(self) -> dict[str, object]:
        """Return a dictionary of the values that runs with the same final weights must share.

        The learning rate, dropout and batch size are left out, because two runs that differ in
        these values can have the same weights.
        """
        free = {"learning_rate", "dropout", "batch_size"}
        parts = {
            "config": self.config.model_dump(exclude=free),
            "history": self.history.model_dump(),
        }
        kept = self.model_dump(exclude={"schema_version", "code", "seconds", "environment", *parts})
        flat = {f"{part}.{name}": v for part, values in parts.items() for name, v in values.items()}
        return flat | kept | {"test_errors": self.test_errors}


def find_contradictions(run: Run) -> Iterator[str]:
    """Yield a sentence for each impossible or contradictory value."""
    history, mistakes, size = run.history, run.mistakes, run.config.train_size
    if len(history.loss) != run.config.epochs:
        yield f"`history` must have {run.config.epochs} epochs"
    if (run.train_errors or 0) > size:
        yield f"`train_errors` must be at most {size}"
    if run.code == "ours" and None in history.weights_sha256:
        yield "`weights_sha256` must be measured after each epoch"
    if mistakes is not None and len(mistakes) != run.test_errors:
        yield "`mistakes` must have one entry for each test error after the last epoch"
    if mistakes and any(read_labels()[index] == digit for index, digit in mistakes.items()):
        yield "`mistakes` must not map an image to its label"
    measured = list(zip(history.weights_sha256, history.test_errors, strict=True))
    if any(digest and dict(measured)[digest] != errors for digest, errors in measured):
        yield "`history` must have the same test errors for the same weights"
    wrong = [1 - accuracy for accuracy in history.accuracy]
    wrong += [(run.train_errors or 0) / size, run.test_errors / TEST_SIZE]
    losses = [*history.loss, run.train_loss or 0, run.test_loss]
    # The predicted probability of a misclassified image's label is at most 1/2.
    if any(loss < 0.999 * log(2) * share for loss, share in zip(losses, wrong, strict=True)):
        yield "each loss must be at least log(2) times the share of misclassified images"
    if run.parameters != (expected := count_parameters(run.config, run.code)):
        yield f"`parameters` must be {expected}, the number of parameters of the network"
    if problem := find_impossible(run.seconds, run.config):
        yield problem


def find_impossible(seconds: float, config: Configuration) -> str:
    """Return why `seconds` is not a plausible training time, or "" if the time is plausible."""
    fastest = count_products(config) / FASTEST
    if fastest <= seconds <= LONGEST:
        return ""
    return f"`seconds` must be a plausible training time, from {fastest:.1g} to {LONGEST}"


def find_contradicted(new: Mapping[str, object], known: Mapping[str, object]) -> list[str]:
    """Return the names of results that differ although the final weights are the same.

    Both arguments have the form of `Run.results`, but `new` may have fewer keys. A digest of
    None is not compared.
    """
    name = "history.weights_sha256"
    digests = [list(results[name]) for results in (new, known)]  # type: ignore[call-overload]
    last = [values[-1] for values in digests]
    if last[0] != last[1] or None in last:
        return []
    unlike = len(digests[0]) != len(digests[1]) or first_other_epoch(*digests)
    others = [key for key in new if key != name and new[key] != known[key]]
    return others + [name] * bool(unlike)


def first_other_epoch(new: Sequence[str | None], known: Sequence[str | None]) -> int | None:
    """Return the first epoch, counted from 1, in which two known digests differ."""
    pairs = enumerate(zip(new, known, strict=False), 1)
    return next((epoch for epoch, (a, b) in pairs if a and b and a != b), None)


@cache
def read_labels() -> tuple[int, ...]:
    """Return the labels of the test images."""
    return tuple(map(int, "".join(LABELS.read_text(encoding="ascii").split())))


def count_parameters(config: Configuration, code: Code = "ours") -> int:
    """Return the number of parameters of the network.

    GRU and PyTorch's RNN have two bias vectors.
    """
    biases = 2 if config.layer == "gru" or code == "pytorch" else 1
    inputs = FEATURES + config.units + biases
    return GATES[config.layer] * config.units * inputs + (config.units + 1) * NUM_CLASSES


def count_products(config: Configuration) -> int:
    """Return the number of multiplications in all forward passes of the recurrent layer."""
    weights = GATES[config.layer] * config.units * (FEATURES + config.units)
    return weights * TIMESTEPS * config.train_size * config.epochs


def what_outdates(run: Run) -> list[str]:
    """Return the reasons why a run is outdated, such as `data`, `code`, `bits` or `numpy`.

    `bits` means that the probe's training steps did not give the specified weights.
    """
    program = PROGRAMS[run.code]
    then = {"data": run.data_sha256} | what_decides_bits(run.environment)
    now = {"data": DATA_SHA256, "code": program.code_sha256}
    now |= find_versions() if program.here else {}
    changed = [name for name, value in now.items() if value != then[name]]
    return changed + ["bits"] * run.environment.other_bits


def name_configuration(config: Configuration, code: Code = "ours") -> str:
    """Return the name of a configuration and its code, as used in folders and tables.

    For our code, the name is `Configuration.name`. For another program, the name is the program's
    name, followed by each parameter that differs from its `base`: `keras_2019-optimizer_adam`.
    """
    if code == "ours":
        return config.name
    base, given = (c.model_dump(exclude={"seed"}) for c in (PROGRAMS[code].base, config))
    changed = [f"{field}_{value}" for field, value in given.items() if value != base[field]]
    return "-".join([code, *changed])


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
    """Read and check the record at `path`.

    Raises:
        RecordError: the file can't be read, is not a valid record, or belongs to another path.
    """
    run = read_checked(path, Run, "a record")
    expected = run_path(run.config, ".json", path.parent.parent.parent, run.code)
    if path != expected:
        raise refusal(path, f"contains the record that belongs to the path {shown(expected)}")
    return run


def read_checked(path: Path, kind: type[Kind], name: str, largest: int = LARGEST_RECORD) -> Kind:
    """Read an object of class `kind` from a JSON file, or raise RecordError with all problems."""
    try:
        content = read_regular(path, largest)
    except OSError as error:
        raise refusal(path, f"can't be read: {error.strerror}") from None
    return parse_checked(content, path, kind, name)


def parse_checked(content: bytes, path: Path, kind: type[Kind], name: str) -> Kind:
    """Convert JSON to an object of class `kind`, or raise RecordError with all problems."""
    try:
        refuse_duplicates(content)
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise refusal(path, f"is not {name}: {list_problems(error)}") from error
    except (ValueError, RecursionError) as error:
        raise refusal(path, f"is not {name}: Invalid JSON: {error}") from None


def refuse_duplicates(text: bytes) -> None:
    """Raise ValueError if a JSON object has a key twice, since parsers disagree on the value."""

    def check(pairs: list[tuple[str, object]]) -> dict[str, object]:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            raise ValueError(f"the key {max(names, key=names.count)!r} occurs twice")
        return values

    json.loads(text, object_pairs_hook=check)


def list_problems(error: ValidationError) -> str:
    """Return one line with the problem of each invalid field."""
    lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return "; ".join(line.removeprefix(": ").replace("Value error, ", "") for line in lines)


def refusal(path: Path, problem: str) -> RecordError:
    """Return a RecordError about the file at `path`, with at most 1000 printable characters."""
    message = f"{shown(path)} {problem}"[:1000]
    return RecordError("".join(c if c.isprintable() else "?" for c in message))


def read_runs(results: Path) -> tuple[list[Run], list[RecordError]]:
    """Return all valid runs in the order of their paths, and an error for each invalid run.

    A run is also invalid if an earlier run has the same weights but different results.
    """
    runs: dict[Path, Run] = {}
    first: dict[tuple[Code, str], Path] = {}  # the first record with this code and these weights
    errors = []
    for path in sorted((results / "runs").glob("*/seed-*.json")):
        try:
            run = read_run(path)
            same = first.setdefault((run.code, run.weights_sha256), path)
            if same != path:
                require_same_results(path, run.results, runs[same].results, shown(same))
            runs[path] = run
        except RecordError as error:
            errors.append(error)
    return list(runs.values()), errors


def require_same_results(
    path: Path, results: Mapping[str, object], known: Mapping[str, object], name: str
) -> None:
    """Raise RecordError if two runs have the same final weights but different results.

    The message contains the `path` of the checked record and the `name` of the known run.
    """
    if names := find_contradicted(results, known):
        raise refusal(path, f"has the same weights as {name} but different {', '.join(names)}")
