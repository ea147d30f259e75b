"""The folders, and how a path is shown; `records.run` has the places in a run's folder."""

import os
from pathlib import Path

from mnist_rnn.errors import ExperimentError

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "pyproject.toml").is_file():
    raise ExperimentError(
        "mnist_rnn works in a clone of its repository, with the data and results there, and not as "
        "an installed package: `git clone` it, then `make lab` in its folder."
    )
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


def located(path: Path) -> str:
    """Return `path` as a command says it: relative to the working directory, if it is below."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def require_own_folder() -> None:
    """Check that the working directory is not in another copy of the repository than this code.

    Raises:
        ExperimentError: it is, as in a copied folder, whose environment is still the old folder's.
    """
    here = Path.cwd()
    copies = (path for path in (here, *here.parents) if (path / "src" / "mnist_rnn").is_dir())
    folder = next(copies, ROOT)
    if not folder.samefile(ROOT):
        raise ExperimentError(
            f"The notebook runs in {folder}, with the code of {ROOT}: `make lab` in the first "
            "installs the code that is there."
        )
