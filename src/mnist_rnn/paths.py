"""Define the project's folders, and shorten paths for messages and commands."""

import os
from pathlib import Path

from mnist_rnn.errors import ExperimentError

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "pyproject.toml").is_file():
    raise ExperimentError(
        "mnist_rnn works only in a clone of its repository, because the data and the results are "
        "there. Run `git clone`, then run `make lab` in the clone."
    )
MNIST = ROOT / "data" / "mnist"
ORIGINALS = ROOT / "originals"  # scripts
COMMITTED = ROOT / "results"  # the committed results
# A relative path in an environment variable starts at ROOT, because a kernel can start in any
# folder. MNIST_RNN_PUBLISHED is the folder that contains claims.csv and curves.csv.
PUBLISHED = (ROOT / (os.environ.get("MNIST_RNN_PUBLISHED") or "data/published")).resolve()
# MNIST_RNN_RESULTS is the folder in which runs are written and read.
GIVEN = os.environ.get("MNIST_RNN_RESULTS")
RESULTS = (ROOT / (GIVEN or COMMITTED)).resolve()
OUTPUTS = (ROOT / (GIVEN or "outputs")).resolve()  # ignored by git
LATEST = OUTPUTS / "latest"  # contains the name of the run that was finished last
KERAS_HOME = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
KERAS_MNIST = Path(KERAS_HOME) / "datasets" / "mnist.npz"


def shown(path: Path) -> str:
    """Return `path` as text for a message, shortened if the file is in `OUTPUTS` or `ROOT`."""
    if path.is_relative_to(OUTPUTS):
        return path.relative_to(OUTPUTS.parent).as_posix()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def located(path: Path) -> str:
    """Return `path` as text for a command.

    The text is a relative path if the file is below the working directory.
    """
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def require_own_folder() -> None:
    """Check that the working directory is not in another copy of the repository.

    Raises:
        ExperimentError: the working directory is in another copy of the repository.
    """
    here = Path.cwd()
    copies = (path for path in (here, *here.parents) if (path / "src" / "mnist_rnn").is_dir())
    folder = next(copies, ROOT)
    if not folder.samefile(ROOT):
        raise ExperimentError(
            f"The notebook runs in {folder}, but uses the code in {ROOT}. Run `make lab` in "
            f"{folder} to install the code of this folder."
        )
