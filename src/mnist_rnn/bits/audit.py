"""Compute each committed run of our code again with the C program, and compare every epoch.

`make audit` runs this command. The C program shares no code with TensorFlow. The digests of the
weights and the test errors after each epoch must be those of the run's record. Each finished run
is a row of results/audit.csv, so that an interrupted audit continues.
`python -m mnist_rnn.bits.audit simple_rnn-256-sgd/17` computes one run, a name without a number
all runs of a configuration. `--left` lists what is left. The exit status is 1 if any run differs.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from mnist_rnn.bits import implementations as programs
from mnist_rnn.bits.implementations import Epochs, Trained, find_difference, list_epochs
from mnist_rnn.config import count_products
from mnist_rnn.data import load_mnist
from mnist_rnn.records.environment import describe_cpu
from mnist_rnn.records.run import Run, read_runs
from mnist_rnn.system.errors import ExperimentError, one_sentence
from mnist_rnn.system.files import replacing
from mnist_rnn.system.paths import COMMITTED

FILE = COMMITTED / "audit.csv"
TYPES = {"first_difference": "Int64"}  # which may be missing
BAR = "{percentage:.0f}%|{bar}| {elapsed}, {remaining} left"
Row = dict[str, Any]  # docs/data-dictionary.md explains the columns


def digest_history(epochs: Epochs) -> str:
    """Return the SHA-256 of the test errors and the digests after each epoch."""
    return hashlib.sha256("".join(f"{e} {d}\n" for e, d in epochs).encode()).hexdigest()


def make_row(run: Run, trained: Trained) -> Row:
    """Return the row that compares the C program's training with a run's record."""
    return {
        "configuration": run.configuration_name,
        "seed": run.config.seed,
        "epochs": run.config.epochs,
        "first_difference": find_difference(run, trained.history),
        "seconds": round(trained.seconds, 1),
        "cpu": describe_cpu(None).describe(),
        "compiler": programs.run([programs.find_compiler(), "--version"]).splitlines()[0],
        "history_sha256": digest_history(trained.history),
    }


def describe(row: Row) -> str:
    """Return a sentence on the audit of a run."""
    name, epoch = f"{row['configuration']}/{row['seed']}", row["first_difference"]
    if epoch:
        return f"{name}: DIFFERENT from the record from epoch {epoch} on."
    return f"{name}: all {row['epochs']} epochs equal the record; C took {row['seconds']} s."


def read_rows() -> list[Row]:
    """Return the rows of results/audit.csv."""
    return pd.read_csv(FILE, dtype=TYPES).to_dict("records") if FILE.exists() else []


def add_row(row: Row) -> None:
    """Add a row to results/audit.csv, or replace the row of the same run, atomically."""
    key = ["configuration", "seed"]
    rows = pd.DataFrame([*read_rows(), row]).astype(TYPES)
    with replacing(FILE) as temporary:
        rows.drop_duplicates(key, keep="last").sort_values(key).to_csv(temporary, index=False)


def list_left(runs: Sequence[Run]) -> list[Run]:
    """Return the runs whose records have no row of equal results, the shortest run first."""
    equal = {f"{r['configuration']}/{r['seed']}": r["history_sha256"] for r in read_rows()}
    left = [run for run in runs if equal.get(run.name) != digest_history(list_epochs(run))]
    return sorted(left, key=lambda run: (count_products(run.config), run.config.seed))


def read_audited(names: Sequence[str] = ()) -> list[Run]:
    """Return the committed runs of our code with these names, by default all."""
    runs, errors = read_runs(COMMITTED)
    if errors:
        raise errors[0]
    runs = [run for run in runs if run.code == "ours"]
    for name in names:
        if not any(name in (run.name, run.configuration_name) for run in runs):
            expected = "the name of a committed run of our code, such as simple_rnn-256-sgd/17"
            raise ExperimentError(f"expected {expected}, got {name}.")
    return [run for run in runs if not names or {run.name, run.configuration_name} & set(names)]


def audit(runs: Sequence[Run]) -> Iterator[Row]:
    """Compute runs with the C program, one per core, and yield the row of each finished run."""
    load_mnist()
    total = sum(count_products(run.config) for run in runs)
    with tempfile.TemporaryDirectory() as folder, tqdm(total=total, bar_format=BAR) as bar:
        command = programs.compile_c(Path(folder) / "rnn")
        pool = ThreadPoolExecutor(os.cpu_count())
        jobs = {pool.submit(programs.train, command, run.config): run for run in runs}
        try:
            for job in as_completed(jobs):
                bar.update(count_products(jobs[job].config))
                bar.clear()
                yield make_row(jobs[job], job.result())
        finally:
            pool.shutdown(cancel_futures=True)


@one_sentence()
def main() -> None:
    """Audit the runs that the command line names, and print a line per run."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="runs or configurations")
    parser.add_argument("--left", action="store_true", help="only list the runs that are left")
    options = parser.parse_args()
    runs, different = read_audited(options.names), 0
    left = list_left(runs)
    if options.left:
        return print(*(run.name for run in left), sep="\n")
    for row in audit(left):
        add_row(row)
        print(describe(row), flush=True)
        different += bool(row["first_difference"])
    print(f"{len(runs) - different} of {len(runs)} runs equal their records.")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
