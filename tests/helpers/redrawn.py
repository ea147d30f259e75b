"""Draw the figures of the notebooks again, by running their cells in this process."""

import ast
import base64
import re
from functools import cache
from types import SimpleNamespace
from unittest.mock import patch

import nbformat
import numpy as np
from IPython.core.formatters import DisplayFormatter

from mnist_rnn.analysis import trained_network
from mnist_rnn.analysis.answer import choose_results
from mnist_rnn.analysis.claims import read_claims, read_curves
from mnist_rnn.analysis.one_bit import read_pairs
from mnist_rnn.analysis.tables import tabulate_results
from mnist_rnn.analysis.trained_network import Weights, compute_states
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.figures import interpretation, one_bit, results, training
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records.model_file import load_model, load_run
from mnist_rnn.records.run import read_runs, run_path

DRAWS = re.compile(r"^((?:figures\.)?(draw_\w+)\()", flags=re.MULTILINE)


@cache
def read_cells():
    """Return a dictionary from the name of each drawing function to its notebook and cell."""
    cells = {}
    for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
        for cell in nbformat.read(path, 4).cells:
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                cells[re.search(r"draw_\w+(?=\()", cell.source)[0]] = path.stem, cell
    return cells


def read_committed(name):
    """Return the PNG, the caption, the width and the alternative text of a notebook's figure."""
    image, caption = (each for each in read_cells()[name][1].outputs if "data" in each)
    png = base64.b64decode(image.data["image/png"])
    return png, caption.data["text/markdown"], image.metadata["image/png"]


def draw_anew(name, folder):
    """Run a figure's cell on the committed results, and return what `read_committed` returns."""
    notebook, cell = read_cells()[name]
    names = vars(training) | vars(results) | read_names(notebook) | {"RESULTS": folder}
    exec(DRAWS.sub(r"figure = \1", cell.source), names)
    with patch("mnist_rnn.figures.captioned.display") as display:
        names["figure"]._ipython_display_()
    image, caption = display.call_args.args
    return image.data, caption.data, image._repr_mimebundle_()[1]["image/png"]


@cache
def read_states():
    """Return the default run, its weights, the test images and their hidden states."""
    run, arrays = load_run(run_path(Configuration(), ".keras", COMMITTED))
    weights = Weights(*arrays)
    x_test = scale(load_mnist()[1][0])
    return run, weights, x_test, compute_states(weights, x_test)


@cache
def read_names(notebook):
    """Return a dictionary of the variables that the figure cells of a notebook use."""
    if notebook == "03_results":
        runs, claims, *_ = tabulate_results(*read_runs(COMMITTED))
        groups = dict(list(runs.groupby("configuration", sort=False)))
        published = choose_results(claims)
        return {**locals(), "Configuration": Configuration}
    if notebook == "06_one_bit":
        return {**vars(one_bit), "pairs": read_pairs(), "trained": None}
    (x_train, y_train), (images, y_test) = load_mnist()
    if notebook == "01_data":
        return locals()
    run, weights, x_test, hidden = read_states()
    probabilities = trained_network.compute_probabilities(weights, hidden)
    if notebook == "02_train":
        claims = [each for each in read_claims() if each.configuration_name == run.config.name]
        probabilities, curves = probabilities[:, -1], read_curves(read_claims())
        answers, state = probabilities.argmax(axis=1), SimpleNamespace(history=vars(run.history))
        test = SimpleNamespace(x=x_test, y=y_test)
        return locals()
    network, example = load_model(run_path(Configuration(), ".keras", COMMITTED)), 0
    test_size = 2000
    x_some, y_some = x_test[:test_size], y_test[:test_size]
    return {**locals(), "figures": interpretation, "trained_network": trained_network, "np": np}


def run_cells(name):
    """Run a notebook's cells in this process. Yield what a browser shows of each, and had shown."""
    names, formatter = {}, DisplayFormatter()
    for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells:
        if cell.cell_type == "code":
            parsed = ast.parse(cell.source)
            last = parsed.body.pop() if isinstance(parsed.body[-1], ast.Expr) else None
            exec(compile(parsed, name, "exec"), names)
            value = last and eval(compile(ast.Expression(last.value), name, "eval"), names)
            committed = [output.data for output in cell.outputs]
            if last and not any("image/png" in data for data in committed):
                (data,) = committed
                shown, _ = formatter.format(value)
                yield [{**each, "text/plain": ""} for each in (shown, data)]
