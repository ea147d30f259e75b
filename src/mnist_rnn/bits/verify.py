"""Compare, bit for bit, the weights of a run in outputs/ with the weights of the committed run.

`make verify` runs this command. `python -m mnist_rnn.bits.verify simple_rnn-256-sgd/17` compares
the two runs with this name in outputs/ and in results/. Without a name, the command compares the
default runs. Before training, `make reproduce` calls this command with
`--before`. The option `--before` renames an earlier run's record, so that only the new run can be
compared. After training, `make reproduce` calls this command with `--executed`.

On x86-64 with AVX2 and FMA, and on ARM64, the weights must be bit-identical. On a CPU without AVX2
and FMA, the runs' test accuracies may differ by at most `TOLERANCE` percentage points.
"""

import argparse
import ast
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from mnist_rnn.bits.ledger import (
    TOLERANCE,
    WHOLE_RUN,
    describe_reproduction,
    is_near,
    write_reproduction,
)
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ExperimentError, ParameterError
from mnist_rnn.parameters import find_assignments, read_parameters
from mnist_rnn.paths import COMMITTED, OUTPUTS, ROOT, located, shown
from mnist_rnn.records.consistency import load_run, read_committed, require_reproduction
from mnist_rnn.records.digest import digest_code
from mnist_rnn.records.environment import what_differs
from mnist_rnn.records.run import Run, first_other_epoch, read_run, run_path

NOTEBOOK = ROOT / "notebooks" / "02_train.ipynb"


def compare_runs(new: Run, committed: Run) -> tuple[bool, str]:
    """Return whether the new run reproduces the committed run, and a sentence on the comparison."""
    reached = f"{new.test_errors} test errors, {new.test_accuracy:.2f}% test accuracy"
    if new.weights_sha256 == committed.weights_sha256:
        return True, f"The same bits as the committed run: {reached}."
    changed = what_differs(committed.environment, new.environment)
    gap = abs(new.test_accuracy - committed.test_accuracy)
    apart = f"{reached}, {gap:.2f} percentage points from the committed run"
    digests = new.history.weights_sha256, committed.history.weights_sha256
    if epoch := first_other_epoch(*digests):
        apart += f"; the weights differ from epoch {epoch} on"
    if changed:
        return False, f"NOT the same bits: made with different {', '.join(changed)}; {apart}."
    if new.environment.cpu.fuses:
        return False, f"NOT the same bits, although this CPU can compute them: {apart}."
    near = is_near(new.test_errors, committed)
    start = "Different bits, as expected" if near else "NOT near enough, even"
    return near, f"{start} on a CPU without FMA: {apart}; {TOLERANCE} are allowed."


def find_edited(notebook: Path) -> dict[str, str]:
    """Return the edited parameters of a saved notebook, with their values as text.

    Raises:
        ParameterError: the file is not a notebook with exactly one cell of parameters.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
        (cell,) = (cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        expected = f"a notebook with one cell that has the tag `parameters` ({error})"
        raise ParameterError(f"{shown(notebook)}: expected {expected}") from None
    defaults = {name: repr(field.default) for name, field in Configuration.model_fields.items()}
    given = find_assignments(cell.source)
    return {name: value for name, value in given.items() if value != defaults.get(name)}


def set_earlier_aside(record: Path, notebook: Path = NOTEBOOK) -> None:
    """Rename an earlier run's record if the notebook will train the default run.

    Raises:
        ParameterError: the saved notebook has edited parameters, and would train another run.
    """
    if edited := find_edited(notebook):
        values = ", ".join(f"{name} = {value}" for name, value in edited.items())
        raise ParameterError(
            f"{shown(notebook)} was saved with {values}, and would not train the default run. "
            f"`git restore {shown(notebook)}` restores the defaults. To train with other "
            "parameters, use papermill, or `make reproduce PARAMETERS='-p units 16'`."
        )
    with suppress(FileNotFoundError):
        record.replace(record.with_name(f"{record.name}.earlier"))


def read_executed(notebook: Path) -> Configuration:
    """Return the configuration that an executed notebook has trained.

    Raises:
        ParameterError: the file is not a notebook, or a parameter is wrong.
    """
    given: dict[str, str] = {}
    try:
        for cell in nbformat.read(notebook, as_version=4).cells:
            if {"parameters", "injected-parameters"} & set(cell.metadata.get("tags", [])):
                given |= find_assignments(cell.source)
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        raise ParameterError(f"{shown(notebook)}: expected a notebook ({error})") from None
    values = {name: ast.literal_eval(value) for name, value in given.items()}
    return read_parameters(
        {name: value for name, value in values.items() if name in Configuration.model_fields}
    )


def find_run(name: str) -> Configuration:
    """Return the configuration of the run that has this name in outputs/.

    A name consists of a configuration and a seed, such as `simple_rnn-256-sgd/17`.

    Raises:
        ParameterError: outputs/ has no run with this name.
        RecordError: the record of the run is damaged.
    """
    folder = OUTPUTS / "runs"
    paths = {f"{p.parent.name}/{p.stem.removeprefix('seed-')}": p for p in folder.glob("*/*.json")}
    if name not in paths:
        expected = f"the name of a run in {located(folder)}, such as simple_rnn-256-sgd/17"
        raise ParameterError(f"run: expected {expected}, got {name}.")
    return read_run(paths[name]).config


def place_accuracy(run: Run) -> str:
    """Return a sentence that ranks a run by test accuracy among other runs of its configuration."""
    folder = run_path(run.config, ".json", COMMITTED).parent
    runs = [read_run(path) for path in sorted(folder.glob("seed-*.json"))]
    others = [other.test_accuracy for other in runs if other.config.seed != run.config.seed]
    if not others:
        return f"There are no other runs of the configuration {run.config.name}."
    below = sum(accuracy < run.test_accuracy for accuracy in others)
    return (
        f"The run's test accuracy is higher than in {below} of the other {len(others)} runs of "
        f"{run.config.name}, whose test accuracies are {min(others):.2f} to {max(others):.2f}%."
    )


def leave_record(run: Run, path: Path) -> None:
    """Record the default run in a file for the ledger, and print the file's path."""
    try:
        day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
        digests = {WHOLE_RUN: run.history.weights_sha256}
        made = describe_reproduction(run.environment, digests, run.seconds, day, run.test_errors)
        written = write_reproduction(made, OUTPUTS / "reproductions")
        print(f"Record for the ledger: {located(written)}")
    except ExperimentError as error:
        print(f"No record for the ledger: {error}")


def main() -> None:
    """Compare the new run with the committed run; exit with status 1 if the new run differs.

    A default run also writes a record to outputs/reproductions. The last printed line is the
    result of the comparison.
    """
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("run", nargs="?", help="name of a run, such as simple_rnn-256-sgd/17")
    parser.add_argument("--before", action="store_true", help="rename the record of an earlier run")
    executed = "compare the run of the notebook in outputs/executed"
    parser.add_argument("--executed", action="store_true", help=executed)
    options = parser.parse_args()
    try:
        config = Configuration()
        if options.executed:
            config = read_executed(OUTPUTS / "executed" / NOTEBOOK.name)
        elif options.run:
            config = find_run(options.run)
        path = run_path(config, ".json", OUTPUTS)
        if options.before:
            read_committed(path, config)  # rejects a damaged record before training
            return set_earlier_aside(path)
        if not path.exists():
            why = "run `make reproduce` with the committed notebooks/02_train.ipynb"
            raise SystemExit(f"There is no record {located(path)}: {why}.")
        new, _ = load_run(path.with_suffix(".keras"))
        committed_path = run_path(config, ".json", COMMITTED)
        if options.executed and not committed_path.exists():
            print(place_accuracy(new))
            return print(f"There is no {shown(committed_path)} to compare the run's weights with.")
        committed = read_committed(path, config)
        require_reproduction(path, new, committed)
    except (ExperimentError, OSError) as error:
        raise SystemExit(str(error)) from None
    if new.environment.code_sha256 != digest_code():
        raise SystemExit(
            f"{located(path)} was made by another version of the code. Run `make reproduce` again."
        )
    if config == Configuration():
        leave_record(new, path)
    good, sentence = compare_runs(new, committed)
    print(place_accuracy(new))
    print(sentence)
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
