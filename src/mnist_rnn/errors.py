"""What can go wrong, in words that stand for themselves."""


class ExperimentError(Exception):
    """An error whose message says all; a notebook shows it without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class ParameterError(ExperimentError, ValueError):
    """A parameter has a wrong name, type or value."""


class ClaimError(ExperimentError):
    """claims.csv or curves.csv is missing, or a row is not a claim."""


class DataError(ExperimentError):
    """MNIST is missing or is not MNIST."""


class BackendError(ExperimentError):
    """What computes is not set up so that every CPU computes the same bits."""


class OutputError(ExperimentError, OSError):
    """A file can't be written: no permission, no folder, a full disk."""


class ModelError(ExperimentError):
    """A model file can't be read safely, or is not the one that is needed."""


class TrainingError(ExperimentError):
    """Training was stopped, or its numbers went wrong."""


class RecordError(ExperimentError):
    """A file among the records is not a record, or not of the run that its place says."""
