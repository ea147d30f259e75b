"""Compare pictures by their pixels, with a tolerance for the rounding of other CPUs."""

import io

import numpy as np
from matplotlib.testing.compare import calculate_rms
from matplotlib.testing.exceptions import ImageComparisonFailure
from PIL import Image

# The tolerated root mean square difference of all pixels and colours, whose values are 0 to 255.
# Other CPUs differ by 0.01; one changed digit in a label gives more than 0.3.
TOLERANCE = 0.1


def compare(committed: bytes, drawn: bytes, tolerance: float = TOLERANCE) -> str | None:
    """Return how a drawn PNG differs from the committed one, or None if it does not."""
    files = (io.BytesIO(png) for png in (committed, drawn))
    images = [np.asarray(Image.open(file).convert("RGB"), int) for file in files]
    try:
        difference = calculate_rms(*images)
    except ImageComparisonFailure as error:
        return str(error)
    if difference <= tolerance:
        return None
    return f"expected the committed picture, got one that differs by {difference:.2f}"
