"""Compare pictures pixel by pixel, with a tolerance for rounding on other CPUs."""

import io

import numpy as np
from matplotlib.testing.compare import calculate_rms
from matplotlib.testing.exceptions import ImageComparisonFailure
from PIL import Image

# Pixel values are from 0 to 255. TOLERANCE is the largest accepted root mean square difference of
# two pictures. Drawing a picture on another CPU gives a difference of 0.01. If one digit in a label
# is changed, the difference is above 0.3.
TOLERANCE = 0.1


def compare(committed: bytes, drawn: bytes, tolerance: float = TOLERANCE) -> str | None:
    """Return how two PNG files differ, or None if `tolerance` allows the difference."""
    files = (io.BytesIO(png) for png in (committed, drawn))
    images = [np.asarray(Image.open(file).convert("RGB"), int) for file in files]
    try:
        difference = calculate_rms(*images)
    except ImageComparisonFailure as error:
        return str(error)
    if difference <= tolerance:
        return None
    return f"expected the committed picture, got a picture with a difference of {difference:.2f}"
