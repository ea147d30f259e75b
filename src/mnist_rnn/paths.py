"""Define the folders, and how paths are shown; `records.run` has the paths of a run's files."""

import os
from pathlib import Path

from mnist_rnn.errors import ExperimentError

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "pyproject.toml").is_file():
    raise ExperimentError(
        "mnist_rnn works only in a clone of its repository, which has the data and the results: "
        "run `git clone`, then `make lab` in the clone."
    )
MNIST = ROOT / "data" / "mnist"
ORIGINALS = ROOT / "originals"  # scripts
COMMITTED = ROOT / "results"  # the committed results
# Two environment variables set other folders. Relative paths start at ROOT, since a kernel may be
# started anywhere. MNIST_RNN_PUBLISHED is the folder of claims.csv and curves.csv.
PUBLISHED = (ROOT / (os.environ.get("MNIST_RNN_PUBLISHED") or "data/published")).resolve()
# MNIST_RNN_RESULTS is the folder to which runs are written, and from which tables are made.
GIVEN = os.environ.get("MNIST_RNN_RESULTS")
RESULTS = (ROOT / (GIVEN or COMMITTED)).resolve()
OUTPUTS = (ROOT / (GIVEN or "outputs")).resolve()  # ignored by git
KERAS_HOME = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
KERAS_MNIST = Path(KERAS_HOME) / "datasets" / "mnist.npz"


def shown(path: Path) -> str:
    """Return `path` as messages show it: relative, if it is in the outputs or the repository."""
    if path.is_relative_to(OUTPUTS):
        return path.relative_to(OUTPUTS.parent).as_posix()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def located(path: Path) -> str:
    """Return `path` for use in a command: relative if it is below the working directory."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def require_own_folder() -> None:
    """Check that this code and the working directory are not in different copies of the repository.

    Raises:
        ExperimentError: the working directory is in another copy, whose environment still has this
            code.
    """
    here = Path.cwd()
    copies = (path for path in (here, *here.parents) if (path / "src" / "mnist_rnn").is_dir())
    folder = next(copies, ROOT)
    if not folder.samefile(ROOT):
        raise ExperimentError(
            f"The notebook runs in {folder}, with the code of {ROOT}. Run `make lab` in the "
            "first folder, which installs its own code."
        )
