"""Check that C, NumPy, JAX and PyTorch compute the committed bits: `make implementations`.

Each program in `implementations/` computes the known cases and the first steps of the default run,
or with `--whole` the whole run. It writes a record for the ledger. The exit status is 1 if bits
differ.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import NamedTuple

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.compare import compare
from mnist_rnn.bits.inputs import write_inputs
from mnist_rnn.bits.known_answers import FILE, list_cases, read_cases
from mnist_rnn.bits.ledger import (
    FIRST_STEPS,
    WHOLE_RUN,
    describe_reproduction,
    write_reproduction,
)
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.paths import COMMITTED, MNIST, OUTPUTS, ROOT, located
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.run import read_run, run_path

FOLDER = ROOT / "implementations"
# For each program, the file with the network, and the package or compiler that it needs.
SOURCES = {
    "C": (FOLDER / "rnn.c", "cc"),
    "NumPy": (Path(by_hand.__file__), "numpy"),
    "JAX": (FOLDER / "rnn_jax.py", "jax"),
    "PyTorch": (FOLDER / "rnn_torch.py", "torch"),
}
FIRST = Configuration(train_size=224, epochs=2)
EPOCH = re.compile(r"(\d+) errors of \d+ test images, weights ([0-9a-f]{64})")


class Trained(NamedTuple):
    """The output of a program: test errors and digests by epoch, and the digest with the logits."""

    errors: list[int]
    digests: list[str]
    last: str
    seconds: float


def find_compiler() -> list[str]:
    """Return the command of a C compiler.

    Raises:
        ExperimentError: no compiler is installed.
    """
    if found := which("cc") or which("gcc") or which("clang"):
        return [found]
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise ExperimentError(
        "cc: expected a C compiler, got none. Run `apt install gcc` or "
        "`pip install --group engine`."
    )


def compile_c(program: Path, *options: str) -> list[str | Path]:
    """Compile the program in C, by default for this CPU, and return its command."""
    source = FOLDER / "commands.c"
    options = options or ("-march=native",)
    fixed = ("-O3", "-ffp-contract=off")
    ask([*find_compiler(), *fixed, *options, str(source), "-lm", "-o", str(program)])
    return [program]


def ask(command: Sequence[str | Path]) -> str:
    """Return the output of a command.

    Raises:
        ExperimentError: the command failed.
    """
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        return done.stdout
    except OSError as error:
        raise ExperimentError(str(error)) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip()[-500:]
        raise ExperimentError(f"{command[0]} ended with {error.returncode}: {said}") from None


def train(command: Sequence[str | Path], config: Configuration) -> Trained:
    """Train with a program; the time includes its start and compilation."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        write_inputs(inputs, config)
        started = time.perf_counter()
        printed = ask([*command, MNIST, inputs])
        seconds = time.perf_counter() - started
    epochs = EPOCH.findall(printed)
    errors, digests = [int(epoch[0]) for epoch in epochs], [epoch[1] for epoch in epochs]
    return Trained(errors, digests, printed.split()[-1], seconds)


def answer(command: Sequence[str | Path]) -> list[str]:
    """Return a sentence for each known case that a program computes differently."""
    known, found = read_cases(), []
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "dump.json"
        for name in list_cases():
            dump.write_text(ask([*command, FILE, name]), encoding="utf-8")
            found.append(compare(name, read_cases(dump)[name], known))
    return [sentence for sentence in found if sentence]


def judge(trained: Trained, whole: bool) -> str:
    """Return the first difference from the committed digests, or "" if there is none."""
    if not whole:
        expected = json.loads(FIRST_STEPS.read_text(encoding="utf-8"))["sgd"]
        return "" if trained.last == expected else f"expected {expected}, got {trained.last}"
    history = read_run(run_path(Configuration(), ".json", COMMITTED)).history
    pairs = zip(history.weights_sha256, history.test_errors, strict=True)
    got = zip(trained.digests, trained.errors, strict=True)
    for epoch, (expected, computed) in enumerate(zip(pairs, got, strict=True), 1):
        if expected != computed:
            return f"epoch {epoch}: expected {expected}, got {computed}"
    return ""


def record(name: str, python: str, trained: Trained, whole: bool) -> Path:
    """Write a record for the ledger, and return its path."""
    source, package = SOURCES[name]
    versions = {"cc": ask([*find_compiler(), "-dumpfullversion"]).strip()}
    if name != "C":
        asked = (
            f"import platform, {package}; print(platform.python_version(), {package}.__version__)"
        )
        python_version, version = ask([python, "-c", asked]).split()
        versions = {"python": python_version, package: version.partition("+")[0]}
    environment = describe_environment(None).model_copy(
        update={
            "versions": versions,
            "code_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        }
    )
    digests: dict[str, list[str | None]]
    digests = {WHOLE_RUN: [*trained.digests]} if whole else {"sgd": [trained.last]}
    errors = trained.errors[-1] if whole else None
    made = describe_reproduction(environment, digests, trained.seconds, test_errors=errors)
    return write_reproduction(made, OUTPUTS / "reproductions")


def main() -> None:
    """Print one line per program, and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    names = f"one or more of {', '.join(SOURCES)} (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    parser.add_argument("--whole", action="store_true", help="train all 20 epochs")
    parser.add_argument("--peers", help="the path of a Python with JAX and PyTorch")
    options = parser.parse_args()
    for name in options.names:
        if name not in SOURCES:
            parser.error(f"expected names of {list(SOURCES)}, got '{name}'")
    wrong = False
    try:
        load_mnist()
        with tempfile.TemporaryDirectory() as folder:
            for name in options.names or SOURCES:
                python = sys.executable if name == "NumPy" else options.peers
                script = FOLDER / f"rnn_{SOURCES[name][1]}.py"
                c = name == "C"
                if not c and not python:
                    parser.error(f"--peers: expected the path of a Python with {name}, got none")
                command = compile_c(Path(folder) / "rnn") if c else [python, script]
                differences = answer(command)
                trained = train(command, Configuration() if options.whole else FIRST)
                if different := judge(trained, options.whole):
                    differences.append(different)
                taken = "the whole run" if options.whole else "the first steps"
                told = "the committed bits" if not differences else "OTHER BITS"
                print(f"{name}: {told} in the known cases and {taken}, {trained.seconds:.0f} s")
                print(*differences, sep="\n", end="\n" if differences else "")
                print("  for the ledger:", located(record(name, python, trained, options.whole)))
                wrong |= bool(differences)
    except (ExperimentError, OSError) as error:
        raise SystemExit(str(error)) from None
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
