"""Provide TensorFlow's results of the run that the page repeats: its record and steps' digests.

`python -m mnist_rnn.web.learn.steps` takes the run's steps one by one and writes `steps.json`. It
first checks that they end with the weights of the record, which `make sweep` makes.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mnist_rnn.bits.browser_result import PAGE_CONFIG
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError, RecordError
from mnist_rnn.experiment.inputs import epoch_order, scale
from mnist_rnn.experiment.network import build_model
from mnist_rnn.files import write_text
from mnist_rnn.paths import COMMITTED, shown
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.run import Run, read_run, run_path

DIGESTS = Path(__file__).with_name("steps.json")
LETTERS = 8  # kept for each step, of the 64 letters of a digest


def read_repeated() -> tuple[Run, list[str]]:
    """Return the committed record, and LETTERS of the digests of its weights.

    The digests are those of the initial weights and after each step. The last one is complete.

    Raises:
        RecordError: the record or the digests are missing, or do not belong together.
    """
    record = read_run(run_path(PAGE_CONFIG, ".json", COMMITTED))
    try:
        digests = json.loads(DIGESTS.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{shown(DIGESTS)} can't be read: {error}") from None
    return record, complete(digests, record)


def complete(digests: list[str], record: Run) -> list[str]:
    """Return these digests with the last one complete; RecordError if it is not the record's."""
    if digests[-1] != record.weights_sha256[:LETTERS]:
        raise RecordError(
            f"{shown(DIGESTS)}: expected {record.weights_sha256[:LETTERS]} after the last step, as "
            f"in the record, got {digests[-1]}"
        )
    return [*digests[:-1], record.weights_sha256]


def list_orders() -> np.ndarray:
    """Return the order of the images in each epoch: indices (epochs, images)."""
    seed, size = PAGE_CONFIG.seed, PAGE_CONFIG.train_size
    return np.stack([epoch_order(seed, epoch, size) for epoch in range(PAGE_CONFIG.epochs)])


def digest_steps() -> Iterator[str]:
    """Yield the digests of TensorFlow's weights, at first and after each step."""
    (images, labels), _ = load_mnist()
    model = build_model(PAGE_CONFIG)
    yield weights_sha256(model.get_weights())
    size = PAGE_CONFIG.batch_size
    for order in list_orders():
        for batch in np.split(order, range(size, len(order), size)):
            model.train_on_batch(scale(images[batch]), labels[batch])
            yield weights_sha256(model.get_weights())


if __name__ == "__main__":
    try:
        made = [digest[:LETTERS] for digest in digest_steps()]
        complete(made, read_run(run_path(PAGE_CONFIG, ".json", COMMITTED)))
        write_text(DIGESTS, json.dumps(made) + "\n")
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    print(f"Written: {shown(DIGESTS)}, {len(made) - 1} steps")
