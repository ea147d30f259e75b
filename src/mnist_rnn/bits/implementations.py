"""Check that the programs for Keras, NumPy, JAX, PyTorch and C compute the committed bits.

`make implementations` runs this check. Each program in `implementations/` computes the known cases,
and the first steps of the default run. With `--epoch`, each program computes the first epoch in
place of the first steps. With `--whole`, each program computes the whole default run. For each
program except Keras, the check writes a record for the ledger; `make reproduce` writes the records
of Keras. The exit status is 1 if any bits differ.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.browser_result import PAGE_CONFIG, BrowserResult
from mnist_rnn.bits.compare import compare
from mnist_rnn.bits.known_answers import FILE, list_cases, read_cases
from mnist_rnn.bits.ledger import (
    EARLIER,
    FIRST_STEPS,
    LEDGER,
    SAME,
    WHOLE_RUN,
    Reproduction,
    describe_reproduction,
    read_judged,
    read_known,
    write_reproduction,
)
from mnist_rnn.bits.programs import FOLDER, Trained, ask, compile_c, find_compiler, train
from mnist_rnn.config import TRAIN_SIZE, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.paths import COMMITTED, OUTPUTS, ROOT, located
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.run import read_run, run_path

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
    WHOLE_RUN: Configuration(),
}
COMPUTED = {
    "sgd": "the first steps",
    "first-epoch": "the first epoch",
    WHOLE_RUN: f"all {Configuration().epochs} epochs",
}


def answer(command: Sequence[str | Path]) -> list[str]:
    """Return a sentence for each known case that a program computes wrongly."""
    known, found = read_cases(), []
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "dump.json"
        for name in list_cases():
            dump.write_text(ask([*command, FILE, name]), encoding="utf-8")
            found.append(compare(name, read_cases(dump)[name], known))
    return [sentence for sentence in found if sentence]


def judge(trained: Trained, name: str) -> str:
    """Return the first difference from the committed digests, or "" if all digests are equal."""
    if name != WHOLE_RUN:
        expected = json.loads(FIRST_STEPS.read_text(encoding="utf-8"))[name]
        return "" if trained.last == expected else f"expected {expected}, got {trained.last}"
    history = read_run(run_path(Configuration(), ".json", COMMITTED)).history
    pairs = zip(history.weights_sha256, history.test_errors, strict=True)
    got = zip(trained.digests, trained.errors, strict=True)
    for epoch, (expected, computed) in enumerate(zip(pairs, got, strict=True), 1):
        if expected != computed:
            return f"epoch {epoch}: expected {expected}, got {computed}"
    return ""


def record(implementation: str, python: str, trained: Trained, name: str) -> Path:
    """Record a program's training in a file for the ledger, and return the file's path."""
    (source,), package = SOURCES[implementation]
    versions = {"cc": ask([*find_compiler(), "-dumpfullversion"]).strip()}
    if implementation != "C":
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
    whole = name == WHOLE_RUN
    digests = {name: [*trained.digests] if whole else [trained.last]}
    errors = trained.errors[-1] if whole else None
    made = describe_reproduction(environment, digests, trained.seconds, test_errors=errors)
    return write_reproduction(made, OUTPUTS / "reproductions")


class Proof(NamedTuple):
    """An implementation's longest bit-identical training, and how long it took.

    `seconds` is the time of an epoch of 60,000 images. For the first steps, `seconds` is None,
    because the program's start takes longer than these steps.
    """

    computed: str
    seconds: float | None
    cpu: str


def measure(made: Reproduction | BrowserResult) -> tuple[str, Proof]:
    """Return the name of a record's implementation, and the record's result as a `Proof`."""
    if isinstance(made, BrowserResult):
        images = PAGE_CONFIG.epochs * PAGE_CONFIG.train_size
        computed = f"{PAGE_CONFIG.epochs} epochs of {PAGE_CONFIG.train_size:,} images"
        return BROWSER[0], Proof(computed, made.seconds * TRAIN_SIZE / images, made.processor)
    name = next((name for name in (WHOLE_RUN, "first-epoch") if [*made.digests] == [name]), "sgd")
    seconds = None if name == "sgd" else made.seconds / RUNS[name].epochs
    cpu = made.environment.cpu
    named = cpu.name or cpu.architecture
    kind = f"{named} ({cpu.family}, {cpu.model})"
    return made.implementation or "Keras", Proof(COMPUTED[name], seconds, kind)


def find_proofs(folder: Path = LEDGER / "ours") -> dict[str, Proof]:
    """Return the best proof for each implementation, from our own records in the ledger.

    Raises:
        RecordError: a record in the folder is rejected.
    """
    known = read_known()
    judged = [read_judged(path, known) for path in sorted(folder.glob("*.json"))]
    ranks, best = [*COMPUTED.values()], dict[str, Proof]()

    def rank(proof: Proof) -> tuple[int, float]:
        place = ranks.index(proof.computed) if proof.computed in ranks else len(ranks)
        return -place, proof.seconds or 0

    for made, outcome in judged:
        emulated = isinstance(made, Reproduction) and made.environment.cpu.emulated
        if emulated or not outcome.startswith(SAME) or EARLIER in outcome:
            continue
        name, proof = measure(made)
        best[name] = min(best.get(name, proof), proof, key=rank)
    return best


def main() -> None:
    """Run each program, print a line on its bits, and write a record for the ledger."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    names = f"the programs to check: {', '.join(SOURCES)} (default: all)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    either = parser.add_mutually_exclusive_group()
    for option, run in (("--epoch", "first-epoch"), ("--whole", WHOLE_RUN)):
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
                if name != "Keras":
                    path = record(name, python, trained, options.run)
                    print("  for the ledger:", located(path), flush=True)
                wrong |= bool(differences)
    except (ExperimentError, OSError) as error:
        raise SystemExit(str(error)) from None
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
