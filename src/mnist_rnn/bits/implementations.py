"""Check that the programs for Keras, NumPy, JAX, PyTorch, C and the browser compute our bits.

`make implementations` runs this check. Each program in `implementations/` computes the known cases,
and the first steps of the default run. With `--run`, each program trains another of our runs. For
each program except Keras, the check adds a row to outputs/reproductions.csv; `make reproduce` adds
the row of Keras. The exit status is 1 if any bits differ.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from typing import NamedTuple

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.compare import compare
from mnist_rnn.bits.inputs import write_inputs
from mnist_rnn.bits.known_answers import FILE, list_cases, read_cases
from mnist_rnn.bits.ledger import DEFAULT_RUN, OWN, add_rows, describe_reproduction
from mnist_rnn.config import PAGE_CONFIG, TRAIN_SIZE, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.run import Run, read_first_steps, read_run, run_path
from mnist_rnn.system.errors import ExperimentError, one_sentence
from mnist_rnn.system.paths import COMMITTED, MNIST, ROOT

Command = Sequence[str | Path]
Epochs = Sequence[tuple[int, str | None]]  # the test errors and the weights' digest of each epoch
FOLDER = ROOT / "implementations"
EPOCH = re.compile(r"(\d+) errors of \d+ test images, weights ([0-9a-f]{64})")
PACKAGE = ROOT / "src" / "mnist_rnn"
NETWORK = ("network.py", "layers.py", "products.py", "optimization.py")
# Maps each program to the files that define its network, to its package or program, and to the
# programs with which it shares code: XLA, oneDNN or rnn.c
SOURCES = {
    "Keras": ([PACKAGE / "experiment" / name for name in NETWORK], "keras", "JAX, PyTorch"),
    "NumPy": ([Path(by_hand.__file__)], "numpy", ""),
    "JAX": ([FOLDER / "rnn_jax.py"], "jax", "Keras"),
    "PyTorch": ([FOLDER / "rnn_torch.py"], "torch", "Keras"),
    "C": ([FOLDER / "rnn.c"], "cc", "Browser"),
    "Browser": ([FOLDER / "rnn.c", PACKAGE / "web" / "learn" / "engine.c"], "chromium", "C"),
}
# The runs that programs compute, by their names in the ledger
RUNS = {name: entry.config for name, entry in read_first_steps().items()}
RUNS |= {DEFAULT_RUN: Configuration(), "learn.html": PAGE_CONFIG}


class Trained(NamedTuple):
    """A program's output and its time.

    `last` is one digest of both the final weights and the logits of 100 test images.
    """

    history: Epochs
    last: str
    seconds: float


def find_compiler() -> str:
    """Return the command of a C compiler."""
    if found := next(filter(None, map(which, ("cc", "gcc", "clang"))), None):
        return found
    raise ExperimentError("expected cc, gcc or clang, got none. Run `apt install gcc`.")


def compile_c(program: Path, *options: str, compiler: str | None = None) -> Command:
    """Compile the C program, by default for this CPU, and return the command that starts it."""
    fixed = "-O3", "-ffp-contract=off", FOLDER / "commands.c", "-lm", "-o", program
    run([compiler or find_compiler(), *(options or ["-march=native"]), *fixed])
    return [program]


def run(command: Command) -> str:
    """Run a command, and return its standard output; raise ExperimentError if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    except OSError as error:
        raise ExperimentError(str(error)) from None
    if done.returncode:
        said = done.stderr.strip()[-500:]
        raise ExperimentError(f"{command[0]} ended with {done.returncode}: {said}")
    return done.stdout


def list_epochs(run: Run) -> Epochs:
    """Return the test errors and the digest after each epoch of a record."""
    return list(zip(run.history.test_errors, run.history.weights_sha256, strict=True))


def find_difference(run: Run, history: Epochs) -> int | None:
    """Return the first epoch with other test errors or another digest than in the record."""
    pairs = enumerate(zip(list_epochs(run), history, strict=True), 1)
    return next((epoch for epoch, (known, new) in pairs if known != new), None)


def train(command: Command, config: Configuration) -> Trained:
    """Train with a program."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        write_inputs(inputs, config)
        started = time.perf_counter()
        printed = run([*command, MNIST, inputs])
        seconds = time.perf_counter() - started
    history: list = [(int(errors), digest) for errors, digest in EPOCH.findall(printed)]
    return Trained(history, printed.split()[-1], seconds)


def answer(command: Command) -> list[str]:
    """Return a sentence for each known case that a program computes wrongly."""
    known, found = read_cases(), []
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "dump.json"
        for name in list_cases(known):
            dump.write_text(run([*command, FILE, name]), encoding="utf-8")
            found.append(compare(name, read_cases(dump)[name], known))
    return [str(compared) for compared in found if compared.wrong]


def judge(trained: Trained, name: str) -> str:
    """Return the first difference from the committed digests, or "" if all digests are equal."""
    if name in read_first_steps():
        expected = read_first_steps()[name].sha256
        return "" if trained.last == expected else f"expected {expected}, got {trained.last}"
    epoch = find_difference(read_run(run_path(RUNS[name], ".json", COMMITTED)), trained.history)
    return f"from epoch {epoch} on" if epoch else ""


def find_program(
    name: str, folder: Path, peers: str | None = None
) -> tuple[Command, dict[str, str]]:
    """Return the command that starts a program, and the versions of its packages or compiler.

    `folder` is for the compiled C program. JAX and PyTorch need the interpreter `peers`.
    """
    _, package, _ = SOURCES[name]
    if name == "C":
        version = run([find_compiler(), "-dumpfullversion"]).strip()
        return compile_c(folder / "rnn"), {package: version}
    python = peers if name in ("JAX", "PyTorch") else sys.executable
    if not python:
        raise ExperimentError(f"--peers: expected a Python interpreter with {name}, got none.")
    command: Command = [python, FOLDER / f"rnn_{name.lower().removeprefix('py')}.py"]
    if name == "Browser":
        version = run([package, "--version"]).split()[1].partition(".")[0]
        return command, {"Chromium": version, "fused": "arithmetic"}
    asked = f"import platform, {package}; print(platform.python_version(), {package}.__version__)"
    python_version, version = run([python, "-c", asked]).split()
    return command, {"python": python_version, package: version.partition("+")[0]}


def say(what: str, difference: str) -> bool:
    """Print whether a result is equal to the committed one, and return it."""
    print(f"{what}: DIFFERENT: {difference}" if difference else f"{what}: equal", flush=True)
    return not difference


@one_sentence()
def main() -> None:
    """Run each program, print a line per run, and add rows to outputs/reproductions.csv."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    names = f"the programs to check: {', '.join(SOURCES)} (default: all but Browser)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    runs = f"a run to train: {', '.join(RUNS)} (default: sgd)"
    parser.add_argument("--run", action="append", choices=RUNS, metavar="RUN", help=runs)
    parser.add_argument("--peers", help="the path of a Python interpreter with JAX and PyTorch")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in SOURCES]:
        parser.error(f"expected names from {list(SOURCES)}, got '{unknown[0]}'")
    made_with, equal = describe_environment(None), True
    load_mnist()
    for name in options.names or list(SOURCES)[:-1]:
        with tempfile.TemporaryDirectory() as folder:
            command, versions = find_program(name, Path(folder), options.peers)
            equal &= say(f"{name}, known answers", " ".join(answer(command)))
            for chosen in options.run or ["sgd"]:
                config, trained = RUNS[chosen], train(command, RUNS[chosen])
                took = f"{name}, {chosen}, {trained.seconds:.0f} s"
                equal &= (same := say(took, judge(trained, chosen)))
                if name == "Keras":
                    continue  # `make reproduce` adds the row of Keras
                whole = config.train_size == TRAIN_SIZE
                seconds = trained.seconds / config.epochs if whole else None
                row = describe_reproduction(name, made_with, {chosen: same}, seconds, versions)
                add_rows(OWN, [row])
    print("Rows for the ledger:", OWN)
    raise SystemExit(not equal)


if __name__ == "__main__":
    main()
