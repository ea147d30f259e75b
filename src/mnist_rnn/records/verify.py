"""Is the default run that was made here the committed one? `python -m mnist_rnn.records.verify`.

`make reproduce` calls it twice: with `--before` ahead of the training, so that afterwards nothing
but what was just made can be compared.

On x86-64 with AVX2 and FMA, and on ARM64, the weights must be the same, bit for bit. Where a CPU
lacks these instructions, the test accuracy must be within TOLERANCE.
"""

import argparse
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ExperimentError, ParameterError
from mnist_rnn.parameters import find_edited
from mnist_rnn.paths import COMMITTED, OUTPUTS, ROOT, shown
from mnist_rnn.records.environment import what_decides_bits
from mnist_rnn.records.record import Record, read_record, run_path
from mnist_rnn.records.reproduction import (
    WHOLE_RUN,
    Reproduction,
    describe_reproduction,
    write_reproduction,
)

TOLERANCE = 0.5  # percentage points
NOTEBOOK = ROOT / "notebooks" / "02_train.ipynb"


def compare_records(new: Record, committed: Record) -> tuple[bool, str]:
    """Whether the new record reproduces the committed one, and a sentence that says so."""
    reached = f"{new.test.errors} test errors, {new.test.accuracy:.2%} test accuracy"
    if new.weights_sha256 == committed.weights_sha256:
        return True, f"The same bits as the committed run: {reached}."
    then, now = map(what_decides_bits, (committed.environment, new.environment))
    changed = [name for name in now if now[name] != then[name]]
    gap = round(100 * abs(new.test.accuracy - committed.test.accuracy), 2)
    apart = f"{reached}, {gap:.2f} percentage points from the committed run"
    if changed:
        return False, f"NOT the same bits: made with other {', '.join(changed)}; {apart}."
    if new.environment.cpu.fuses:
        return False, f"NOT the same bits, and they should be: {apart}."
    near = gap <= TOLERANCE
    start = "Other bits, as expected" if near else "NOT near enough, even"
    return near, f"{start} on a CPU without FMA: {apart}; {TOLERANCE} are allowed."


def describe_run(record: Record, path: Path) -> Reproduction:
    """This run as the record of a reproduction; its day is the date of the file at `path`."""
    day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    digests = {WHOLE_RUN: record.weights_sha256}
    return describe_reproduction(
        record.environment, digests, record.seconds, day, record.test.errors
    )


def set_earlier_aside(record: Path, notebook: Path = NOTEBOOK) -> None:
    """Move the record of an earlier run out of the way, if the notebook will make another.

    Raises:
        ParameterError: the saved notebook has other defaults, and would train something else.
    """
    if edited := find_edited(notebook):
        values = ", ".join(f"{name} = {value}" for name, value in edited.items())
        raise ParameterError(
            f"{shown(notebook)} was saved with {values}, and would not train the default run. "
            f"`git restore {shown(notebook)}` brings the defaults back; to train with other "
            "parameters, give them to papermill, or as PARAMETERS='-p units 16'."
        )
    with suppress(FileNotFoundError):
        record.replace(record.with_name(f"{record.name}.earlier"))


def main() -> None:
    """Compare the two records; exit status 1 if the new one does not reproduce the other.

    The record of the reproduction is left in outputs/reproductions; the comparison is said last.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", action="store_true", help="set an earlier run's record aside")
    path = run_path(Configuration(), ".json", OUTPUTS)
    if parser.parse_args().before:
        try:
            return set_earlier_aside(path)
        except (ExperimentError, OSError) as error:
            raise SystemExit(str(error)) from None
    if not path.exists():
        why = "run `make reproduce`, with notebooks/02_train.ipynb as it is committed"
        raise SystemExit(f"There is no {shown(path)}: {why}.")
    try:
        new = read_record(path)
        committed = read_record(run_path(Configuration(), ".json", COMMITTED))
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    try:
        left = write_reproduction(describe_run(new, path), OUTPUTS / "reproductions")
        print(f"For the ledger: {shown(left)}")
    except (OSError, ValueError) as error:
        print(f"No record for the ledger: {str(error).splitlines()[0]}")
    good, sentence = compare_records(new, committed)
    print(sentence)
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
