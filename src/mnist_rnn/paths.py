"""The folders, and how a path is shown; `records.record` has the places in a run's folder."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT / "data" / "mnist"
# MNIST_RNN_PUBLISHED is another folder with claims.csv and curves.csv, as a trial of a sweep has.
PUBLISHED = Path(os.environ.get("MNIST_RNN_PUBLISHED") or ROOT / "data" / "published").resolve()
COMMITTED = ROOT / "results"  # what the repository holds
# MNIST_RNN_RESULTS is another folder for runs to go to and for tables to be made of.
GIVEN = os.environ.get("MNIST_RNN_RESULTS")
RESULTS = Path(GIVEN or COMMITTED).resolve()  # of which tables are made
OUTPUTS = Path(GIVEN or ROOT / "outputs").resolve()  # where a run goes; git ignores it
KERAS_HOME = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
KERAS_MNIST = Path(KERAS_HOME) / "datasets" / "mnist.npz"


def shown(path: Path) -> str:
    """`path` as a reader should see it: relative, if among the results or in the repository."""
    if path.is_relative_to(OUTPUTS):
        return path.relative_to(OUTPUTS.parent).as_posix()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
