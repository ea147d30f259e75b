"""Train the missing and outdated runs of claims.csv with Snakemake.

`python -m mnist_rnn.sweep` runs our code. The option `--dry-run` lists the runs without training
them. The option `--code keras` runs the code of the original Keras notebook instead of our code.
The option `--python` selects the Python interpreter that runs the code. All other arguments are
passed to Snakemake.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, get_args

import psutil

from mnist_rnn.analysis.claims import Claim, read_claims, read_curves
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ClaimError, RecordError
from mnist_rnn.paths import RESULTS, ROOT, located
from mnist_rnn.records.run import (
    Code,
    count_products,
    find_outdated,
    name_configuration,
    read_run,
    run_path,
)

START = 5 * 10**11  # a run needs 20 seconds besides training, the time of this many multiplications


class Planned(NamedTuple):
    """A run that claims.csv requires."""

    code: Code
    config: Configuration

    @property
    def name(self) -> str:
        """Return the name of the configuration, as used in folders and tables."""
        return name_configuration(self.config, self.code)

    def path(self, suffix: str, folder: Path = RESULTS) -> Path:
        """Return the path of the run's file with this suffix, such as `.json`."""
        return run_path(self.config, suffix, folder, self.code)


def plan_runs(claims: Sequence[Claim], code: Code = "ours") -> list[Planned]:
    """Return the runs that the claims require, without duplicates, in starting order.

    The runs are sorted by seed. Among the runs with one seed, the longest run comes first.
    """
    runs = dict.fromkeys(
        Planned(code, claim.config.model_copy(update={"seed": seed}))
        for claim in claims
        if claim.answered_by == code
        for seed in range(claim.seeds)
    )
    return sorted(runs, key=lambda run: (run.config.seed, -count_products(run.config)))


def why_pending(run: Planned, folder: Path = RESULTS) -> str | None:
    """Return why a run must be trained, or None if its record is up to date."""
    path = run.path(".json", folder)
    if not path.exists():
        return "no record"
    try:
        changed = find_outdated(read_run(path))
    except RecordError as error:
        return str(error)
    return f"the record was made with different {', '.join(changed)}" if changed else None


def describe_progress(left: Collection[Planned], runs: Collection[Planned], seconds: float) -> str:
    """Return how many runs of a sweep are finished, and an estimate of the remaining time.

    The time of a run is estimated from its number of multiplications plus `START`.
    """
    costs = (sum(START + count_products(run.config) for run in some) for some in (left, runs))
    share = next(costs) / next(costs)
    rest = timedelta(seconds=round(seconds * share / (1 - share)))
    return f"{len(runs) - len(left)} of {len(runs)} runs finished, about {rest} to go"


def stop_runs(*_: object) -> None:
    """Send SIGINT to Snakemake and all of its runs, as Ctrl+C in a terminal does.

    If only Snakemake received SIGINT, it would wait for its runs. After SIGTERM, Snakemake would
    wait for ever.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)


def make_runs(runs: Collection[Planned], arguments: Sequence[str] = ()) -> bool:
    """Train the runs, print the progress, and return whether all runs are finished."""
    logs = {run: RESULTS / "executed" / run.name / f"seed-{run.config.seed}.log" for run in runs}
    try:
        (RESULTS / "executed").mkdir(parents=True, exist_ok=True)
        for log in logs.values():
            log.unlink(missing_ok=True)  # a log shows that this sweep has started a run
    except OSError as error:
        raise SystemExit(f"{error.filename} can't be written: {error.strerror}.") from None
    records = [str(run.path(".json").relative_to(RESULTS)) for run in runs]
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"]
    command += ["--directory", str(RESULTS), *arguments, "--forcerun", *records, "--", *records]
    # A shell's `&` disables SIGINT, but Snakemake needs SIGINT.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=ROOT) as snakemake:
        signal.signal(signal.SIGTERM, stop_runs)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C stops Snakemake, but not this process
        start, left = time.monotonic(), list(runs)
        while snakemake.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                snakemake.wait(timeout=20)  # seconds until the next check, which takes a second
            before, left = left, [run for run in left if why_pending(run)]
            if len(left) < len(before):
                print(describe_progress(left, runs, time.monotonic() - start), flush=True)
    started = [run for run in left if logs[run].exists()]
    for run in started:
        print(f"Not finished: {run.name}, seed {run.config.seed}; see {located(logs[run])}")
    if waiting := len(left) - len(started):
        print(f"Not started: {waiting} of {len(runs)} runs")
    return not left


def main() -> None:
    """List the runs that must be trained, then train them.

    If a run fails, the exit status is 1.
    """
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--dry-run", action="store_true", help="only list the runs that must be trained"
    )
    parser.add_argument(
        "--code", choices=get_args(Code), default="ours", help="the code that computes the runs"
    )
    parser.add_argument(
        "--python", default=sys.executable, help="the Python interpreter that runs the code"
    )
    parser.add_argument(
        "--cores", "-c", help="the number of runs that train at the same time, or `all`"
    )
    options, arguments = parser.parse_known_args()
    if options.cores is not None:  # with 0 cores, Snakemake would wait for ever
        if options.cores != "all" and not re.fullmatch("0*[1-9][0-9]*", options.cores):
            raise SystemExit(
                f"--cores: expected a whole number above 0, or `all`, got {options.cores}."
            )
        arguments += ["--cores", options.cores]
    if (python := shutil.which(options.python)) is None:
        raise SystemExit(f"--python: expected a Python interpreter, got {options.python}.")
    try:
        claims = read_claims()
        read_curves(claims)  # a wrong curve would make every run fail
    except ClaimError as error:
        raise SystemExit(str(error)) from None
    runs = plan_runs(claims, options.code)
    pending = {run: reason for run in runs if (reason := why_pending(run))}
    for run, reason in pending.items():
        print(f"{run.name}, seed {run.config.seed}: {reason}")
    print(f"{len(pending)} of {len(runs)} runs must be trained", flush=True)
    if pending and not options.dry_run:
        # The path must be absolute, because Snakemake works in another folder.
        arguments += ["--config", f"python={Path(python).absolute()}"]
        raise SystemExit(not make_runs(pending, arguments))


if __name__ == "__main__":
    main()
