"""Show the pad on which users draw a digit, in JupyterLab or in a web page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from anywidget import AnyWidget
from IPython import get_ipython
from IPython.display import display

from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.records.run import Run
from mnist_rnn.web.shared import SCRIPTS, compress, read_sources

ELSEWHERE = (
    "Run this cell in JupyterLab to show the drawing pad here. `make site` makes a page of the pad."
)
# The pad contains the 300 hardest test digits and the first 200 test digits.
HARD, SAMPLE = 300, 200
MODULE = read_sources([*SCRIPTS, Path(__file__).with_name("pad.js")])
STYLE = read_sources([Path(__file__).with_name("pad.css")])


class Pad(AnyWidget):
    """The drawing pad in JupyterLab; the kernel only provides the pad's data."""

    _esm = f"{MODULE}\nexport default {{ render }};\n"
    _css = STYLE
    data = traitlets.Dict().tag(sync=True)

    def __repr__(self) -> str:
        """Return the text that replaces the pad where widgets can't be shown."""
        return ELSEWHERE


def pack_digits(weights: Weights, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Pack the weights and some of the uint8 images (n, 28, 28) for `unpack` in network.js."""
    hard = find_hardest(weights, images, labels)[:HARD]
    chosen = np.concatenate([hard, np.arange(SAMPLE)])
    little = [array.astype("<f4") for array in weights]
    return {
        "sizes": {name: array.size for name, array in zip(Weights._fields, little, strict=True)},
        "weights": compress(b"".join(array.tobytes() for array in little)),
        "images": compress(images[chosen].tobytes()),
        "labels": "".join(map(str, labels[chosen])),
        "hard": len(hard),
    }


def find_hardest(weights: Weights, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the indices (n,) of all images, with the hardest images first.

    Misclassified images come before all other images. Each group is sorted by the predicted
    probability of the label, with the lowest probability first.
    """
    last = compute_probabilities(weights, compute_states(weights, scale(images))[:, -1])
    right = last.argmax(axis=1) == labels
    return np.lexsort((last[np.arange(len(labels)), labels], right))


def open_pad(weights: Weights, images: np.ndarray, labels: np.ndarray) -> None:
    """Show a drawing pad if a user can draw on it, else show a sentence.

    A web page of a notebook has no kernel, so it would show an error instead of the pad. Programs
    that execute notebooks (nbclient, papermill, nbval) must therefore not write a pad to the
    outputs. JupyterLab sends the cell's id in the metadata of its request, but nbclient, papermill
    and nbval send no id. `open_pad` takes the same arguments as `pack_digits`.
    """
    if "cellId" in get_ipython().kernel.get_parent()["metadata"]:
        display(Pad(data=pack_digits(weights, images, labels)))
    else:
        print(ELSEWHERE)


def describe_pad(
    record: Run, weights: Weights, images: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Return the values for the template `draw.html.j2`, with the test digits of `pack_digits`."""
    data = json.dumps(pack_digits(weights, images, labels))
    return {"pad_style": STYLE, "module": MODULE, "data": data, "run": record}
