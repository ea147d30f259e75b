"""Compile and run the programs in implementations/."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import NamedTuple

from mnist_rnn.bits.inputs import write_inputs
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ExperimentError
from mnist_rnn.paths import MNIST, ROOT

FOLDER = ROOT / "implementations"
EPOCH = re.compile(r"(\d+) errors of \d+ test images, weights ([0-9a-f]{64})")


class Trained(NamedTuple):
    """A program's output: test errors and a digest of the weights after each epoch.

    `last` is one digest of both the final weights and the logits of 100 test images. `seconds` is
    the program's running time.
    """

    errors: list[int]
    digests: list[str]
    last: str
    seconds: float


def find_compiler() -> list[str]:
    """Return the command that starts a C compiler.

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
    """Compile the C program, by default for this CPU, and return the command that starts it."""
    source = FOLDER / "commands.c"
    options = options or ("-march=native",)
    fixed = ("-O3", "-ffp-contract=off")
    ask([*find_compiler(), *fixed, *options, str(source), "-lm", "-o", str(program)])
    return [program]


def ask(command: Sequence[str | Path], at_line: Callable[[str], object] = len) -> str:
    """Run a command, call `at_line` with each line of its standard output, and return all lines.

    Raises:
        ExperimentError: the command can't be started or fails.
    """
    lines = []
    with tempfile.TemporaryFile("w+") as errors:
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
            )
        except OSError as error:
            raise ExperimentError(str(error)) from None
        with process:
            try:
                for line in process.stdout or ():
                    lines.append(line)
                    at_line(line)
            except BaseException:
                process.kill()
                raise
        errors.seek(0)
        if process.returncode:
            said = errors.read().strip()[-500:]
            raise ExperimentError(f"{command[0]} ended with {process.returncode}: {said}")
    return "".join(lines)


def train(
    command: Sequence[str | Path],
    config: Configuration,
    at_line: Callable[[str], object] = len,
) -> Trained:
    """Train with a program; the returned time includes the program's start and compilation."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        write_inputs(inputs, config)
        started = time.perf_counter()
        printed = ask([*command, MNIST, inputs], at_line)
        seconds = time.perf_counter() - started
    epochs = EPOCH.findall(printed)
    errors, digests = [int(epoch[0]) for epoch in epochs], [epoch[1] for epoch in epochs]
    return Trained(errors, digests, printed.split()[-1], seconds)
