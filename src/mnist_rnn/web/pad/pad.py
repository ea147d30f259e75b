"""Show the pad on which users draw a digit, in JupyterLab or in a page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from anywidget import AnyWidget
from IPython import get_ipython
from IPython.display import display

from mnist_rnn.analysis.trained_network import compute_probabilities
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.records.consistency import Weights, compute_states
from mnist_rnn.records.run import Run
from mnist_rnn.web.shared import SCRIPTS, compress, read_sources

ELSEWHERE = "Run this cell in JupyterLab: the pad appears here. `make site` makes a page of it."
HARD, SAMPLE = 300, 200  # numbers of test digits on the pad: the hardest, and the first
MODULE = read_sources([*SCRIPTS, Path(__file__).with_name("pad.js")])
STYLE = read_sources([Path(__file__).with_name("pad.css")])


class Pad(AnyWidget):
    """The pad in JupyterLab, for which the kernel provides only the data."""

    _esm = f"{MODULE}\nexport default {{ render }};\n"
    _css = STYLE
    data = traitlets.Dict().tag(sync=True)

    def __repr__(self) -> str:
        """Return the text for pages that can't show widgets."""
        return ELSEWHERE


def pack_digits(weights: Weights, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return the network and some uint8 test digits (n, 28, 28), for `unpack` in network.js."""
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
    """Return the indices (n,) of all images, hardest first.

    Misclassified images come first. Both groups are sorted by the probability of the label.
    """
    last = compute_probabilities(weights, compute_states(weights, scale(images))[:, -1])
    right = last.argmax(axis=1) == labels
    return np.lexsort((last[np.arange(len(labels)), labels], right))


def open_pad(weights: Weights, images: np.ndarray, labels: np.ndarray) -> None:
    """Show a pad if a user can draw on it, else a sentence.

    A page without a kernel would show an error instead of the pad. So programs that execute
    notebooks (nbclient, papermill, nbval) must not write a pad to the outputs. Unlike them, front
    ends for users name the cell in the request's metadata. The arguments are those of
    `pack_digits`.
    """
    if "cellId" in get_ipython().kernel.get_parent()["metadata"]:
        display(Pad(data=pack_digits(weights, images, labels)))
    else:
        print(ELSEWHERE)


def describe_pad(
    record: Run, weights: Weights, images: np.ndarray, labels: np.ndarray
) -> dict[str, str]:
    """Return the values of the template `draw.html.j2`, with the digits of `pack_digits`."""
    return {
        "pad_style": STYLE,
        "module": MODULE,
        "data": json.dumps(pack_digits(weights, images, labels)),
        "units": str(record.config.units),
        "parameters": f"{record.parameters:,}",
        "dropout": f" with dropout {record.config.dropout}" if record.config.dropout else "",
        "train_size": f"{record.config.train_size:,}",
        "accuracy": f"{record.test_accuracy:.2f}%",
        "errors": str(record.test_errors),
        "digest": record.weights_sha256,
    }
