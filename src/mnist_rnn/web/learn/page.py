"""Prepare `learn.html`, which trains the network in a browser and compares it with TensorFlow's.

`BrowserResult` describes the record that the page saves.
"""

import base64
import json
from typing import Any

from mnist_rnn.bits.browser_result import PAGE_CONFIG, PAGE_STEPS
from mnist_rnn.data import load_mnist
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.paths import ROOT
from mnist_rnn.web.learn.engine import HERE, OPTIONS
from mnist_rnn.web.learn.steps import list_orders, read_repeated
from mnist_rnn.web.shared import SCRIPTS, compress, read_sources

TEST_DIGITS = 250  # the first test images, for the accuracy and the map during the training
WORKER = (SCRIPTS[0], HERE / "engine.js", HERE / "worker.js")
MODULE = (*SCRIPTS, HERE / "learn.js")


def describe_learning() -> dict[str, Any]:
    """Return the values of the template `learn.html.j2`.

    Raises:
        RecordError: the run that the page repeats is missing or damaged.
    """
    record, digests = read_repeated()
    return {
        "learn_style": read_sources([HERE / "learn.css"]),
        "module": read_sources(MODULE),
        "worker": read_sources(WORKER),
        "engine": read_sources([ROOT / "implementations" / "rnn.c", HERE / "engine.c"]),
        "data": json.dumps(pack_run(digests, f"{record.parameters:,}")),
        "images": f"{PAGE_CONFIG.train_size:,}",
        "parameters": f"{record.parameters:,}",
        "steps": PAGE_STEPS,
        "units": PAGE_CONFIG.units,
        "batch": PAGE_CONFIG.batch_size,
        "accuracy": f"{record.test_accuracy:.2f}%",
        "digest": record.weights_sha256,
    }


def pack_run(digests: list[str], parameters: str) -> dict[str, Any]:
    """Return the run for `open` in learn.js, with the images for training, then for testing."""
    (x_train, y_train), (x_test, y_test) = load_mnist()
    size = PAGE_CONFIG.train_size
    engines = {kind: (HERE / f"{kind}.wasm").read_bytes() for kind in OPTIONS}
    weights = [array.astype("<f4").tobytes() for array in draw_initial_weights(PAGE_CONFIG)]
    return {
        "config": {
            "rate": PAGE_CONFIG.learning_rate,
            "units": PAGE_CONFIG.units,
            "batch": PAGE_CONFIG.batch_size,
            "images": size,
        },
        "parameters": parameters,
        "digests": " ".join(digests),
        "weights": compress(b"".join(weights)),
        "images": compress(x_train[:size].tobytes() + x_test[:TEST_DIGITS].tobytes()),
        "labels": "".join(map(str, [*y_train[:size], *y_test[:TEST_DIGITS]])),
        "orders": compress(list_orders().astype("<u2").tobytes()),
        **{kind: base64.b64encode(engine).decode() for kind, engine in engines.items()},
    }
