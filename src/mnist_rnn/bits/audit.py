"""Compute each committed run of our code again with the C program, and compare every epoch.

`make audit` runs this command. The C program shares no code with TensorFlow. The digests of the
weights and the test errors after each epoch must be those of the run's record. Each finished run
is a row of results/audit.csv, so that an interrupted audit continues.
`python -m mnist_rnn.bits.audit simple_rnn-256-sgd/17` computes one run, a name without a number
all runs of a configuration. `--left` lists the runs without a row of equal results. The exit status
is 1 if any run differs.
"""

import argparse
import csv
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tqdm import tqdm

from mnist_rnn.bits.programs import Trained, ask, compile_c, find_compiler, train
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.files import replacing
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records.environment import describe_cpu
from mnist_rnn.records.run import Run, count_products, read_run, read_runs, run_path

FILE = COMMITTED / "audit.csv"
History = Sequence[tuple[int, str | None]]  # test errors and digest after each epoch


class Row(NamedTuple):
    """The audit of one run.

    `first_difference` is the first epoch with another digest or other test errors, or empty.
    `history_sha256` is the SHA-256 of the test errors and digests that the C program computed.
    """

    configuration: str
    seed: str
    epochs: str
    first_difference: str
    seconds: str
    cpu: str
    compiler: str
    history_sha256: str


def list_epochs(run: Run) -> History:
    """Return the test errors and the digest after each epoch of a record."""
    return list(zip(run.history.test_errors, run.history.weights_sha256, strict=True))


def digest_history(epochs: History) -> str:
    """Return the SHA-256 of test errors and digests."""
    return hashlib.sha256("".join(f"{e} {d}\n" for e, d in epochs).encode()).hexdigest()


def audit(run: Run, command: Sequence[str | Path], at_epoch: Callable[[], object]) -> Row:
    """Compute a run with the C program, and return the row that compares it with its record."""
    return compare(
        run, train(command, run.config, lambda line: line.startswith("epoch") and at_epoch())
    )


def compare(run: Run, trained: Trained) -> Row:
    """Return the row that compares a computed run with its record."""
    computed = list(zip(trained.errors, trained.digests, strict=True))
    pairs = enumerate(zip(list_epochs(run), computed, strict=True), 1)
    first = next((epoch for epoch, (recorded, new) in pairs if recorded != new), "")
    cpu = describe_cpu(None)
    return Row(
        run.configuration_name,
        str(run.config.seed),
        str(run.config.epochs),
        str(first),
        f"{trained.seconds:.1f}",
        f"{cpu.name or cpu.architecture} ({cpu.family}, {cpu.model})",
        ask([*find_compiler(), "--version"]).splitlines()[0],
        digest_history(computed),
    )


def read_rows(path: Path = FILE) -> dict[str, Row]:
    """Return the rows of the audit by the names of the runs."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [Row(**row) for row in csv.DictReader(file)]
    return {f"{row.configuration}/{row.seed}": row for row in rows}


def add_row(row: Row, path: Path = FILE) -> None:
    """Add a row to the audit, or replace the row of the same run, atomically."""
    rows = [*(read_rows(path) | {f"{row.configuration}/{row.seed}": row}).values()]
    rows.sort(key=lambda row: (row.configuration, int(row.seed)))
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(rows)


def list_left(runs: Sequence[Run], path: Path = FILE) -> list[Run]:
    """Return the runs whose records have no row of equal results, the shortest run first."""
    rows = read_rows(path)
    equal = {name for name, row in rows.items() if not row.first_difference}
    left = [
        run
        for run in runs
        if run.name not in equal
        or rows[run.name].history_sha256 != digest_history(list_epochs(run))
    ]
    return sorted(left, key=lambda run: (count_products(run.config), run.config.seed))


def read_audited(names: Sequence[str] = ()) -> list[Run]:
    """Return the committed runs of our code with these names, by default all.

    Raises:
        ExperimentError: a record is damaged, or a name belongs to no run.
    """
    runs, errors = read_runs(COMMITTED)
    if errors:
        raise errors[0]
    runs = [run for run in runs if run.code == "ours"]
    for name in names:
        if not any(name in (run.name, run.configuration_name) for run in runs):
            expected = "the name of a committed run of our code, such as simple_rnn-256-sgd/17"
            raise ExperimentError(f"expected {expected}, got {name}.")
    return [run for run in runs if not names or {run.name, run.configuration_name} & set(names)]


def audit_all(runs: Sequence[Run], processes: int) -> list[str]:
    """Audit runs, some at once, and return the names of those that differ."""
    different = []
    with tempfile.TemporaryDirectory() as folder:
        command = compile_c(Path(folder) / "rnn")
        total = sum(run.config.epochs for run in runs)
        with tqdm(total=total, unit="epoch", file=sys.stderr) as bar:
            pool = ThreadPoolExecutor(processes)
            jobs = {pool.submit(audit, run, command, bar.update): run for run in runs}
            try:
                for job in as_completed(jobs):
                    row, name = job.result(), jobs[job].name
                    add_row(row)
                    if row.first_difference:
                        different.append(name)
                    bar.write(describe(name, row), file=sys.stdout)
                    sys.stdout.flush()
            finally:
                pool.shutdown(cancel_futures=True)
    return different


def describe(name: str, row: Row) -> str:
    """Return a sentence on the audit of a run."""
    if row.first_difference:
        return f"{name}: DIFFERENT from the record from epoch {row.first_difference} on."
    return f"{name}: all {row.epochs} epochs equal the record, computed by C in {row.seconds} s."


def count_equal(path: Path = FILE) -> tuple[int, int]:
    """Return how many committed runs of our code equal the C program's run, and their number."""
    runs = read_audited()
    return len(runs) - len(list_left(runs, path)), len(runs)


def table(path: Path = FILE) -> str:
    """Return the audit as a Markdown table with one row per configuration.

    Raises:
        ExperimentError: a record is damaged.
    """
    runs, rows = read_audited(), read_rows(path)
    left = {run.name for run in list_left(runs, path)}
    lines = ["| Configuration | Equal runs | CPU | Seconds per run |", "|---|---|---|---|"]
    for name in dict.fromkeys(run.configuration_name for run in runs):
        names = [run.name for run in runs if run.configuration_name == name]
        done = [rows[n] for n in names if n not in left]
        cpus = ", ".join(dict.fromkeys(row.cpu for row in done))
        seconds = f"{median(float(row.seconds) for row in done):.0f}" if done else ""
        lines.append(f"| {name} | {len(done)} of {len(names)} | {cpus} | {seconds} |")
    return "\n".join(lines) + "\n"


def audit_run(config: Configuration) -> tuple[bool, str]:
    """Audit the committed run of a configuration, and return whether it is equal, and a sentence.

    Raises:
        ExperimentError: there is no such record, no compiler or no data.
    """
    run = read_run(run_path(config, ".json", COMMITTED))
    load_mnist()
    with tempfile.TemporaryDirectory() as folder:
        command = compile_c(Path(folder) / "rnn")
        with tqdm(total=config.epochs, unit="epoch", leave=False) as bar:
            row = audit(run, command, bar.update)
    return not row.first_difference, describe(run.name, row)


def main() -> None:
    """Audit the runs that the command line names, and print a line per run."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="runs or configurations")
    parser.add_argument("--left", action="store_true", help="list what is left")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="runs at once")
    options = parser.parse_args()
    try:
        if options.processes < 1:
            expected = "a whole number above 0"
            raise ExperimentError(f"--processes: expected {expected}, got {options.processes}.")
        runs = read_audited(options.names)
        left = list_left(runs)
        if options.left:
            print(*(run.name for run in left), sep="\n")
            return
        load_mnist()
        different = audit_all(left, options.processes)
    except (ExperimentError, OSError) as error:
        raise SystemExit(str(error)) from None
    print(f"{len(runs) - len(different)} of {len(runs)} runs equal their records.")
    raise SystemExit(bool(different))


if __name__ == "__main__":
    main()
