"""Every published configuration with every seed: what is missing is trained by Snakemake.

`python -m mnist_rnn.claims.sweep` trains, with `--dry-run` it only says what it would train. All
other arguments are Snakemake's.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil

from mnist_rnn.claims.published import Claim, load_claims, read_claims, read_numbers
from mnist_rnn.config import FEATURES, Configuration
from mnist_rnn.data.mnist import DATA_SHA256
from mnist_rnn.errors import ClaimError, RecordError
from mnist_rnn.experiment.draws import GATES
from mnist_rnn.paths import RESULTS, ROOT, shown
from mnist_rnn.records.environment import digest_code, find_versions, what_decides_bits
from mnist_rnn.records.record import read_record, run_path


def plan_runs(claims: Sequence[Claim]) -> list[Configuration]:
    """Each run once, in the order to start them: low seeds first, of one seed the longest first."""
    runs = dict.fromkeys(
        claim.config.model_copy(update={"seed": seed})
        for claim in claims
        if claim.answered_by == "ours"
        for seed in range(claim.seeds)
    )
    return sorted(runs, key=lambda run: (run.seed, -estimate_cost(run)))


def estimate_cost(run: Configuration) -> int:
    """Products of a timestep times images shown, a measure of the time that a run takes."""
    return GATES[run.layer] * run.units * (FEATURES + run.units) * run.train_size * run.epochs


def why_pending(run: Configuration, results: Path = RESULTS) -> str | None:
    """Why a run has to be trained; None if its record has today's data, code and versions."""
    path = run_path(run, ".json", results)
    if not path.exists():
        return "no record"
    try:
        record = read_record(path)
    except RecordError as error:
        return str(error)
    then = {"data": record.data_sha256} | what_decides_bits(record.environment)
    now = {"data": DATA_SHA256, "code": digest_code()} | find_versions()
    changed = [name for name in now if then[name] != now[name]]
    return f"made with other {', '.join(changed)}" if changed else None


def describe_progress(
    left: Collection[Configuration], runs: Collection[Configuration], seconds: float
) -> str:
    """How far a sweep is after so many seconds, and how long the rest will take by its cost."""
    share = sum(map(estimate_cost, left)) / sum(map(estimate_cost, runs))
    rest = timedelta(seconds=round(seconds * share / (1 - share)))
    return f"{len(runs) - len(left)} of {len(runs)} runs finished, about {rest} to go"


def stop_runs(*_: object) -> None:
    """Interrupt Snakemake and its runs, as a terminal does.

    If only Snakemake were interrupted, it would wait for its runs to end; after SIGTERM, for ever.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)


def train_runs(runs: Collection[Configuration], arguments: Sequence[str] = ()) -> bool:
    """Train the runs, saying how far it is and how long it will take; whether all are finished."""
    logs = {run: RESULTS / "executed" / run.name / f"seed-{run.seed}.log" for run in runs}
    for log in logs.values():
        log.unlink(missing_ok=True)  # an earlier sweep's, as if this one had started the run
    records = [run_path(run, ".json", RESULTS).relative_to(RESULTS) for run in runs]
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"]
    command += ["--forcerun", *map(str, records), "--directory", str(RESULTS), *arguments]
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
        print(f"Not finished: {run.name}, seed {run.seed}; see {shown(logs[run])}")
    if waiting := len(left) - len(started):
        print(f"Not started: {waiting} of {len(runs)} runs")
    return not left


def main() -> None:
    """Say what has to be trained and why, then train it; exit status 1 if a run fails."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--dry-run", action="store_true", help="train nothing")
    options, arguments = parser.parse_known_args()
    try:
        runs = plan_runs(read_claims())
        read_numbers(load_claims())  # the curves too, which each run would miss
    except ClaimError as error:
        raise SystemExit(str(error)) from None
    pending = {run: reason for run in runs if (reason := why_pending(run))}
    for run, reason in pending.items():
        print(f"{run.name}, seed {run.seed}: {reason}")
    print(f"{len(pending)} of {len(runs)} runs to train", flush=True)
    if pending and not options.dry_run:
        raise SystemExit(not train_runs(pending, arguments))


if __name__ == "__main__":
    main()
