"""Compare the pictures in the outputs of notebooks, which nbval doesn't compare."""

import base64

import pytest
from helpers.pictures import compare
from nbval.plugin import IPyNbCell


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Compare the pictures of a cell with the committed pictures."""
    yield
    if isinstance(item, IPyNbCell) and item.options["check"]:
        committed, drawn = read_pictures(item.cell.outputs), read_pictures(item.test_outputs)
        for number, pair in enumerate(zip(committed, drawn, strict=True), 1):
            if problem := compare(*pair):
                item.raise_cell_error(f"Picture {number} of the cell: {problem}")


def read_pictures(outputs):
    """Return the PNG files in the outputs of a cell, in order."""
    data = [output["data"] for output in outputs if "data" in output]
    return [base64.b64decode(each["image/png"]) for each in data if "image/png" in each]
