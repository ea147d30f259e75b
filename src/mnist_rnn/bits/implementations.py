"""Check that the programs for Keras, NumPy, JAX, PyTorch and C compute the committed bits.

`make implementations` runs this check. Each program in `implementations/` computes the known cases,
and the first steps of the default run. With `--epoch`, each program computes the first epoch in
place of the first steps. With `--whole`, each program computes the whole default run. For each
program except Keras, the check writes a record for the ledger; `make reproduce` writes the records
of Keras. The exit status is 1 if any bits differ.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.compare import compare
from mnist_rnn.bits.known_answers import FILE, list_cases, read_cases
from mnist_rnn.bits.ledger import DEFAULT_RUN, OWN, add_rows, describe_reproduction, read_ledger
from mnist_rnn.bits.programs import FOLDER, Trained, ask, compile_c, find_compiler, train
from mnist_rnn.config import PAGE_CONFIG, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.paths import COMMITTED, ROOT, located
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.run import read_first_steps, read_run, run_path

PACKAGE = ROOT / "src" / "mnist_rnn"
NETWORK = ("network", "layers", "products", "optimization")
KERAS = [PACKAGE / "experiment" / f"{name}.py" for name in NETWORK]
# Maps each program to the files that define its network, and to its package or compiler.
SOURCES = {
    "Keras": (KERAS, "keras"),
    "NumPy": ([Path(by_hand.__file__)], "numpy"),
    "JAX": ([FOLDER / "rnn_jax.py"], "jax"),
    "PyTorch": ([FOLDER / "rnn_torch.py"], "torch"),
    "C": ([FOLDER / "rnn.c"], "cc"),
}
BROWSER = "Browser", [FOLDER / "rnn.c", PACKAGE / "web" / "learn" / "engine.c"]
# The configurations that the programs train, by their names in the ledger
RUNS = {
    "sgd": Configuration(train_size=224, epochs=2),
    "first-epoch": Configuration(epochs=1),
    DEFAULT_RUN: Configuration(),
}
# What the runs are called in texts, the longest first
COMPUTED = {
    DEFAULT_RUN: f"all {Configuration().epochs} epochs",
    "learn.html": f"{PAGE_CONFIG.epochs} epochs of {PAGE_CONFIG.train_size:,} images",
    "first-epoch": "the first epoch",
    "sgd": "the first steps",
}


def answer(command: Sequence[str | Path]) -> list[str]:
    """Return a sentence for each known case that a program computes wrongly."""
    known, found = read_cases(), []
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "dump.json"
        for name in list_cases():
            dump.write_text(ask([*command, FILE, name]), encoding="utf-8")
            found.append(compare(name, read_cases(dump)[name], known))
    return [str(compared) for compared in found if compared.wrong]


def judge(trained: Trained, name: str) -> str:
    """Return the first difference from the committed digests, or "" if all digests are equal."""
    if name != DEFAULT_RUN:
        expected = read_first_steps()[name].sha256
        return "" if trained.last == expected else f"expected {expected}, got {trained.last}"
    history = read_run(run_path(Configuration(), ".json", COMMITTED)).history
    pairs = zip(history.weights_sha256, history.test_errors, strict=True)
    got = zip(trained.digests, trained.errors, strict=True)
    for epoch, (known, computed) in enumerate(zip(pairs, got, strict=True), 1):
        if known != computed:
            return f"epoch {epoch}: expected {known}, got {computed}"
    return ""


def record(implementation: str, python: str, trained: Trained, name: str, same: bool) -> None:
    """Add a program's training to outputs/reproductions.csv."""
    _, package = SOURCES[implementation]
    versions = {"cc": ask([*find_compiler(), "-dumpfullversion"]).strip()}
    if implementation != "C":
        asked = (
            f"import platform, {package}; print(platform.python_version(), {package}.__version__)"
        )
        python_version, version = ask([python, "-c", asked]).split()
        versions = {"python": python_version, package: version.partition("+")[0]}
    seconds = None if name == "sgd" else trained.seconds / RUNS[name].epochs
    made_with = describe_environment(None)
    add_rows(
        OWN, [describe_reproduction(implementation, made_with, {name: same}, seconds, versions)]
    )


class Proof(NamedTuple):
    """An implementation's longest bit-identical training, and how long it took.

    `seconds` is the time of an epoch of 60,000 images, or None if only first steps were computed.
    """

    computed: str
    seconds: float | None
    cpu: str


def find_proofs() -> dict[str, Proof]:
    """Return the best proof for each implementation, from our own rows in the ledger.

    Raises:
        RecordError: the ledger can't be read.
    """
    ranks, best = [*COMPUTED.values()], dict[str, Proof]()
    for row in read_ledger():
        same = row.same_bits.split()
        computed = next((words for name, words in COMPUTED.items() if name in same), None)
        if computed is None or "emulated" in row.cpu or row.measured_by != "us":
            continue
        proof = Proof(computed, row.seconds, row.cpu)
        best[row.program] = min(
            best.get(row.program, proof),
            proof,
            key=lambda proof: (ranks.index(proof.computed), proof.seconds or 0),
        )
    return best


def main() -> None:
    """Run each program, print a line on its bits, and write a record for the ledger."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    names = f"the programs to check: {', '.join(SOURCES)} (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    either = parser.add_mutually_exclusive_group()
    for option, run in (("--epoch", "first-epoch"), ("--whole", DEFAULT_RUN)):
        words = f"train {COMPUTED[run]}"
        either.add_argument(option, action="store_const", dest="run", const=run, help=words)
    parser.add_argument("--peers", help="the path of a Python interpreter with JAX and PyTorch")
    parser.set_defaults(run="sgd")
    options = parser.parse_args()
    for name in options.names:
        if name not in SOURCES:
            parser.error(f"expected names from {list(SOURCES)}, got '{name}'")
    wrong = False
    try:
        load_mnist()
        with tempfile.TemporaryDirectory() as folder:
            for name in options.names or SOURCES:
                python = sys.executable if name in ("Keras", "NumPy") else options.peers
                script = FOLDER / f"rnn_{SOURCES[name][1]}.py"
                c = name == "C"
                if not c and not python:
                    parser.error(f"--peers: expected a Python interpreter with {name}, got none")
                command = compile_c(Path(folder) / "rnn") if c else [python, script]
                differences = answer(command)
                trained = train(command, RUNS[options.run])
                if different := judge(trained, options.run):
                    differences.append(different)
                outcome = "DIFFERENT BITS" if differences else "the committed bits"
                computed = f"the known cases and {COMPUTED[options.run]}"
                print(f"{name}: {outcome} in {computed}, {trained.seconds:.0f} s", flush=True)
                print(*differences, sep="\n", end="\n" if differences else "")
                if name != "Keras":  # `make reproduce` adds the row of Keras
                    record(name, python, trained, options.run, not different)
                    print("  for the ledger:", located(OWN), flush=True)
                wrong |= bool(differences)
    except (ExperimentError, OSError) as error:
        raise SystemExit(str(error)) from None
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
