"""The folders, and how a path is shown; `records.run` has the places in a run's folder."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT / "data" / "mnist"
ORIGINALS = ROOT / "originals"  # scripts
COMMITTED = ROOT / "results"  # what the repository holds
# Two variables name other folders. A relative one is in ROOT, wherever a kernel is started.
# MNIST_RNN_PUBLISHED has claims.csv and curves.csv, as a trial of a sweep needs.
PUBLISHED = (ROOT / (os.environ.get("MNIST_RNN_PUBLISHED") or "data/published")).resolve()
# MNIST_RNN_RESULTS is where runs go, and of which tables are made.
GIVEN = os.environ.get("MNIST_RNN_RESULTS")
RESULTS = (ROOT / (GIVEN or COMMITTED)).resolve()
OUTPUTS = (ROOT / (GIVEN or "outputs")).resolve()  # git ignores it
KERAS_HOME = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
KERAS_MNIST = Path(KERAS_HOME) / "datasets" / "mnist.npz"


def shown(path: Path) -> str:
    """`path` as a reader should see it: relative, if among the results or in the repository."""
    if path.is_relative_to(OUTPUTS):
        return path.relative_to(OUTPUTS.parent).as_posix()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
