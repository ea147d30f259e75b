"""Define the errors, whose messages are complete without a traceback."""


class ExperimentError(Exception):
    """An error with a complete message, which a notebook shows without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class ParameterError(ExperimentError, ValueError):
    """An error in the name, type or value of a parameter."""


class ClaimError(ExperimentError):
    """An error in claims.csv or curves.csv: a missing file, or a wrong row."""


class DataError(ExperimentError):
    """An error in the data: MNIST is missing, or the files have other digests."""


class BackendError(ExperimentError):
    """An error in the set-up of Keras or TensorFlow, which would make bits depend on the CPU."""


class OutputError(ExperimentError, OSError):
    """An error in writing a file: no permission, no folder, a full disk."""


class ModelError(ExperimentError):
    """An error in a model file: unsafe to read, or not the expected model."""


class TrainingError(ExperimentError):
    """An error in training: interrupted, failed, or with parts of different runs."""


class RecordError(ExperimentError):
    """An error in a record: invalid, or of another run than its path names."""
