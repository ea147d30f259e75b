"""Train the missing and outdated runs of claims.csv with Snakemake.

`python -m mnist_rnn.sweep` runs our code. The option `--dry-run` lists the runs without training
them. The option `--code keras` runs the code of the original Keras notebook instead of our code.
All arguments that are not listed below are passed to Snakemake.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, get_args

import psutil

from mnist_rnn.analysis.claims import Claim, read_claims, read_curves
from mnist_rnn.config import Code, Configuration, count_products, name_configuration
from mnist_rnn.records.run import find_outdated, read_run, run_path
from mnist_rnn.system.errors import RecordError, one_sentence
from mnist_rnn.system.paths import RESULTS, ROOT


class Planned(NamedTuple):
    """A run that claims.csv requires."""

    code: Code
    config: Configuration

    @property
    def name(self) -> str:
        """Return the name of the configuration, as used in folders and tables."""
        return name_configuration(self.config, self.code)

    @property
    def cost(self) -> int:
        """Return the run's multiplications, plus as many as 20 seconds of other work would take."""
        return 5 * 10**11 + count_products(self.config)

    def path(self, suffix: str, folder: Path = RESULTS) -> Path:
        """Return the path of the run's file with this suffix, such as `.json`."""
        return run_path(self.config, suffix, folder, self.code)

    def log(self, folder: Path = RESULTS) -> Path:
        """Return the path of the run's log, which shows that a sweep has started the run."""
        return folder / "executed" / self.name / f"seed-{self.config.seed}.log"

    def count_epochs(self) -> int:
        """Return the number of finished epochs in the log of an unfinished run."""
        text = self.log().read_text(errors="replace") if self.log().exists() else ""
        return int([0, *re.findall(r"(\d+) of \d+ epochs", text)][-1])


def plan_runs(claims: Sequence[Claim], code: Code = "ours") -> list[Planned]:
    """Return the runs that the claims require, sorted by seed, then from long to short."""
    runs = dict.fromkeys(
        Planned(code, claim.config.model_copy(update={"seed": seed}))
        for claim in claims
        if claim.answered_by == code
        for seed in range(claim.seeds)
    )
    return sorted(runs, key=lambda run: (run.config.seed, -run.cost))


def why_pending(run: Planned, folder: Path = RESULTS) -> str | None:
    """Return why a run must be trained, or None if its record is up to date."""
    path = run.path(".json", folder)
    if path.exists():
        try:
            changed = find_outdated(read_run(path))
        except RecordError as error:
            return str(error)
        return f"the record was made with different {', '.join(changed)}" if changed else None
    traces = (run.log(folder), run.path(".checkpoint", folder))
    if times := [trace.stat().st_mtime for trace in traces if trace.exists()]:
        return f"started; its last output is of {datetime.fromtimestamp(max(times)):%d %B, %H:%M}"
    return "no record"


def describe_progress(left: Mapping[Planned, int], runs: Collection[Planned], time: float) -> str:
    """Return how much is finished; `left` maps each unfinished run to its finished epochs."""
    cost = sum(run.cost * (1 - epochs / run.config.epochs) for run, epochs in left.items())
    share = 1 - cost / sum(run.cost for run in runs)
    rest = timedelta(seconds=round(time * (1 - share) / share)) if share else "unknown time"
    finished = f"{len(runs) - len(left)} of {len(runs)} runs finished"
    return f"{finished}, {share:.1%} of the work, about {rest} to go"


def stop_runs(*_: object) -> None:
    """Send SIGINT to Snakemake and its runs, as Ctrl+C does. After SIGTERM, they would not end."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    raise KeyboardInterrupt


def make_runs(runs: Collection[Planned], arguments: Sequence[str] = ()) -> str:
    """Train the runs, print the progress, and return which runs are unfinished, or ""."""
    log = RESULTS / "executed" / "sweep.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    for run in runs:
        run.log().unlink(missing_ok=True)
    records = [str(run.path(".json").relative_to(RESULTS)) for run in runs]
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"]
    command += ["--directory", str(RESULTS), *arguments, "--forcerun", *records, "--", *records]
    start, left, pause = time.monotonic(), dict.fromkeys(runs, 0), 1
    # A shell's `&` disables SIGINT, but Snakemake needs SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with log.open("w") as out, subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out) as child:
        signal.signal(signal.SIGTERM, stop_runs)
        try:
            while child.poll() is None:
                pause = min(2 * pause, 30)  # seconds until the next check, which takes a second
                with suppress(subprocess.TimeoutExpired):
                    child.wait(pause)
                before, left = left, {run: run.count_epochs() for run in left if why_pending(run)}
                if left != before:
                    print(describe_progress(left, runs, time.monotonic() - start), flush=True)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            child.wait()
            return f"Stopped with {len(left)} runs to go. The same command continues."
    started = [run for run in left if run.log().exists()]
    lines = [f"Not finished: {r.name}/{r.config.seed}; see {r.log()}" for r in started]
    if waiting := len(left) - len(started):
        reason = log.read_text(errors="replace").strip().rpartition("\n")[-1]
        lines.append(f"Not started: {waiting} of {len(runs)} runs; see {log}: {reason}")
    return "\n".join(lines)


@one_sentence()
def main() -> None:
    """List the runs that must be trained, then train them; the exit status is 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--dry-run", action="store_true", help="only list the runs that must be trained")
    add("--code", choices=get_args(Code), default="ours", help="the code that computes the runs")
    add("--python", default=sys.executable, help="the Python interpreter that runs the code")
    add("--cores", "-c", default="all", help="how many runs train at the same time, or `all`")
    add("--profile", default="default", help="a folder in workflow/profiles, such as `slurm`")
    options, arguments = parser.parse_known_args()
    profile = ROOT / "workflow" / "profiles" / options.profile / "config.yaml"
    python = shutil.which(options.python)
    if not re.fullmatch("all|0*[1-9][0-9]*", options.cores):  # 0 cores would wait for ever
        raise SystemExit(f"--cores: expected `all` or a number above 0, got {options.cores}.")
    if python is None:
        raise SystemExit(f"--python: expected a Python interpreter, got {options.python}.")
    if not profile.is_file():
        raise SystemExit(f"--profile: expected `slurm` or another profile, got {options.profile}.")
    if "executor: slurm" in profile.read_text() and not shutil.which("sbatch"):
        raise SystemExit(f"--profile {options.profile}: expected Slurm, got no command sbatch.")
    claims = read_claims()
    read_curves(claims)  # a wrong curve would make every run fail
    runs = plan_runs(claims, options.code)
    pending = {run: reason for run in runs if (reason := why_pending(run))}
    for run, reason in pending.items():
        print(f"{run.name}/{run.config.seed}: {reason}")
    print(f"{len(pending)} of {len(runs)} runs must be trained", flush=True)
    if pending and not options.dry_run:
        # The paths must be absolute, because Snakemake works in another folder.
        arguments += ["--cores", options.cores, "--profile", str(profile.parent)]
        arguments += ["--config", f"python={Path(python).absolute()}"]
        raise SystemExit(make_runs(pending, arguments) or 0)


if __name__ == "__main__":
    main()
