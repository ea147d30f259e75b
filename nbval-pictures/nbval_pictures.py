"""Compare the pictures in the outputs of notebooks, which nbval doesn't compare.

Copy this file into the folder of your notebooks, with the name conftest.py.
"""

import base64
import io

import numpy as np
import pytest
from nbval.plugin import IPyNbCell
from PIL import Image, UnidentifiedImageError

# Pixel values are from 0 to 255. TOLERANCE is the largest accepted root mean square difference of
# two pictures. Drawing a picture on another CPU gives a difference of 0.01. If one digit in a label
# is changed, the difference is above 0.3.
TOLERANCE = 0.1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Compare the pictures of a cell with the committed pictures."""
    yield
    if isinstance(item, IPyNbCell) and item.options["check"]:
        committed, drawn = read_pictures(item.cell.outputs), read_pictures(item.test_outputs)
        if len(committed) != len(drawn):
            item.raise_cell_error(f"expected {len(committed)} pictures, got {len(drawn)}")
        for number, pair in enumerate(zip(committed, drawn, strict=True), 1):
            if problem := compare(*pair):
                item.raise_cell_error(f"Picture {number} of cell {item.cell_num}: {problem}")


def read_pictures(outputs):
    """Return the PNG files in the outputs of a cell, in order."""
    data = [output["data"] for output in outputs if "data" in output]
    return [base64.b64decode(each["image/png"]) for each in data if "image/png" in each]


def compare(committed: bytes, drawn: bytes) -> str | None:
    """Return how two PNG files differ, or None if `TOLERANCE` allows the difference."""
    try:
        old, new = (
            np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float)
            for png in (committed, drawn)
        )
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        return f"expected two complete PNG files, got a damaged file: {error}"
    if old.shape != new.shape:
        return f"expected (height, width) {old.shape[:2]}, got {new.shape[:2]}"
    difference = np.sqrt(np.mean((old - new) ** 2))
    if difference <= TOLERANCE:
        return None
    return f"expected the committed picture, got a picture with a difference of {difference:.2f}"
