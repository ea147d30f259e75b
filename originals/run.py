"""Runs the originals' own code, as many at once as there are cores: `make originals`.

Each run is a process on one core, and a file in results/originals. A run whose file is there, made
by this code from this data, is not run again, so a stopped command goes on. What a run prints is in
results/executed/originals. A change of a script, even of its text, makes its runs outdated.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import numpy as np

from mnist_rnn.claims.originals import ORIGINALS, Original, read_original
from mnist_rnn.config import TRAIN_SIZE
from mnist_rnn.data import DATA_SHA256, load_mnist
from mnist_rnn.errors import ExperimentError, RecordError
from mnist_rnn.files import write_text
from mnist_rnn.paths import RESULTS, shown
from mnist_rnn.records.environment import describe_environment

# The script of each kind of run, and what it imports from beside it.
SCRIPTS = {
    "keras": ["keras_notebook.py"],
    "pytorch": ["pytorch_notebook.py"],
    "seeded": ["seeded_notebook.py", "keras_notebook.py"],
}
EPOCHS = {"keras": 20, "pytorch": 10, "seeded": 20}
LOGS = RESULTS / "executed" / "originals"


def why_pending(path: Path, expected: dict[str, object]) -> str | None:
    """Why a run has to be made, or None; `expected` has values that its file must hold."""
    if not path.exists():
        return "no run"
    try:
        run = read_original(path)
    except RecordError as error:
        return str(error)
    changed = [name for name, value in expected.items() if getattr(run, name) != value]
    return f"made with other {', '.join(changed)}" if changed else None


def digest_script(kind: str) -> str:
    """SHA-256 of the script, and of what it imports from beside it."""
    files = (Path(__file__).with_name(name).read_bytes() for name in SCRIPTS[kind])
    return hashlib.sha256(b"".join(files)).hexdigest()


class Run:
    """One run: a process on a core, whose measurements become a file when it has ended well."""

    def __init__(self, name: str, pythons: dict, data: Path, epochs: dict, core: int) -> None:
        """Start it; the process inherits the core."""
        self.name, self.core = name, core
        self.kind, seed = name.split("-")  # the seed; the other kinds ignore it
        script = Path(__file__).with_name(SCRIPTS[self.kind][0])
        environment = describe_environment(threads=1)
        self.about = environment.model_dump(include={"commit", "clean", "cpu"}) | {
            "kind": self.kind,
            "code_sha256": digest_script(self.kind),
            "data_sha256": DATA_SHA256,
        }
        self.output = data.with_name(f"{name}.json")
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
        try:
            with (LOGS / f"{name}.log").open("w") as log:
                command = [pythons[self.kind], script, data]
                command += [str(epochs[self.kind]), self.output, seed]
                self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        finally:
            os.sched_setaffinity(0, cores)

    def keep(self) -> Original | None:
        """Write the run's file, whole or not at all; None if the process failed."""
        if self.process.returncode:
            return None
        measured = json.loads(self.output.read_text(encoding="utf-8"))
        run = Original.model_validate(measured | self.about)
        write_text(ORIGINALS / f"{self.name}.json", run.model_dump_json(indent=1) + "\n")
        return run


def train_runs(names: list[str], pythons: dict, data: Path, epochs: dict) -> bool:
    """Make the runs, one a core at a time; whether all ended well."""
    waiting, running, good = list(names), [], True
    free = sorted(os.sched_getaffinity(0))
    try:
        while waiting or running:
            while waiting and free:
                running.append(Run(waiting.pop(0), pythons, data, epochs, free.pop()))
            time.sleep(0.2)
            for run in [run for run in running if run.process.poll() is not None]:
                running.remove(run)
                free.append(run.core)
                if made := run.keep():
                    errors, seconds = made.test_errors[-1], made.seconds
                    print(f"{run.name}: {errors} test errors, {seconds:.0f} s", flush=True)
                else:
                    good = False
                    print(f"Not finished: {run.name}; see {shown(LOGS / run.name)}.log", flush=True)
    finally:
        for run in running:
            run.process.kill()
            run.process.wait()
    return good


def number(least: int, most: int) -> Callable[[str], int]:
    """A reader of an option: a whole number in this range."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected {least} to {most}, got {text!r}")
        return int(text)

    return read


def read_options() -> argparse.Namespace:
    """The command's options; wrong ones end it with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.error = lambda message: sys.exit(f"{message}.")
    parser.add_argument("--peers", type=Path, help="Python that has PyTorch")
    parser.add_argument("--keras", type=number(0, 100), default=40, help="runs (default 40)")
    parser.add_argument("--pytorch", type=number(0, 100), default=10, help="runs (default 10)")
    parser.add_argument("--seeded", type=number(0, 100), default=10, help="runs (default 10)")
    parser.add_argument("--epochs", type=number(1, 1000), help="fewer, for a trial")
    parser.add_argument("--train-size", type=number(1, TRAIN_SIZE), default=TRAIN_SIZE,
                        help="fewer images, for a trial")  # fmt: skip
    options = parser.parse_args()
    trial = options.epochs is not None or options.train_size != TRAIN_SIZE
    if trial and not os.environ.get("MNIST_RNN_RESULTS"):
        parser.error("A trial needs a folder of its own: set MNIST_RNN_RESULTS")
    if options.pytorch and not (options.peers and options.peers.is_file()):
        parser.error(f"argument --peers: expected a Python that has PyTorch, got {options.peers}")
    return options


def main() -> None:
    """Make the runs that are missing; exit status 1 if one fails."""
    options = read_options()
    epochs = EPOCHS if options.epochs is None else dict.fromkeys(EPOCHS, options.epochs)
    kinds = [[f"{kind}-{i:02d}" for i in range(getattr(options, kind))] for kind in SCRIPTS]
    names = [name for pair in zip_longest(*kinds) for name in pair if name]
    expected = {"data_sha256": DATA_SHA256, "train_size": options.train_size}
    pending = []
    for name in names:
        kind = name.split("-")[0]
        own = {"epochs": epochs[kind], "code_sha256": digest_script(kind)}
        if reason := why_pending(ORIGINALS / f"{name}.json", expected | own):
            print(f"{name}: {reason}")
            pending.append(name)
    print(f"{len(pending)} of {len(names)} runs to make", flush=True)
    if not pending:
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the runs are ended too
    pythons = dict.fromkeys(SCRIPTS, sys.executable) | {"pytorch": options.peers}
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "mnist.npz"
            (x_train, y_train), (x_test, y_test) = load_mnist()
            size = options.train_size
            np.savez(
                data, x_train=x_train[:size], y_train=y_train[:size], x_test=x_test, y_test=y_test
            )
            good = train_runs(pending, pythons, data, epochs)
    except ExperimentError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; the same command goes on.")
    sys.exit(not good)


if __name__ == "__main__":
    main()
