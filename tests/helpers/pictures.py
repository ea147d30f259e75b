"""Compare pictures pixel by pixel, with a tolerance for rounding on other CPUs."""

import io

import numpy as np
from matplotlib.testing.compare import calculate_rms
from matplotlib.testing.exceptions import ImageComparisonFailure
from PIL import Image

# TOLERANCE is the largest accepted root mean square difference of pixel values, which are 0 to 255.
# The root mean square difference of a picture drawn on another CPU is 0.01. If one digit in a label
# is changed, the root mean square difference is above 0.3.
TOLERANCE = 0.1


def compare(committed: bytes, drawn: bytes, tolerance: float = TOLERANCE) -> str | None:
    """Return a sentence on the difference of two PNG files, or None if TOLERANCE allows it."""
    files = (io.BytesIO(png) for png in (committed, drawn))
    images = [np.asarray(Image.open(file).convert("RGB"), int) for file in files]
    try:
        difference = calculate_rms(*images)
    except ImageComparisonFailure as error:
        return str(error)
    if difference <= tolerance:
        return None
    return f"expected the committed picture, got a picture with a difference of {difference:.2f}"
