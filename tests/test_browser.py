"""Run the notebooks in JupyterLab with a headless browser, as a user would."""

import shutil

import pytest
from helpers.lab import PROMPTS, open_lab, run_all
from helpers.runs import NOTEBOOKS
from helpers.shapes import SHAPES, draw

from mnist_rnn.system.paths import ROOT

pytestmark = pytest.mark.slow

# With the default parameters, 02_train.ipynb would train for minutes.
QUICK = {"epochs": 1, "train_size": 2000}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "results", home / "results")
    with open_lab(home, QUICK) as address:
        yield address


@pytest.mark.parametrize("name", [path.name for path in NOTEBOOKS])
def test_all_cells_of_a_notebook_run_without_errors(name, browser, lab):
    page, errors = run_all(browser, lab, name)
    for complaint in ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr"):
        outputs = page.locator(f".jp-OutputArea [data-mime-type='{complaint}']")
        assert outputs.all_inner_texts() == []
    assert "[ ]:" not in page.evaluate(PROMPTS)  # such a cell hasn't run: the kernel has died
    if name == "04_reading.ipynb":
        page.locator(".reading").scroll_into_view_if_needed()
        answer = draw(page, SHAPES["7 plain"], wait=1000)
        assert answer.startswith("The network reads a 7 (")
        for _ in range(2):  # outside the pad, pressing d twice would delete a cell
            page.locator("canvas[tabindex]").press("d")
    assert errors == []
