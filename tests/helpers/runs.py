"""Start processes that execute 02_train.ipynb, in plain Python or with papermill.

`python runs.py '{"units": 8}'` executes the code cells of 02_train.ipynb with 8 units.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat

from mnist_rnn.records.run import Run, read_runs
from mnist_rnn.system.paths import ROOT

CLONE = (ROOT / ".git").exists()  # an unpacked release has no .git
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TRAIN = ROOT / "notebooks" / "02_train.ipynb"


def environment(results: Path) -> dict[str, str]:
    """Return environment variables that make a process write its results to `results`."""
    return os.environ | {"MNIST_RNN_RESULTS": str(results)}


def mark_installed(checkout: Path, venv: str = ".venv") -> None:
    """Write the file that tells `make` that the virtual environment is complete."""
    mark = "{ pwd -P; cat requirements.lock pyproject.toml | cksum; }"
    subprocess.run(["sh", "-c", f'{mark} > "$0"/installed', venv], cwd=checkout, check=True)


def start(command, **options) -> subprocess.Popen:
    """Start a process in a new session, and connect its output to a pipe."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, **pipes | {"start_new_session": True} | options)


@contextmanager
def killed_on_failure(process: subprocess.Popen) -> Iterator[None]:
    """Kill the process if the `with` block fails or pytest is stopped."""
    try:
        yield
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise


def end(process: subprocess.Popen, timeout: float = 600) -> tuple[int, str]:
    """Wait until a process ends, and return its exit status and its output."""
    with killed_on_failure(process):
        output, _ = process.communicate(timeout=timeout)
    return process.returncode, output


def run_python(program: str, cwd=None, **variables: str) -> subprocess.CompletedProcess:
    """Run Python code in a new process with additional environment variables."""
    command = [sys.executable, "-c", program]
    env = os.environ | variables
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


def start_plain(parameters, results, python=sys.executable, **variables) -> subprocess.Popen:
    command = [python, __file__, json.dumps(parameters)]
    return start(command, env=environment(results) | variables)


def papermill_command(parameters, output, notebook=TRAIN) -> list[str]:
    papermill = Path(sys.executable).with_name("papermill")
    command = [papermill, "--no-progress-bar", "--log-output", notebook, output]
    words = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    return [str(word) for word in (*command, *words)]


def start_papermill(parameters, results, **options) -> subprocess.Popen:
    results.mkdir(parents=True, exist_ok=True)
    command = papermill_command(parameters, results / "out.ipynb")
    return start(command, env=environment(results), **options)


def start_nbval(notebook: Path, results: Path, *options: str) -> subprocess.Popen:
    """Start nbval, which executes a notebook and compares the new outputs with the saved ones."""
    command = [sys.executable, "-m", "pytest", "--nbval-current-env", "-p", "no:cacheprovider"]
    env = environment(results) | {"MATPLOTLIBRC": str(Path(__file__).with_name("matplotlibrc"))}
    return start([*command, *options, notebook], env=env)


def set_parameters(notebook: Path, parameters) -> None:
    """Change the defaults in the parameters cell of a copy of 02_train.ipynb."""
    content = nbformat.read(notebook, as_version=4)
    (cell,) = (cell for cell in content.cells if "parameters" in cell.metadata.get("tags", []))
    for name, value in parameters.items():
        line, new = rf"^({name}: \w+) = \S+", rf"\1 = {value!r}"
        cell.source, changed = re.subn(line, new, cell.source, flags=re.M)
        assert changed == 1, name
    nbformat.write(content, notebook)


def read_until(process: subprocess.Popen, text: str) -> str:
    """Return the output of a process up to the first line that contains `text`."""
    output = ""
    with killed_on_failure(process):
        for line in process.stdout:
            output += line
            if text in line:
                return output
    raise AssertionError(f"expected a line with {text!r}, got the output {output}")


def finish(process: subprocess.Popen, results: Path) -> Run:
    """Wait until a process ends, and return the only run in the folder `results`."""
    status, output = end(process, timeout=3600)
    assert status == 0, output
    (run,), left_out = read_runs(results)
    assert not left_out
    return run


def outcome(run: Run) -> dict:
    """Return all fields of a run except its duration and its environment."""
    return run.model_dump(exclude={"seconds", "environment"})


if __name__ == "__main__":
    namespace = {}
    for cell in nbformat.read(TRAIN, as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, namespace)
        if "parameters" in cell.metadata.get("tags", []):
            namespace.update(json.loads(sys.argv[1]))
