"""What `learn.html` holds, which trains the network in a browser and compares it with TensorFlow's.

What the page saves is described by `BrowserResult`.
"""

import base64
import json
from pathlib import Path
from typing import Any

from mnist_rnn.data import load_mnist
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.learn.engine import HERE, OPTIONS
from mnist_rnn.learn.steps import Repeated, list_orders, read_repeated
from mnist_rnn.pad.pad import compress

PAD = HERE.parent / "pad"
TEST_DIGITS = 250  # the first of them, for the accuracy and the map while it learns
WORKER = (PAD / "network.js", HERE / "engine.js", HERE / "worker.js")
MODULE = (PAD / "network.js", PAD / "drawing.js", HERE / "learn.js")


def describe_lesson() -> dict[str, Any]:
    """The values of the template `learn.html.j2`.

    Raises:
        RecordError: what the page compares with is missing or damaged.
    """
    run = read_repeated()
    config = run.record.config
    return {
        "lesson_style": read_text(HERE / "learn.css"),
        "module": "\n".join(map(read_text, MODULE)),
        "worker": "\n".join(map(read_text, WORKER)),
        "engine": read_text(HERE / "engine.c"),
        "data": json.dumps(pack(run)),
        "images": f"{config.train_size:,}",
        "parameters": f"{run.record.parameters:,}",
        "steps": len(run.digests) - 1,
        "units": config.units,
        "batch": config.batch_size,
        "accuracy": f"{run.record.test_accuracy:.2f}%",
        "digest": run.record.weights_sha256,
    }


def pack(run: Repeated) -> dict[str, Any]:
    """The run as JSON for `open` in learn.js: images for training, then for testing."""
    config = run.record.config
    (x_train, y_train), (x_test, y_test) = load_mnist()
    size = config.train_size
    weights = [array.astype("<f4").tobytes() for array in draw_initial_weights(config)]
    return {
        "config": {
            "rate": config.learning_rate,
            "units": config.units,
            "batch": config.batch_size,
            "images": size,
        },
        "parameters": f"{run.record.parameters:,}",
        "digests": " ".join(run.digests),
        "weights": compress(b"".join(weights)),
        "images": compress(x_train[:size].tobytes() + x_test[:TEST_DIGITS].tobytes()),
        "labels": "".join(map(str, [*y_train[:size], *y_test[:TEST_DIGITS]])),
        "orders": compress(list_orders().astype("<u2").tobytes()),
        **{kind: read_base64(HERE / f"{kind}.wasm") for kind in OPTIONS},
    }


def read_base64(path: Path) -> str:
    """An engine, for `readBytes` in learn.js."""
    return base64.b64encode(path.read_bytes()).decode()


def read_text(path: Path) -> str:
    """A source of the page."""
    return path.read_text(encoding="utf-8")
