"""Read the contents of matplotlib's figures."""

import numpy as np
from matplotlib.colors import to_hex


def only_image(ax):
    """Return the values of the only image in the axes `ax`."""
    (image,) = ax.images
    return np.asarray(image.get_array())


def labels_by_color(legend):
    """Return a dictionary that maps the colours in a legend to their labels."""
    texts = [text.get_text() for text in legend.get_texts()]
    return {
        to_hex(handle.get_facecolor()): text
        for handle, text in zip(legend.legend_handles, texts, strict=True)
    }
