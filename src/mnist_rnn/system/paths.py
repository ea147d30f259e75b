"""Define the project's folders, and shorten paths for messages."""

import os
from pathlib import Path

from mnist_rnn.system.errors import ExperimentError

ROOT = Path(__file__).resolve().parents[3]
if not (ROOT / "pyproject.toml").is_file():
    raise ExperimentError(
        "mnist_rnn works only in a clone of its repository, because the data and the results are "
        "there. Run `git clone`, then run `make lab` in the clone."
    )
MNIST = ROOT / "data" / "mnist"
ORIGINALS = ROOT / "originals"  # scripts
COMMITTED = ROOT / "results"  # the committed results


def locate(variable: str, default: str) -> Path:
    """Return the folder that an environment variable names; a relative path starts at `ROOT`.

    Kernels start in other folders. `realpath` also accepts a link to itself.
    """
    return Path(os.path.realpath(ROOT / (os.environ.get(variable) or default)))


PUBLISHED = locate("MNIST_RNN_PUBLISHED", "data/published")  # contains claims.csv and curves.csv
OUTPUTS = locate("MNIST_RNN_RESULTS", "outputs")  # a user's own runs, ignored by git
# The folder of the sweep. Runs of a user's own claims are not mixed with the committed runs.
OWN_CLAIMS = PUBLISHED != ROOT / "data" / "published"
RESULTS = locate("MNIST_RNN_RESULTS", "outputs" if OWN_CLAIMS else "results")
LATEST = OUTPUTS / "latest"  # contains the name of the run that was finished last
KERAS_HOME = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
KERAS_MNIST = Path(KERAS_HOME) / "datasets" / "mnist.npz"


def shown(path: Path) -> str:
    """Return `path` as text for a message, shortened if the file is in `OUTPUTS` or `ROOT`."""
    if path.is_relative_to(OUTPUTS):
        return path.relative_to(OUTPUTS.parent).as_posix()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


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
