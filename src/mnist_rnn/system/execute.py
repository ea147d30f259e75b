"""Execute a notebook with papermill, whose options this command accepts.

If the notebook raises an `ExperimentError`, the command ends with its message, without a traceback.
"""

from jupyter_client.kernelspec import NoSuchKernel
from nbformat import ValidationError
from papermill.cli import papermill
from papermill.exceptions import PapermillExecutionError

from mnist_rnn.system.errors import ExperimentError, one_sentence


@one_sentence()
def main() -> None:
    """Execute the notebook that the command line names."""
    try:
        papermill()
    except PapermillExecutionError as error:
        if error.traceback == [f"{error.ename}: {error.evalue}"]:  # an `ExperimentError`
            raise ExperimentError(error.evalue) from None
        raise
    except NoSuchKernel as error:
        raise ExperimentError(f"--kernel: expected a kernel, got {error.name}.") from None
    except (ValueError, ValidationError) as error:
        said = str(error).partition("\n")[0]
        raise ExperimentError(f"expected a notebook, got another file: {said}") from None


if __name__ == "__main__":
    main()
