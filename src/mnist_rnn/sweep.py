"""Make the missing runs of claims.csv with Snakemake, by our code or an original's.

`python -m mnist_rnn.sweep` trains with our code; with `--dry-run`, it only lists the runs. `--code
keras` runs that original's code instead, and `--python` selects the interpreter for it. All other
arguments are passed to Snakemake.
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
    name_configuration,
    read_run,
    run_path,
    what_outdates,
)

START = 5 * 10**11  # products that take 20 seconds, as long as a run without its training


class Planned(NamedTuple):
    """A run that claims.csv requires."""

    code: Code
    config: Configuration

    @property
    def name(self) -> str:
        """Return the name of its configuration, as in the tables."""
        return name_configuration(self.config, self.code)

    def path(self, suffix: str, results: Path = RESULTS) -> Path:
        """Return the path of its file with this suffix."""
        return run_path(self.config, suffix, results, self.code)


def plan_runs(claims: Sequence[Claim], code: Code = "ours") -> list[Planned]:
    """Return each run once, in starting order: by seed, and the longest first within a seed."""
    runs = dict.fromkeys(
        Planned(code, claim.config.model_copy(update={"seed": seed}))
        for claim in claims
        if claim.answered_by == code
        for seed in range(claim.seeds)
    )
    return sorted(runs, key=lambda run: (run.config.seed, -count_products(run.config)))


def why_pending(run: Planned, results: Path = RESULTS) -> str | None:
    """Return why a run must be made, or None if its record has today's data, code and versions."""
    path = run.path(".json", results)
    if not path.exists():
        return "no record"
    try:
        changed = what_outdates(read_run(path))
    except RecordError as error:
        return str(error)
    return f"made with different {', '.join(changed)}" if changed else None


def describe_progress(left: Collection[Planned], runs: Collection[Planned], seconds: float) -> str:
    """Return how many runs of a sweep are finished, and an estimate of the remaining time.

    The cost of a run is its number of multiplications, plus START for all but training.
    """
    costs = (sum(START + count_products(run.config) for run in some) for some in (left, runs))
    share = next(costs) / next(costs)
    rest = timedelta(seconds=round(seconds * share / (1 - share)))
    return f"{len(runs) - len(left)} of {len(runs)} runs finished, about {rest} to go"


def stop_runs(*_: object) -> None:
    """Interrupt Snakemake and its runs, as a terminal does.

    If only Snakemake were interrupted, it would wait for its runs. After SIGTERM, it would wait for
    ever.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)


def make_runs(runs: Collection[Planned], arguments: Sequence[str] = ()) -> bool:
    """Make the runs, print the progress, and return whether all are finished."""
    logs = {run: RESULTS / "executed" / run.name / f"seed-{run.config.seed}.log" for run in runs}
    try:
        (RESULTS / "executed").mkdir(parents=True, exist_ok=True)
        for log in logs.values():
            log.unlink(missing_ok=True)  # an old log would look as if this sweep started the run
    except OSError as error:
        raise SystemExit(f"{error.filename} can't be written: {error.strerror}.") from None
    records = [str(run.path(".json").relative_to(RESULTS)) for run in runs]
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"]
    command += ["--directory", str(RESULTS), *arguments, "--forcerun", *records, "--", *records]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # for Snakemake: a shell's `&` has disabled it
    with subprocess.Popen(command, cwd=ROOT) as snakemake:
        signal.signal(signal.SIGTERM, stop_runs)
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl+C reaches Snakemake: wait until it stops
        start, left = time.monotonic(), list(runs)
        while snakemake.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                snakemake.wait(timeout=20)  # not less: reading the records takes a second
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
    """List the runs to make and why, then make them; exit with status 1 if a run fails."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--dry-run", action="store_true", help="list the runs, and make none")
    parser.add_argument("--code", choices=get_args(Code), default="ours", help="the code to run")
    parser.add_argument("--python", default=sys.executable, help="the interpreter for this code")
    parser.add_argument("--cores", "-c", help="the number of runs at once, or all")
    options, arguments = parser.parse_known_args()
    if options.cores is not None:  # with 0 cores, Snakemake would wait for ever
        if options.cores != "all" and not re.fullmatch("0*[1-9][0-9]*", options.cores):
            raise SystemExit(
                f"--cores: expected a whole number from 1, or all, got {options.cores}."
            )
        arguments += ["--cores", options.cores]
    if (python := shutil.which(options.python)) is None:
        raise SystemExit(f"--python: expected an interpreter, got {options.python}.")
    try:
        claims = read_claims()
        read_curves(claims)  # if the curves were wrong, every run would fail
    except ClaimError as error:
        raise SystemExit(str(error)) from None
    runs = plan_runs(claims, options.code)
    pending = {run: reason for run in runs if (reason := why_pending(run))}
    for run, reason in pending.items():
        print(f"{run.name}, seed {run.config.seed}: {reason}")
    print(f"{len(pending)} of {len(runs)} runs to make", flush=True)
    if pending and not options.dry_run:
        arguments += ["--config", f"python={Path(python).absolute()}"]  # for runs in any folder
        raise SystemExit(not make_runs(pending, arguments))


if __name__ == "__main__":
    main()
