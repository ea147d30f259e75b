"""The pad to draw a digit on: one module of JavaScript, in JupyterLab and in a page."""

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
HARD, SAMPLE = 300, 200  # test digits that the pad offers: the hardest, and some as they come
MODULE = read_sources([*SCRIPTS, Path(__file__).with_name("pad.js")])
STYLE = read_sources([Path(__file__).with_name("pad.css")])


class Pad(AnyWidget):
    """The pad in JupyterLab; the kernel gives the data and computes nothing."""

    _esm = f"{MODULE}\nexport default {{ render }};\n"
    _css = STYLE
    data = traitlets.Dict().tag(sync=True)

    def __repr__(self) -> str:
        """What a page shows in its place that knows no widgets."""
        return ELSEWHERE


def pack_digits(weights: Weights, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The network and some test digits (n, 28, 28), uint8, as JSON for `unpack` in network.js."""
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
    """Return indices (n,) of images: the misclassified first, by the probability of the label."""
    last = compute_probabilities(weights, compute_states(weights, scale(images))[:, -1])
    right = last.argmax(axis=1) == labels
    return np.lexsort((last[np.arange(len(labels)), labels], right))


def open_pad(weights: Weights, images: np.ndarray, labels: np.ndarray) -> None:
    """Show a pad where somebody can draw on it, and a sentence elsewhere.

    A page without a kernel would show an error in the pad's place, so no output may hold one that
    was made by a program. Front ends for people say which cell they run, in the request's
    metadata; programs that execute notebooks (nbclient, papermill, nbval) don't. The arguments are
    those of `pack_digits`.
    """
    if "cellId" in get_ipython().kernel.get_parent()["metadata"]:
        display(Pad(data=pack_digits(weights, images, labels)))
    else:
        print(ELSEWHERE)


def describe_pad(
    record: Run, weights: Weights, images: np.ndarray, labels: np.ndarray
) -> dict[str, str]:
    """The values of the template `draw.html.j2`; the arguments are those of `pack_digits`."""
    return {
        "pad_style": STYLE,
        "module": MODULE,
        "data": json.dumps(pack_digits(weights, images, labels)),
        "units": str(record.config.units),
        "parameters": f"{record.parameters:,}",
        "dropout": f", dropout {record.config.dropout}" if record.config.dropout else "",
        "train_size": f"{record.config.train_size:,}",
        "accuracy": f"{record.test_accuracy:.2f}%",
        "errors": str(record.test_errors),
        "digest": record.weights_sha256,
    }
