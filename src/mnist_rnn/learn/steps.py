r"""What TensorFlow computed in the run that the page repeats: its record, and digests of its steps.

`python -m mnist_rnn.learn.steps` takes the run's steps one by one and writes `steps.json`, after it
has checked that they end with the weights of the record. The record comes from papermill:

    MNIST_RNN_RESULTS=src/mnist_rnn/learn papermill notebooks/02_train.ipynb out.ipynb \
        -p learning_rate 0.05 -p batch_size 64 -p train_size 1280
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.data.mnist import load_mnist
from mnist_rnn.errors import RecordError
from mnist_rnn.experiment.inputs import epoch_order, scale
from mnist_rnn.experiment.network import build_model
from mnist_rnn.files import write_text
from mnist_rnn.paths import shown
from mnist_rnn.records.model_file import weights_sha256
from mnist_rnn.records.record import Record, read_record, run_path

CONFIG = Configuration(learning_rate=0.05, batch_size=64, train_size=1280)
HERE = Path(__file__).parent
STEPS = HERE / "steps.json"
LETTERS = 8  # of the 64 of a digest, kept for each step


class Run(NamedTuple):
    """The record, and the first letters of the digest of the weights at first and after each step.

    The last is the record's own and whole.
    """

    record: Record
    digests: list[str]


def read_run() -> Run:
    """The committed run.

    Raises:
        RecordError: the record or the digests are missing, or do not belong together.
    """
    record = read_record(run_path(CONFIG, ".json", HERE))
    try:
        digests = json.loads(STEPS.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{shown(STEPS)} can't be read: {error}") from None
    if digests[-1] != record.weights_sha256[:LETTERS]:
        raise RecordError(
            f"{shown(STEPS)}: expected {record.weights_sha256[:LETTERS]} after the last step, as "
            f"the record has it, got {digests[-1]}"
        )
    return Run(record, [*digests[:-1], record.weights_sha256])


def list_orders() -> np.ndarray:
    """The image that each place of each epoch has: (epochs, images)."""
    epochs = range(CONFIG.epochs)
    return np.stack([epoch_order(CONFIG.seed, epoch, CONFIG.train_size) for epoch in epochs])


def digest_steps() -> Iterator[str]:
    """The digests of TensorFlow's weights, at first and after each step."""
    (images, labels), _ = load_mnist()
    model = build_model(CONFIG)
    yield weights_sha256(model.get_weights())
    for order in list_orders():
        for batch in np.split(order, range(CONFIG.batch_size, len(order), CONFIG.batch_size)):
            model.train_on_batch(scale(images[batch]), labels[batch])
            yield weights_sha256(model.get_weights())


if __name__ == "__main__":
    write_text(STEPS, json.dumps([digest[:LETTERS] for digest in digest_steps()]) + "\n")
    print(f"Written: {shown(STEPS)}, {len(read_run().digests) - 1} steps")
