"""Read and extend the ledger, the table of computations on many machines.

The ledger, results/reproductions.csv, has one row per machine and program. `python -m
mnist_rnn.bits.ledger FILE` adds the rows of a table such as outputs/reproductions.csv.
"""

import argparse
import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from mnist_rnn.config import ALLOWED, Strict
from mnist_rnn.records.environment import Environment
from mnist_rnn.records.run import list_problems, reject
from mnist_rnn.system.errors import one_sentence
from mnist_rnn.system.files import read_regular, write_text
from mnist_rnn.system.paths import COMMITTED, OUTPUTS, shown

LEDGER = COMMITTED / "reproductions.csv"
OWN = OUTPUTS / "reproductions.csv"
DEFAULT_RUN = "default-run"
LARGEST_LEDGER = 1_000_000  # bytes
Line = Annotated[str, StringConstraints(pattern=rf"^[{ALLOWED}]{{0,400}}$")]


class Reproduction(Strict):
    """A row of the ledger: what one program computed on one machine.

    `same_bits` and `other_bits` list runs and first steps with and without the committed bits.
    `seconds` is the time of an epoch of 60,000 images.
    """

    program: Line
    cpu: Line
    system: Line
    versions: Line
    same_bits: Line
    other_bits: Line
    seconds: float | None = Field(None, gt=0)
    date: date
    measured_by: Literal["us", "its sender"]


def describe_reproduction(
    program: str,
    made_with: Environment,
    outcomes: dict[str, bool],
    seconds: float | None = None,
    versions: dict[str, str] | None = None,
) -> Reproduction:
    """Return the row of a program's computation on this machine, today.

    `outcomes` says for each computation whether it has the committed bits. `versions` are those of
    the program's packages or compiler, by default of Keras's packages.
    """
    return Reproduction(
        program=program,
        cpu=made_with.cpu.describe(),
        system=made_with.system,
        versions=", ".join(" ".join(i) for i in (versions or made_with.versions).items()),
        same_bits=" ".join(name for name, same in outcomes.items() if same),
        other_bits=" ".join(name for name, same in outcomes.items() if not same),
        seconds=seconds and round(seconds, 1),
        date=datetime.now(UTC).date(),
        measured_by="its sender",
    )


def read_ledger(path: Path = LEDGER) -> list[Reproduction]:
    """Read the rows of a ledger; raise RecordError if it can't be read or a cell is wrong."""
    try:
        text = read_regular(path, LARGEST_LEDGER).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise reject(path, f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    if not rows:
        raise reject(path, "is not a ledger: expected at least one row, got none")
    found = []
    for number, row in enumerate(rows, 2):
        cells = {name: cell for name, cell in row.items() if name != "seconds" or cell}
        try:
            found.append(Reproduction.model_validate_strings(cells))
        except (ValidationError, TypeError) as error:
            said = list_problems(error) if isinstance(error, ValidationError) else str(error)
            raise reject(path, f"is not a ledger: line {number}: {said}") from None
    return found


def add_rows(path: Path, new: Sequence[Reproduction]) -> None:
    """Add rows to a ledger; a row of the same machine and program is extended."""
    rows: dict[tuple[str, ...], Reproduction] = {}
    for row in [*(read_ledger(path) if path.exists() else []), *new]:
        key = row.program, row.cpu, row.system, row.versions, row.measured_by
        if old := rows.get(key):
            given = {*row.same_bits.split(), *row.other_bits.split()}
            merged: dict[str, object] = {"seconds": row.seconds or old.seconds}
            for kind in ("same_bits", "other_bits"):
                kept = [name for name in getattr(old, kind).split() if name not in given]
                merged[kind] = " ".join([*kept, *getattr(row, kind).split()])
            row = row.model_copy(update=merged)
        rows[key] = row
    text = io.StringIO()
    table = csv.DictWriter(text, Reproduction.model_fields, lineterminator="\n")
    table.writeheader()
    table.writerows(row.model_dump() for row in rows.values())
    write_text(path, text.getvalue())


@one_sentence()
def main() -> None:
    """Add the rows of a table to the ledger, and check all rows."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("file", type=Path, nargs="?", help="a table with rows to add")
    parser.add_argument("--ours", action="store_true", help="the rows were measured by us")
    options = parser.parse_args()
    new = read_ledger(options.file) if options.file else []
    if options.ours:
        new = [row.model_copy(update={"measured_by": "us"}) for row in new]
    add_rows(LEDGER, new)
    rows = read_ledger()
    same = sum(not row.other_bits for row in rows)
    print(f"{shown(LEDGER)}: {same} of {len(rows)} rows have the committed bits.")


if __name__ == "__main__":
    main()
