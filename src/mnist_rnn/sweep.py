"""Every run of claims.csv, ours and the originals': what is missing is made by Snakemake.

`python -m mnist_rnn.sweep` trains ours, with `--dry-run` it only says what it would train. `--code
keras` makes runs of that original's code instead, with `--python` by an environment of its own.
All other arguments are Snakemake's.
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
from mnist_rnn.paths import RESULTS, ROOT, shown
from mnist_rnn.records.run import (
    Code,
    count_products,
    name_configuration,
    read_run,
    run_path,
    what_outdates,
)


class Planned(NamedTuple):
    """A run that claims ask for."""

    code: Code
    config: Configuration

    @property
    def name(self) -> str:
        """The name of its configuration, as in the tables."""
        return name_configuration(self.config, self.code)

    def path(self, suffix: str, results: Path = RESULTS) -> Path:
        """Where it is kept."""
        return run_path(self.config, suffix, results, self.code)


def plan_runs(claims: Sequence[Claim], code: Code = "ours") -> list[Planned]:
    """Each run once, in the order to start them: low seeds first, of one seed the longest first."""
    runs = dict.fromkeys(
        Planned(code, claim.config.model_copy(update={"seed": seed}))
        for claim in claims
        if claim.answered_by == code
        for seed in range(claim.seeds)
    )
    return sorted(runs, key=lambda run: (run.config.seed, -count_products(run.config)))


def why_pending(run: Planned, results: Path = RESULTS) -> str | None:
    """Why a run has to be made; None if its record has today's data, code and versions."""
    path = run.path(".json", results)
    if not path.exists():
        return "no record"
    try:
        changed = what_outdates(read_run(path))
    except RecordError as error:
        return str(error)
    return f"made with other {', '.join(changed)}" if changed else None


def describe_progress(left: Collection[Planned], runs: Collection[Planned], seconds: float) -> str:
    """How far a sweep is after so many seconds, and how long the rest will take by its cost."""
    costs = (sum(count_products(run.config) for run in some) for some in (left, runs))
    share = next(costs) / next(costs)
    rest = timedelta(seconds=round(seconds * share / (1 - share)))
    return f"{len(runs) - len(left)} of {len(runs)} runs finished, about {rest} to go"


def stop_runs(*_: object) -> None:
    """Interrupt Snakemake and its runs, as a terminal does.

    If only Snakemake were interrupted, it would wait for its runs to end; after SIGTERM, for ever.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)


def make_runs(runs: Collection[Planned], arguments: Sequence[str] = ()) -> bool:
    """Make the runs, saying how far it is and how long it will take; whether all are finished."""
    logs = {run: RESULTS / "executed" / run.name / f"seed-{run.config.seed}.log" for run in runs}
    try:
        (RESULTS / "executed").mkdir(parents=True, exist_ok=True)
        for log in logs.values():
            log.unlink(missing_ok=True)  # an earlier sweep's, as if this one had started the run
    except OSError as error:
        raise SystemExit(f"{error.filename} can't be written: {error.strerror}.") from None
    records = [str(run.path(".json").relative_to(RESULTS)) for run in runs]
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"]
    command += ["--directory", str(RESULTS), *arguments, "--forcerun", *records, "--", *records]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # for Snakemake: a script's `&` ignores it
    with subprocess.Popen(command, cwd=ROOT) as snakemake:
        signal.signal(signal.SIGTERM, stop_runs)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells Snakemake too
        start, left = time.monotonic(), list(runs)
        while snakemake.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                snakemake.wait(timeout=20)  # to read the outdated records takes a second
            before, left = left, [run for run in left if why_pending(run)]
            if len(left) < len(before):
                print(describe_progress(left, runs, time.monotonic() - start), flush=True)
    started = [run for run in left if logs[run].exists()]
    for run in started:
        print(f"Not finished: {run.name}, seed {run.config.seed}; see {shown(logs[run])}")
    if waiting := len(left) - len(started):
        print(f"Not started: {waiting} of {len(runs)} runs")
    return not left


def main() -> None:
    """Say what has to be made and why, then make it; exit status 1 if a run fails."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--dry-run", action="store_true", help="make nothing")
    parser.add_argument("--code", choices=get_args(Code), default="ours", help="whose code runs")
    parser.add_argument("--python", default=sys.executable, help="that has what this code imports")
    parser.add_argument("--cores", "-c", help="at most so many runs at once")
    options, arguments = parser.parse_known_args()
    if options.cores is not None:  # with none, Snakemake waits for ever
        if options.cores != "all" and not re.fullmatch("0*[1-9][0-9]*", options.cores):
            raise SystemExit(
                f"--cores: expected a whole number from 1, or all, got {options.cores}."
            )
        arguments += ["--cores", options.cores]
    if (python := shutil.which(options.python)) is None:
        raise SystemExit(f"--python: expected an interpreter, got {options.python}.")
    try:
        claims = read_claims()
        read_curves(claims)  # which each run would miss
    except ClaimError as error:
        raise SystemExit(str(error)) from None
    runs = plan_runs(claims, options.code)
    pending = {run: reason for run in runs if (reason := why_pending(run))}
    for run, reason in pending.items():
        print(f"{run.name}, seed {run.config.seed}: {reason}")
    print(f"{len(pending)} of {len(runs)} runs to make", flush=True)
    if pending and not options.dry_run:
        arguments += ["--config", f"python={Path(python).absolute()}"]  # runs start elsewhere
        raise SystemExit(not make_runs(pending, arguments))


if __name__ == "__main__":
    main()
