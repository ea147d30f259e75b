"""Take the first training steps of configurations, and print the digests of the weights.

`python -m mnist_rnn.bits.first_steps NAME...` prints the name and the digest for each NAME. With
`--by-hand`, NumPy computes the training steps in place of TensorFlow. This module also runs on
emulated CPUs, so it imports only packages that training needs.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.known_answers import take_steps
from mnist_rnn.bits.ledger import describe_by_hand, describe_reproduction, write_reproduction
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.records.environment import count_threads, describe_environment

# The batches have 128 and 96 images, which are also the batch sizes of the default run.
FEW: dict[str, Any] = {"train_size": 224, "epochs": 2}
NETWORKS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "dropout": {"dropout": 0.2},
    "adam": {"optimizer": "adam"},
    "adam-dropout": {"optimizer": "adam", "dropout": 0.2},
    "rmsprop": {"optimizer": "rmsprop", "dropout": 0.2},
    "512-units": {"units": 512, "dropout": 0.2},
    "lstm": {"layer": "lstm", "optimizer": "adam"},
    "lstm-sgd": {"layer": "lstm"},
    "gru": {"layer": "gru"},
    # The module `products` pads these sizes. Without padding, libraries could add terms in
    # another order.
    "1-unit": {"units": 1},
    "100-units": {"units": 100},
    "200-units": {"units": 200},
    "300-units": {"units": 300},
    "lstm-100": {"layer": "lstm", "units": 100},
    "gru-100": {"layer": "gru", "units": 100},
    "batch-1": {"batch_size": 1, "train_size": 3},
    "batch-32": {"batch_size": 32, "train_size": 50},
    "batch-300": {"batch_size": 300, "train_size": 340},
    # Keras takes the seed of dropout modulo 2^31 - 2.
    "large-seed": {"units": 8, "seed": 2**32 - 1},
    "dropout-seed-1": {"units": 8, "dropout": 0.2, "seed": 2**31 - 2},
    "dropout-seed-2": {"units": 8, "dropout": 0.2, "seed": 2**31},
    "dropout-seed-3": {"units": 8, "dropout": 0.2, "seed": 2**32 - 1},
    "first-epoch": {"train_size": 60_000, "epochs": 1},
}


BY_NUMPY = {"units", "batch_size", "train_size", "seed"}  # the parameters that by_hand supports
BY_HAND = [name for name, changes in NETWORKS.items() if changes.keys() <= BY_NUMPY]


def train_first_steps(name: str, folder: Path, half: bool = False) -> str:
    """Train with TensorFlow, and return a digest of the weights and the test images' logits."""
    from mnist_rnn.experiment.inputs import Examples
    from mnist_rnn.experiment.network import build_model
    from mnist_rnn.records.checkpoint import Checkpoint, weights_sha256
    from mnist_rnn.records.training import describe_inputs, train

    config = Configuration(**FEW | ({"epochs": 1} if half else {}) | NETWORKS[name])
    (x_train, y_train), (x_test, y_test) = load_mnist()
    training = Examples(scale(x_train[: config.train_size]), y_train[: config.train_size])
    test = Examples(scale(x_test[:100]), y_test[:100])
    model = build_model(config)
    checkpoint = Checkpoint(folder / name, describe_inputs(config, training, test))
    train(model, training, test, config, checkpoint)
    return weights_sha256([*model.get_weights(), model.predict_on_batch(test.x)])


def compute_by_hand(name: str) -> str:
    """Train with NumPy, and return a digest of the weights and the test images' logits."""
    config = Configuration(**FEW | NETWORKS[name])
    steps = config.epochs * -(-config.train_size // config.batch_size)
    for case in take_steps(config, steps):
        weights = by_hand.get_weights(case)
    _, (x_test, _) = load_mnist()
    test = scale(x_test[:100]).swapaxes(0, 1)
    return by_hand.digest([*weights, by_hand.predict(weights, test)[1]])


def read_options() -> argparse.Namespace:
    """Return the checked options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="configurations (default: all)")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--record", type=Path, help="write a record for the ledger to this folder")
    either.add_argument("--half", action="store_true", help="stop after the first of two epochs")
    parser.add_argument("--by-hand", action="store_true", help=f"use NumPy: {', '.join(BY_HAND)}")
    parser.add_argument("--emulated", metavar="CPU", help="the name of the emulated CPU")
    parser.add_argument("--folder", type=Path, help="continue from checkpoints in this folder")
    options = parser.parse_args()
    known = BY_HAND if options.by_hand else list(NETWORKS)
    for name in options.names:
        if name not in known:
            parser.error(f"expected names from {known}, got '{name}'")
    if options.record and options.record.is_file():
        parser.error(f"--record: expected a folder, got the file {options.record}")
    return options


def main() -> None:
    """Print one line per configuration, and write a record if `--record` is given."""
    options = read_options()
    digests: dict[str, str] = {}
    record: Path | None = None
    started = time.monotonic()
    if options.by_hand:
        environment = describe_by_hand(options.emulated)
    else:
        environment = describe_environment(count_threads(), options.emulated)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for name in options.names or (BY_HAND if options.by_hand else NETWORKS):
            if options.by_hand:
                digests[name] = compute_by_hand(name)
            else:
                with contextlib.redirect_stdout(sys.stderr):
                    digests[name] = train_first_steps(name, folder, options.half)
            print(name, digests[name], flush=True)
            if options.record:  # each result is saved, because the next training may take an hour
                done: dict[str, list[str | None]] = {k: [v] for k, v in digests.items()}
                made = describe_reproduction(environment, done, time.monotonic() - started)
                last, record = record, write_reproduction(made, options.record)
                if last:
                    last.unlink()


if __name__ == "__main__":
    try:
        main()
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
