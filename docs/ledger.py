"""The ledger of reproductions: each record in results/reproductions, judged and listed.

`python docs/ledger.py` checks the records and rewrites results/reproductions/README.md. The folder
of a record says who measured it. `--add FOLDER` first takes in the records of that folder. Exit
status 1 if a record is refused.
"""

import argparse
import json
from pathlib import Path

from mnist_rnn.config import TEST_SIZE, Configuration
from mnist_rnn.errors import ExperimentError, RecordError
from mnist_rnn.files import write_text
from mnist_rnn.paths import COMMITTED, ROOT, shown
from mnist_rnn.records.environment import what_decides_bits
from mnist_rnn.records.record import Record, read_record, refusal, run_path
from mnist_rnn.records.reproduction import (
    WHOLE_RUN,
    Reproduction,
    read_reproduction,
    write_reproduction,
)
from mnist_rnn.records.verify import TOLERANCE

LEDGER = COMMITTED / "reproductions"
MEASURED_BY = {"ours": "us", "ci": "CI", "self-reported": "its sender"}
FIRST_STEPS = ROOT / "tests" / "first_steps.json"
SAME = "the same bits"
INTRODUCTION = """# Reproductions

**{runs} default runs and {steps} records of first steps have the committed bits.**

The default run is compared with the committed one; *first steps* are four steps of each kind of
run (`first-epoch`: a whole epoch of the default), compared with
[first_steps.json](../../tests/first_steps.json). *Measured by* its sender means
that nobody else has checked the row. [CONTRIBUTING](../../CONTRIBUTING.md#send-a-reproduction) says
how to send one. `make ledger` makes this page from the records beside it.

| CPU | System | Python | Computed | Outcome | Test accuracy (%) | Seconds | Day | Measured by |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def read_expected() -> tuple[Record, dict[str, str]]:
    """The committed run, and the digest that each reproduction must have."""
    committed = read_record(run_path(Configuration(), ".json", COMMITTED))
    steps = json.loads(FIRST_STEPS.read_text(encoding="utf-8"))
    return committed, {WHOLE_RUN: committed.weights_sha256} | steps


def read_judged(
    path: Path, committed: Record, expected: dict[str, str]
) -> tuple[Reproduction, str]:
    """A record, and what it shows in a few words.

    Raises:
        RecordError: says in one sentence why the record is refused.
    """
    made = read_reproduction(path)
    unknown = sorted(set(made.digests) - set(expected))
    if unknown:
        raise refusal(path, f"is of another experiment: {', '.join(unknown)}")
    wrong = [name for name, digest in made.digests.items() if digest != expected[name]]
    if not wrong and made.test_errors not in (None, committed.test.errors):
        raise refusal(path, "has the committed digest with another number of test errors")
    return made, describe_outcome(made, wrong, committed)


def describe_outcome(made: Reproduction, wrong: list[str], committed: Record) -> str:
    """What a reproduction shows, in a few words; `wrong` names the digests that differ."""
    then = what_decides_bits(committed.environment)
    now = made.versions.model_dump() | {"code": made.code_sha256}
    changed = [name for name in then if now[name] != then[name]]
    if not wrong:
        return f"{SAME}, by other code" if "code" in changed else SAME
    if changed:
        return f"**other bits**, made with other {', '.join(changed)}"
    reached = committed.test.errors if made.test_errors is None else made.test_errors
    gap = 100 * abs(reached - committed.test.errors) / TEST_SIZE
    if made.cpu.fuses or gap > TOLERANCE:
        return "**other bits**" + ("" if WHOLE_RUN in wrong else f": {', '.join(wrong)}")
    return "other bits, as expected without FMA"


def make_row(made: Reproduction, outcome: str, measured: str) -> str:
    """A row of the table."""
    cpu = made.cpu
    kind = " ".join(word for word in (cpu.vendor, cpu.family, cpu.model) if word)
    name = f"{cpu.name or 'unknown'}, {cpu.architecture}" + (f" ({kind})" if kind else "")
    errors = made.test_errors
    cells = [
        f"{name}, emulated" if made.emulated else name,
        made.system,
        made.versions.python,
        WHOLE_RUN if errors is not None else f"first steps: {', '.join(made.digests)}",
        f"{outcome}: `{made.digests[WHOLE_RUN][:12]}`" if errors is not None else outcome,
        "" if errors is None else f"{100 - 100 * errors / TEST_SIZE:.2f}",
        f"{made.seconds:.0f}",
        str(made.date),
        measured,
    ]
    return "| " + " | ".join(cells) + " |\n"


def make_ledger(folder: Path) -> tuple[str, list[str]]:
    """The page, and a sentence for each file that is refused."""
    known = read_expected()
    rows, refused = [], []
    runs, steps = [], []  # for each record, whether it has the committed bits
    origins: dict[str, str] = {}  # of each file's name, the folder where it was first
    for origin, measured in MEASURED_BY.items():
        for path in sorted((folder / origin).glob("*")):
            try:
                if (first := origins.setdefault(path.name, origin)) != origin:
                    raise refusal(path, f"is already in {first}")
                made, outcome = read_judged(path, *known)
            except RecordError as error:
                refused.append(str(error))
                continue
            (runs if WHOLE_RUN in made.digests else steps).append(outcome.startswith(SAME))
            rows.append(make_row(made, outcome, measured))
    introduction = INTRODUCTION.format(
        runs=f"{sum(runs)} of {len(runs)}", steps=f"{sum(steps)} of {len(steps)}"
    )
    return introduction + "".join(rows), refused


def add(source: Path, destination: Path) -> None:
    """Copy the records of a folder into the ledger: all, or none if one is refused.

    Raises:
        RecordError: a record is refused, or there is none.
    """
    known = read_expected()
    records = [read_judged(path, *known)[0] for path in sorted(source.glob("*.json"))]
    if not records:
        raise RecordError(f"{shown(source)} has no record of a reproduction; `make reproduce`.")
    for record in records:
        for origin in MEASURED_BY.keys() - {destination.name}:
            if (destination.parent / origin / record.file_name).exists():
                raise refusal(destination / record.file_name, f"is already in {origin}")
    for record in records:
        print(f"Added: {shown(write_reproduction(record, destination))}")


def main() -> None:
    """Take in records if told to, and rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--add", type=Path, metavar="FOLDER", help="take in the records there")
    parser.add_argument("--measured-by", choices=MEASURED_BY, default="self-reported")
    arguments = parser.parse_args()
    try:
        if arguments.add:
            add(arguments.add, LEDGER / arguments.measured_by)
        page, refused = make_ledger(LEDGER)
        write_text(LEDGER / "README.md", page)
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    print(f"Written: {shown(LEDGER / 'README.md')}")
    if refused:
        raise SystemExit("Refused:\n" + "\n".join(refused))


if __name__ == "__main__":
    main()
