"""Compare, bit for bit, the weights of a run in outputs/ with the weights of the committed run.

`python -m mnist_rnn.bits.verify simple_rnn-256-sgd/17` compares the run with this name. Without a
name, the command compares the run that was finished last. If outputs/ has no such run, the C
program computes the committed run again. If there is no committed run, the command fails, except
with `--new`. `make verify` runs this command, and `make reproduce` runs it with `--new`.
"""

import argparse
from pathlib import Path

from mnist_rnn.bits.audit import audit, describe
from mnist_rnn.bits.implementations import find_difference, list_epochs
from mnist_rnn.bits.ledger import DEFAULT_RUN, OWN, add_rows, describe_reproduction
from mnist_rnn.config import Configuration
from mnist_rnn.records.run import Run, read_run
from mnist_rnn.system.errors import ExperimentError, ParameterError, RecordError, one_sentence
from mnist_rnn.system.paths import COMMITTED, LATEST, OUTPUTS


def compare_runs(new: Run, committed: Run) -> tuple[bool, str]:
    """Return whether the new run reproduces the committed run, and a sentence on the comparison."""
    reached = f"{new.test_errors} test errors, {new.test_accuracy:.2f}% test accuracy"
    epoch = find_difference(committed, list_epochs(new))
    if epoch is None:
        return True, f"The same bits as the committed run: {reached}."
    gap = abs(new.test_accuracy - committed.test_accuracy)
    then, now = committed.environment.versions, new.environment.versions
    changed = [name for name in then if name != "python" and now.get(name) != then[name]]
    why = f"made with different {', '.join(changed)}; " if changed else ""
    return False, (
        f"NOT the same bits: {why}{reached}, {gap:.2f} percentage points from the committed run; "
        f"the weights differ from epoch {epoch} on."
    )


def find_record(name: str, folder: Path) -> Path | None:
    """Return the path of the record of a run, such as `simple_rnn-256-sgd/17`, if it exists."""
    paths = (folder / "runs").glob("*/seed-*.json")
    names = {f"{p.parent.name}/{p.stem.removeprefix('seed-')}": p for p in paths}
    return names.get(name)


def verify(name: str, accept_new: bool) -> tuple[bool, str]:
    """Return whether a run equals the committed run, and a sentence on the comparison.

    If `accept_new` is true, a run without a committed run passes.
    """
    if path := find_record(name, OUTPUTS):
        new, there = read_run(path), find_record(name, COMMITTED)
        if there is None:
            return accept_new, f"There is no committed run {name} to compare the weights with."
        committed = read_run(there)
        if new == committed:
            raise RecordError(f"{name} is the committed run itself: nothing was computed here.")
        if new.config == Configuration():
            same = {DEFAULT_RUN: new.weights_sha256 == committed.weights_sha256}
            seconds = new.seconds / new.config.epochs
            try:
                add_rows(OWN, [describe_reproduction("Keras", new.environment, same, seconds)])
                print(f"Row for the ledger: {OWN}")
            except ExperimentError as error:
                print(f"No row for the ledger: {error}")
        return compare_runs(new, committed)
    path = find_record(name, COMMITTED)
    if not path or (committed := read_run(path)).code != "ours":
        here = f"a run in {OUTPUTS} or a committed run of our code"
        raise ParameterError(f"run: expected {here}, such as simple_rnn-256-sgd/17, got {name}.")
    print(f"{OUTPUTS} has no record of {name}. The C program computes the run.")
    (row,) = audit([committed])
    return not row["first_difference"], describe(row)


@one_sentence()
def main() -> None:
    """Compare a new run with the committed run, and print the result in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("run", nargs="?", help="name of a run, such as simple_rnn-256-sgd/17")
    parser.add_argument("--new", action="store_true", help="accept a run without a committed run")
    options = parser.parse_args()
    if not options.run and not LATEST.exists():
        raise ParameterError(f"run: expected a finished run in {OUTPUTS}, got none.")
    name = options.run or LATEST.read_text(encoding="utf-8")
    good, sentence = verify(name, options.new)
    print(sentence)
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
