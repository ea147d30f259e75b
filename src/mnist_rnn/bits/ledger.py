"""Check the records in results/reproductions, and list the valid records in the ledger.

`python -m mnist_rnn.bits.ledger` checks the records and rewrites results/reproductions/README.md.
The subfolder of a record shows who measured the record. With `--add FOLDER`, the command first
copies the records of FOLDER into the ledger. The exit status is 1 if a record is rejected.
"""

import argparse
import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.browser_result import PAGE_CONFIG, PAGE_STEPS, BrowserResult, Day
from mnist_rnn.config import TEST_SIZE, Configuration, Digest, Strict, Text
from mnist_rnn.errors import ExperimentError, RecordError
from mnist_rnn.files import write_text
from mnist_rnn.paths import COMMITTED, shown
from mnist_rnn.records.digest import digest_code
from mnist_rnn.records.environment import (
    PACKAGES,
    Environment,
    describe_environment,
    what_differs,
)
from mnist_rnn.records.run import (
    LONGEST,
    Errors,
    Run,
    find_impossible,
    first_other_epoch,
    list_problems,
    read_checked,
    read_run,
    refusal,
    require_same_results,
    run_path,
)

LEDGER = COMMITTED / "reproductions"
MEASURED_BY = {"ours": "us", "ci": "CI", "self-reported": "its sender"}
FIRST_STEPS = Path(__file__).with_name("first_steps.json")
WHOLE_RUN = "default run"
LARGEST_REPRODUCTION = 10_000  # bytes
SAME = "the same bits"
EARLIER = "by another version of the code"
# Maps the package or compiler in a record's `versions` to the implementation's name
IMPLEMENTATIONS = {"cc": "C", "jax": "JAX", "torch": "PyTorch", "numpy": "NumPy"}
KEYS = [{key} for key in IMPLEMENTATIONS]
TOLERANCE = 0.5  # allowed difference in test accuracy on CPUs without FMA, in percentage points
INTRODUCTION = """# Reproductions

**{runs} default runs, {steps} records of first steps and {browsers} records of browsers have
the committed bits.**

Each default run is compared with the committed default run. *First steps* are a few training steps
of a configuration. The weights after these steps are compared with the digests in
[first_steps.json](../../src/mnist_rnn/bits/first_steps.json). The configuration `first-epoch` is a
whole epoch of the default run. In rows with *by C*, *by JAX*, *by NumPy* or *by PyTorch*, a program
of [implementations](../../implementations) was used in place of TensorFlow. In browsers,
`learn.html` trains on some of the images. If the sender measured a result, nobody else has
checked this result. [CONTRIBUTING](../../CONTRIBUTING.md#send-a-reproduction) explains how to send
a record. `make ledger` writes this page from the records in this folder.

"""
HEADER = """\
| CPU | System | Python | Computed | Outcome | Test accuracy (%) | Seconds | Day | Measured by |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


class Reproduction(Strict):
    """The record of a computation on one machine: the default run, or first training steps.

    `digests` maps the name of a computation to a list of SHA-256 digests of the weights. The list
    of the default run has one entry per epoch, which is None if the digest was not measured. The
    list of first steps ends with the digest after the last of them. `test_errors` is the number of
    misclassified test images; for first steps, `test_errors` is None. For an implementation other
    than Keras, `versions` has the version of its package or compiler. The version of Python is
    added if Python was used. If Keras was not used, `code_sha256` is the digest of the
    implementation's source. `seconds` is the training time. `date` is the UTC day on which the
    training ended. `environment.commit` is always None.
    """

    schema_version: Literal[2] = 2
    digests: dict[Text, list[Digest | None]] = Field(min_length=1, max_length=30)
    test_errors: Errors | None
    environment: Environment
    seconds: float = Field(ge=0, le=LONGEST)
    date: Day

    @model_validator(mode="after")
    def _agree(self) -> "Reproduction":
        versions = self.environment.versions.keys()
        if WHOLE_RUN in self.digests and len(self.digests) > 1:
            raise ValueError(f"`digests` must be of the {WHOLE_RUN} or of first steps, not of both")
        if (self.test_errors is None) == (WHOLE_RUN in self.digests):
            raise ValueError(
                f"`test_errors` must be given for the {WHOLE_RUN}, and for no other run"
            )
        if not all(digests and digests[-1] for digests in self.digests.values()):
            raise ValueError("each list in `digests` must end with a digest, not with null")
        if self.environment.commit is not None:
            raise ValueError("`environment.commit` must be left out")
        if versions != {"python", *PACKAGES} and versions - {"python"} not in KEYS:
            others = ", ".join(IMPLEMENTATIONS)
            raise ValueError(
                f"versions must name all of (python, {', '.join(PACKAGES)}) or one of ({others})"
            )
        if WHOLE_RUN in self.digests:
            if len(self.digests[WHOLE_RUN]) != Configuration().epochs:
                raise ValueError(
                    f"`digests` must have one entry for each of {Configuration().epochs} epochs"
                )
            if problem := find_impossible(self.seconds, Configuration()):
                raise ValueError(problem)
        elif any(any(digests[:-1]) for digests in self.digests.values()):
            raise ValueError("in a list of first steps, only the last entry may be a digest")
        return self

    @property
    def implementation(self) -> str | None:
        """Return the name of the implementation, or None for TensorFlow."""
        versions = self.environment.versions
        if "tensorflow" in versions:
            return None
        return next((name for key, name in IMPLEMENTATIONS.items() if key in versions), None)

    @property
    def evidence(self) -> dict[str, str]:
        """Return, for each name in `digests`, a text with the name, CPU, system, code and versions.

        A record is rejected if earlier records have all these texts.
        """
        environment = self.environment
        parts = [environment.cpu.model_dump(), environment.system, environment.code_sha256]
        made_with = f"{parts} {sorted(environment.versions.items())}"
        return {name: f"{made_with} {name}" for name in self.digests}

    @property
    def file_name(self) -> str:
        """Return the file name.

        It contains the CPU, the Python version, the date and eight digits of the SHA-256.
        """
        cpu = self.environment.cpu
        python = ".".join(self.environment.versions.get("python", "").split(".")[:2])
        words = [cpu.architecture, cpu.name or cpu.vendor, cpu.family, cpu.model]
        words.append(f"python{python}" if python else self.implementation)
        start = re.sub(r"[^a-z0-9.]+", "-", " ".join(filter(None, words)).lower()).strip("-.")
        content = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"{start}-{self.date}-{content[:8]}.json"


def describe_reproduction(
    made_with: Environment,
    digests: dict[str, list[str | None]],
    seconds: float,
    day: date | None = None,
    test_errors: int | None = None,
) -> Reproduction:
    """Return the record of a computation on this machine; the default for `day` is today.

    Raises:
        RecordError: the ledger would reject the record, for example because the clock is wrong.
    """
    try:
        return Reproduction(
            digests=digests,
            test_errors=test_errors,
            environment=made_with.model_copy(update={"commit": None, "clean": None}),
            seconds=round(seconds, 1),
            date=day or datetime.now(UTC).date(),
        )
    except ValidationError as error:
        raise RecordError(f"{list_problems(error)}.") from None


def describe_by_hand(emulated: str | None = None) -> Environment:
    """Return the environment of a computation by the module `by_hand`, which needs only NumPy."""
    environment = describe_environment(None, emulated)
    versions = {name: environment.versions[name] for name in ("python", "numpy")}
    code = digest_code([Path(by_hand.__file__)])
    return environment.model_copy(update={"versions": versions, "code_sha256": code})


def write_reproduction(reproduction: Reproduction | BrowserResult, folder: Path) -> Path:
    """Write the record atomically to a file in this folder, and return the path."""
    path = folder / reproduction.file_name
    write_text(path, reproduction.model_dump_json(indent=1) + "\n")
    return path


class Known(NamedTuple):
    """The committed default run, the run of `learn.html`, and the digests of first steps."""

    run: Run
    learned: Run
    first_steps: dict[str, str]


def read_known() -> Known:
    """Read the committed results that records are compared with."""
    configs = Configuration(), PAGE_CONFIG
    run, learned = (read_run(run_path(config, ".json", COMMITTED)) for config in configs)
    return Known(run, learned, json.loads(FIRST_STEPS.read_text(encoding="utf-8")))


def read_judged(path: Path, known: Known) -> tuple[Reproduction | BrowserResult, str]:
    """Read a record, and return it with a short outcome, such as `the same bits`.

    The file name of a browser's record begins with `learned-`.

    Raises:
        RecordError: the record is rejected for the reason in the message.
    """
    if path.name.startswith("learned-"):
        learned = read_checked(path, BrowserResult, "the record of a browser", LARGEST_REPRODUCTION)
        same = learned.weights_sha256 == known.learned.weights_sha256
        step = learned.first_difference
        if same != (step is None):
            raise refusal(path, "is rejected: `first_difference` contradicts `weights_sha256`")
        return learned, SAME if same else f"**other bits** by step {step}"
    made = read_checked(path, Reproduction, "the record of a reproduction", LARGEST_REPRODUCTION)
    expected = {WHOLE_RUN: known.run.weights_sha256} | known.first_steps
    if unknown := sorted(made.digests.keys() - expected.keys()):
        raise refusal(path, f"is a record of another experiment: {', '.join(unknown)}")
    if made.test_errors is not None:
        digests = made.digests[WHOLE_RUN]
        results = {"history.weights_sha256": digests, "test_errors": made.test_errors}
        require_same_results(path, results, known.run.results, "the committed run")
    wrong = [name for name, digests in made.digests.items() if digests[-1] != expected[name]]
    return made, describe_outcome(made, wrong, known.run)


def describe_outcome(made: Reproduction, wrong: Sequence[str], committed: Run) -> str:
    """Return a reproduction's outcome; `wrong` lists computations with wrong digests."""
    environment = made.environment
    changed = [] if made.implementation else what_differs(committed.environment, environment)
    if not wrong:
        if environment.other_bits:
            return "**other bits** in the probe of the training step"
        return f"{SAME}, {EARLIER}" if "code" in changed else SAME
    if changed:
        return f"**other bits**, made with other {', '.join(changed)}"
    if not environment.cpu.fuses and not made.implementation:
        near = made.test_errors is None or is_near(made.test_errors, committed)
        return (
            "other bits, as expected without FMA"
            if near
            else "**other bits**, and a test accuracy far from ours"
        )
    found = ", as in the probe of the training step" if environment.other_bits else ""
    if WHOLE_RUN not in wrong:
        return f"**other bits**{found}: {', '.join(wrong)}"
    epoch = first_other_epoch(made.digests[WHOLE_RUN], committed.history.weights_sha256)
    return "**other bits**" + (f" from epoch {epoch} on" if epoch else "") + found


def is_near(test_errors: int, committed: Run) -> bool:
    """Return whether the two test accuracies differ by at most `TOLERANCE` percentage points."""
    return abs(test_errors - committed.test_errors) <= TOLERANCE / 100 * TEST_SIZE


def make_row(made: Reproduction | BrowserResult, outcome: str, measured: str) -> str:
    """Return a record as a row of the ledger's table, in Markdown."""
    if isinstance(made, BrowserResult):
        by, system, python, accuracy = f"{made.browser}, {made.processor}", made.system, "", ""
        computed = f"learn.html, {PAGE_STEPS} steps, {made.arithmetic}"
        digest: str | None = made.weights_sha256
    else:
        cpu, system = made.environment.cpu, made.environment.system
        kind = " ".join(word for word in (cpu.vendor, cpu.family, cpu.model) if word)
        by = f"{cpu.name or 'unknown'}, {cpu.architecture}" + (f" ({kind})" if kind else "")
        by += ", emulated" if cpu.emulated else ""
        python = made.environment.versions.get("python", "unknown")
        digest = (made.digests.get(WHOLE_RUN) or [None])[-1]
        computed = WHOLE_RUN if digest else f"first steps: {', '.join(made.digests)}"
        computed += f", by {made.implementation}" if made.implementation else ""
        errors = made.test_errors
        accuracy = "" if errors is None else f"{100 - 100 * errors / TEST_SIZE:.2f}"
    outcome += f": `{digest[:12]}`" if digest else ""
    cells = [by, system, python, computed, outcome, accuracy, f"{made.seconds:.0f}"]
    return "| " + " | ".join([*cells, str(made.date), measured]) + " |\n"


def make_ledger(folder: Path) -> tuple[str, list[str]]:
    """Return the ledger as Markdown, and a sentence for each file that is rejected."""
    known = read_known()
    rows, refused = [], []
    # For each kind of record, a list that says which records have the committed bits.
    same: dict[str, list[bool]] = {"runs": [], "steps": [], "browsers": []}
    first: dict[str, str] = {}  # maps each text in `evidence` to the first file that has it
    for origin, measured in MEASURED_BY.items():
        for path in sorted((folder / origin).glob("*")):
            try:
                made, outcome = read_judged(path, known)
                if path.name != made.file_name:
                    raise refusal(path, f"holds {made.file_name}")
                require_new(path, made, first)
            except RecordError as error:
                refused.append(str(error))
                continue
            if isinstance(made, BrowserResult):
                kind = "browsers"
            else:
                kind = "runs" if WHOLE_RUN in made.digests else "steps"
            same[kind].append(outcome.startswith(SAME))
            rows.append(make_row(made, outcome, measured))
    counts = {kind: f"{sum(those)} of {len(those)}" for kind, those in same.items()}
    return INTRODUCTION.format(**counts) + HEADER + "".join(rows), refused


def require_new(path: Path, made: Reproduction | BrowserResult, first: dict[str, str]) -> None:
    """Add a record's evidence to `first`, which maps each text to the first file that has it.

    Raises:
        RecordError: earlier records already have all evidence of this record.
    """
    keys = made.evidence.values()
    if not keys - first.keys():
        others = " and ".join(sorted({first[key] for key in keys}))
        raise refusal(path, f"repeats {others}, with the same CPU, system, versions and code")
    for key in keys:
        first.setdefault(key, f"{path.parent.name}/{path.name}")


def add(source: Path, destination: Path) -> None:
    """Copy all records of a folder into the ledger, or none of them if a record is rejected.

    Raises:
        RecordError: a record is rejected, or the folder has no record.
    """
    known, first = read_known(), dict[str, str]()
    there = [path for origin in MEASURED_BY for path in (destination.parent / origin).glob("*")]
    for path in sorted(there):
        with suppress(RecordError):
            require_new(path, read_judged(path, known)[0], first)
    records = {path: read_judged(path, known)[0] for path in sorted(source.glob("*.json"))}
    for path, record in records.items():
        if not (destination / record.file_name).exists():
            require_new(path, record, first)
    if not records:
        raise RecordError(
            f"{shown(source)} has no record of a reproduction. `make reproduce` writes a record."
        )
    for record in records.values():
        print(f"Added: {shown(write_reproduction(record, destination))}")


def main() -> None:
    """Copy records into the ledger if `--add` is given, and rewrite the ledger's page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--add", type=Path, metavar="FOLDER", help="add the records of this folder")
    parser.add_argument("--measured-by", choices=MEASURED_BY, default="self-reported")
    arguments = parser.parse_args()
    try:
        if arguments.add:
            add(arguments.add, LEDGER / arguments.measured_by)
        page, refused = make_ledger(LEDGER)
        write_text(LEDGER / "README.md", page)
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    print(f"Written: {shown(LEDGER / 'README.md')}")
    if refused:
        raise SystemExit("Rejected:\n" + "\n".join(refused))


if __name__ == "__main__":
    main()
