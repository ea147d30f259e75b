"""Define exceptions with messages that are complete without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager


class ExperimentError(Exception):
    """An exception that notebooks show without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class ParameterError(ExperimentError, ValueError):
    """An error in the name, type or value of a parameter."""


class ClaimError(ExperimentError):
    """An error in claims.csv or curves.csv, such as a missing file or a wrong cell."""


class DataError(ExperimentError):
    """An error in loading MNIST: the files are missing, or their digests are wrong."""


class BackendError(ExperimentError):
    """An error in the settings of Keras or TensorFlow, which could change the trained weights."""


class OutputError(ExperimentError, OSError):
    """An error in writing a file, such as a missing permission or a full disk."""


class RecordError(ExperimentError):
    """An error in the record of a run, such as an invalid value or a wrong path."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """End a command with one sentence and exit status 1, in place of an error's traceback."""
    try:
        yield
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        said = f"{error.filename}: {error.strerror}." if error.filename else str(error)
        raise SystemExit(said) from None
