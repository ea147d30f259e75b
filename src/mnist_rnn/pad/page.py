"""What `draw.html` holds: the pad, one trained network, and what its record says of it."""

import json
from pathlib import Path

import numpy as np

from mnist_rnn.errors import ModelError
from mnist_rnn.experiment.checkpoints import weights_sha256
from mnist_rnn.pad.pad import MODULE, STYLE, pack
from mnist_rnn.paths import shown
from mnist_rnn.reading.network import Weights
from mnist_rnn.records.model_file import load_model
from mnist_rnn.records.run import Run, read_run


def describe_pad(
    record: Run, weights: Weights, images: np.ndarray, labels: np.ndarray
) -> dict[str, str]:
    """The values of the template `draw.html.j2`; the arguments are those of `pack`."""
    return {
        "pad_style": STYLE,
        "module": MODULE,
        "data": json.dumps(pack(weights, images, labels)),
        "units": str(record.config.units),
        "parameters": f"{record.parameters:,}",
        "dropout": f", dropout {record.config.dropout}" if record.config.dropout else "",
        "train_size": f"{record.config.train_size:,}",
        "accuracy": f"{record.test_accuracy:.2f}%",
        "errors": str(record.test_errors),
        "digest": record.weights_sha256,
    }


def load_checked(path: Path) -> tuple[Run, Weights]:
    """The record and weights of a trained SimpleRNN.

    Args:
        path: a `.keras` file in its place among the results, its record beside it.

    Raises:
        ModelError: the file is no model, its weights are not its record's, or it has another layer.
        RecordError: the record beside it is missing or damaged.
    """
    if path.suffix != ".keras" or not path.is_file():
        got = "another file" if path.exists() else "no file"
        raise ModelError(f"{shown(path)}: expected a model (.keras), got {got}")
    record = read_run(path.with_suffix(".json"))
    if record.config.layer != "simple_rnn":
        raise ModelError(f"{shown(path)}: expected a simple_rnn, got {record.config.layer}")
    weights = load_model(path).get_weights()
    digest = weights_sha256(weights)
    if digest != record.weights_sha256:
        raise ModelError(
            f"{shown(path)}: expected the weights of its record, SHA-256 "
            f"{record.weights_sha256[:12]}..., got {digest[:12]}..."
        )
    return record, Weights(*weights)
