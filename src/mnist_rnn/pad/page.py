"""`draw.html`: the pad and one trained network in one file that asks for nothing from elsewhere."""

import json
from pathlib import Path
from string import Template

from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ModelError
from mnist_rnn.files import write_text
from mnist_rnn.pad.pad import MODULE, STYLE, pack
from mnist_rnn.paths import shown
from mnist_rnn.reading.network import Weights
from mnist_rnn.records.model_file import load_model, weights_sha256
from mnist_rnn.records.run import Record, read_run

TEMPLATE = Path(__file__).with_name("draw.html")


def make_pad_page(model: Path, output: Path, style: str, links: str) -> None:
    """Write the page of one trained SimpleRNN, whole or not at all.

    Args:
        model: a `.keras` file in its place among the results, its record beside it.
        output: the page to write.
        style: CSS of the pages around it.
        links: HTML with links to them.

    Raises:
        ModelError: the file is no model, its weights are not its record's, or it has another layer.
        RecordError: the record beside it is missing or damaged.
    """
    record, weights = load_checked(model)
    images, labels = load_mnist()[1]
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        style=style + STYLE,
        links=links,
        module=MODULE,
        data=json.dumps(pack(weights, images, labels)),
        units=record.config.units,
        parameters=f"{record.parameters:,}",
        dropout=f", dropout {record.config.dropout}" if record.config.dropout else "",
        images=f"{record.config.train_size:,}",
        accuracy=f"{record.test.accuracy:.2%}",
        errors=record.test.errors,
        digest=record.weights_sha256,
    )
    write_text(output, text)


def load_checked(path: Path) -> tuple[Record, Weights]:
    """A model's record and weights; raises as `make_pad_page` does."""
    if not path.is_file():
        raise ModelError(f"{shown(path)}: expected a model, got no file")
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
