"""Prepare `learn.html`, which trains a network in a browser and compares the weights' digests."""

import base64
import json
from typing import Any

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.known_answers import FILE, list_inputs, read_cases, take_step
from mnist_rnn.config import PAGE_CONFIG
from mnist_rnn.data import load_mnist
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import epoch_order
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.run import Run, read_run, run_path
from mnist_rnn.system.paths import COMMITTED, ROOT
from mnist_rnn.web.learn.engine import HERE, OPTIONS
from mnist_rnn.web.shared import SCRIPTS, compress, read_sources

PAGE_STEPS = PAGE_CONFIG.epochs * PAGE_CONFIG.train_size // PAGE_CONFIG.batch_size
TEST_DIGITS = 250  # during training, the page tests the network on this many test images
WORKER = (SCRIPTS[0], HERE / "engine.js", HERE / "compare.js", HERE / "worker.js")
MODULE = (*SCRIPTS, HERE / "learn.js")


def describe_learning() -> dict[str, Any]:
    """Return the values for the template `learn.html.j2`."""
    record = read_run(run_path(PAGE_CONFIG, ".json", COMMITTED))
    return {
        "learn_style": read_sources([HERE / "learn.css"]),
        "module": read_sources(MODULE),
        "worker": read_sources(WORKER),
        "engine": read_sources([ROOT / "implementations" / "rnn.c", HERE / "engine.c"]),
        "data": json.dumps(pack_run(record)),
        "steps": PAGE_STEPS,
        "run": record,
    }


def pack_run(record: Run) -> dict[str, Any]:
    """Return the data that `open` in learn.js reads: the run's weights, images, orders and engines.

    The images for training precede the images for testing. `digests` has the digest of the initial
    weights, then the digest of TensorFlow's weights after each epoch.
    """
    (x_train, y_train), (x_test, y_test) = load_mnist()
    size = PAGE_CONFIG.train_size
    engines = {kind: (HERE / f"{kind}.wasm").read_bytes() for kind in OPTIONS}
    weights = draw_initial_weights(PAGE_CONFIG)
    orders = [epoch_order(PAGE_CONFIG.seed, epoch, size) for epoch in range(PAGE_CONFIG.epochs)]
    return {
        "config": {
            "rate": PAGE_CONFIG.learning_rate,
            "units": PAGE_CONFIG.units,
            "batch": PAGE_CONFIG.batch_size,
            "images": size,
        },
        "parameters": f"{record.parameters:,}",
        "digests": [weights_sha256(weights), *record.history.weights_sha256],
        "weights": compress(b"".join(array.astype("<f4").tobytes() for array in weights)),
        "images": compress(x_train[:size].tobytes() + x_test[:TEST_DIGITS].tobytes()),
        "labels": "".join(map(str, [*y_train[:size], *y_test[:TEST_DIGITS]])),
        "orders": compress(np.stack(orders).astype("<u2").tobytes()),
        "known": compress(json.dumps(describe_known()).encode()),
        **{kind: base64.b64encode(engine).decode() for kind, engine in engines.items()},
    }


def describe_known() -> dict[str, Any]:
    """Return the known answers for compare.js, and the computed arrays of each case in order."""
    places: dict[str, list[tuple[str, int | None]]] = {}
    for name, case in read_cases().items():
        places[name] = [(key, None) for key in case if key not in list_inputs(case)]
        if not isinstance(case["x"], str):
            take_step(case, arrays=(computed := by_hand.Arrays()))
            places[name] = [place for place in computed if place[1] != 0]
    return {"cases": json.loads(FILE.read_text(encoding="utf-8")), "places": places}
