"""Test the committed notebooks, and execute 02_train.ipynb with papermill."""

import ast
import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from helpers.runs import (
    NOTEBOOKS,
    TRAIN,
    end,
    environment,
    finish,
    papermill_command,
    run_python,
    start,
    start_nbval,
    start_papermill,
)
from jupyter_client.manager import start_new_kernel
from nbval_pictures import compare

from mnist_rnn.config import Configuration, Interpretation
from mnist_rnn.system.paths import COMMITTED, ROOT

# These two notebooks write pictures into results/.
WRITTEN = {
    "02_train.ipynb": ["runs/simple_rnn-256-sgd/rnn-mnist.png"],
    "03_results.ipynb": ["accuracy.png"],
}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


@each_notebook
def test_an_executed_notebook_has_the_committed_outputs(path, tmp_path):
    results = tmp_path / "outputs"
    shutil.copytree(COMMITTED, results, ignore=shutil.ignore_patterns("*.png"))
    nbval = start_nbval(path, results, "--nbval", "--nbval-cell-timeout", "3600")
    status, output = end(nbval, timeout=3600)
    assert status == 0, output
    drawn = {str(file.relative_to(results)): file.read_bytes() for file in results.rglob("*.png")}
    assert [*drawn] == WRITTEN.get(path.name, [])
    for name, picture in drawn.items():
        assert compare((COMMITTED / name).read_bytes(), picture) is None, name


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_example_in_another_folder_fails_on_a_changed_number_and_picture(tmp_path):
    """Copy the plugin and its example, execute three versions, and name what has changed."""
    plugin = ROOT / "nbval-pictures"
    shutil.copy(plugin / "nbval_pictures.py", tmp_path / "conftest.py")
    text = (plugin / "example" / "plot.ipynb").read_text()
    for name, old, new in (
        ("number", "sum(squares)", "sum(squares) - 1"),
        ("picture", "Sum: 55", "Sum: 56"),
        ("damaged", "iVBORw0K", "iVBORw0L"),
    ):
        (tmp_path / f"{name}.ipynb").write_text(text.replace(old, new))
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rf"]
    status, output = end(start([*command, "--color=no", "."], cwd=tmp_path))
    assert status == 1
    report, _, summary = output.partition("short test summary info")
    failed = re.findall(r"^FAILED (\w+)\.ipynb::Cell (\d)", summary, flags=re.M)
    assert failed == [("damaged", "1"), ("number", "0"), ("picture", "1")]
    found = re.findall("Picture 1 of cell 1: (expected .*)", report)
    assert [sentence.partition(", got ")[0] for sentence in found] == [
        "expected two complete PNG files", "expected the committed picture",
    ]  # fmt: skip
    assert "plugin exception" not in output


@each_notebook
def test_each_committed_notebook_was_executed_from_top_to_bottom(path):
    """Check that the outputs contain no errors, warnings, widgets or local paths."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    text = json.dumps(outputs)
    assert not re.search(r"/(home|root|tmp|work|Users|usr|opt)/|site-packages|widget-view", text)
    assert str(ROOT) not in text
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("02_train.ipynb", Configuration), ("04_reading.ipynb", Interpretation)],
)
def test_papermill_describes_each_parameter_of_a_notebook(name, kind):
    shown = papermill.inspect_notebook(str(TRAIN.with_name(name)))
    defaults = {name: ast.literal_eval(parameter["default"]) for name, parameter in shown.items()}
    fields = {name: field.default for name, field in kind.model_fields.items()}
    assert list(defaults.items()) == list(fields.items())
    assert {parameter["inferred_type_name"] for parameter in shown.values()} <= {
        "str",
        "int",
        "float",
    }
    assert all(parameter["help"] for parameter in shown.values())


needs_make = pytest.mark.skipif(
    not (Path(sys.prefix) / "etc/ipython").exists(), reason="needs the environment of `make`"
)


@needs_make
def test_opening_a_notebook_with_any_python_version_does_not_change_the_file():
    """Check the Python version that JupyterLab gets from the kernel and writes into notebooks."""
    manager, client = start_new_kernel()
    said = client.kernel_info(reply=True, timeout=60)["content"]["language_info"]
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    assert said["version"] == "3"
    for path in (*NOTEBOOKS, ROOT / "workflow" / "report.ipynb"):
        assert nbformat.read(path, as_version=4).metadata.language_info == said, path


def test_papermill_runs_the_notebook_with_the_given_parameters(tmp_path):
    sizes = {"train_size": 1000, "batch_size": 125}
    parameters = sizes | {"units": 8, "epochs": 1, "optimizer": "adam", "seed": 3}
    command = [*papermill_command(parameters, tmp_path / "out.ipynb"), "--inject-paths"]
    # Start papermill outside the root of the repository, unlike `make reproduce`.
    record = finish(start(command, env=environment(tmp_path), cwd=tmp_path), tmp_path)
    assert record.config == Configuration(**parameters)
    outputs = (tmp_path / "out.ipynb").read_text()
    assert "No test accuracy was published for this configuration." in outputs


def test_papermill_rejects_wrong_parameters_before_tensorflow_is_loaded(tmp_path):
    """Give wrong values, an unknown name, and a name that the notebook imports."""
    wrong = {"units": "true", "learning_rate": "nan", "epoch": "5", "load_curves": "1"}
    status, output = end(start_papermill(wrong, tmp_path))
    assert status != 0
    said = output.split("Exception encountered")[1]
    assert "Traceback" not in said
    assert all(re.search(rf"\b{name}: expected .*, got ", said) for name in wrong)
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    sources = [cell.source for cell in code_cells(executed) if cell.execution_count]
    assert sources[-1].startswith("config = read_parameters(globals())")
    assert not (tmp_path / "runs").exists()


def test_reading_parameters_and_records_does_not_load_tensorflow():
    first = code_cells(nbformat.read(TRAIN, as_version=4))[0].source
    # These modules import all other modules that analyse runs.
    modules = "data, bits.verify, sweep, analysis.tables, figures.results"
    imports = "; ".join(f"import mnist_rnn.{name}" for name in modules.split(", "))
    program = f"{first}\nimport sys; {imports}; sys.exit('tensorflow' in sys.modules)"
    assert run_python(program).returncode == 0


def test_the_committed_notebook_agrees_with_the_committed_record(committed):
    """Check that the output of 02_train.ipynb contains the results of the committed record."""
    text = json.dumps(nbformat.read(TRAIN, as_version=4))
    reached, loss = committed.test_accuracy, committed.test_loss
    assert f"Test accuracy: {reached:.2f}%, loss: {loss:.4f}" in text
    assert f"{committed.test_errors} of 10,000 test images" in text
    assert committed.weights_sha256 in text
