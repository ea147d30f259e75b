"""The first steps of each kind of run, and the digest of the weights after them.

`python first_steps.py NAME...` prints a line a name: the name and the digest. It is what emulated
CPUs run, and needs only what trains. FOLDER=... keeps checkpoints there and goes on from them.
RECORD=... leaves a record for the ledger in that folder.
"""

import contextlib
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from mnist_rnn.config import Configuration
from mnist_rnn.data.mnist import load_mnist
from mnist_rnn.experiment.checkpoints import Checkpoint
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.experiment.network import build_model
from mnist_rnn.experiment.training import Examples, train
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.model_file import weights_sha256
from mnist_rnn.records.reproduction import describe_reproduction, write_reproduction

STEPS = {"train_size": 224, "epochs": 2}  # a batch of 128, and one of 96 as in the whole set
NETWORKS = {
    "sgd": {},
    "dropout": {"dropout": 0.2},
    "adam": {"optimizer": "adam"},
    "adam-dropout": {"optimizer": "adam", "dropout": 0.2},
    "adam-clipped": {"optimizer": "adam", "loss": "clipped_cross_entropy"},
    "rmsprop": {"optimizer": "rmsprop", "dropout": 0.2},
    "rmsprop-keras3": {"optimizer": "rmsprop_keras3", "dropout": 0.2},
    "512-units": {"units": 512, "dropout": 0.2},
    "lstm": {"layer": "lstm", "optimizer": "adam"},
    "lstm-sgd": {"layer": "lstm"},
    "gru": {"layer": "gru"},
    "first-epoch": {"train_size": 60_000, "epochs": 1},
}


def train_first_steps(name: str, folder: Path, epochs: int) -> str:
    config = Configuration(**STEPS | {"epochs": epochs} | NETWORKS[name])
    (x_train, y_train), (x_test, y_test) = load_mnist()
    training = Examples(scale(x_train[: config.train_size]), y_train[: config.train_size])
    test = Examples(scale(x_test[:100]), y_test[:100])
    model = build_model(config)
    train(model, training, test, config, Checkpoint(folder / name, {"name": name}))
    return weights_sha256([*model.get_weights(), model.predict_on_batch(test.x)])


def main() -> None:
    for name in sys.argv[1:]:
        if name not in NETWORKS:
            raise SystemExit(f"first_steps.py: expected names of {list(NETWORKS)}, got '{name}'.")
    digests, record, started = {}, None, time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("FOLDER", temporary))
        epochs = int(os.environ.get("EPOCHS", STEPS["epochs"]))
        for name in sys.argv[1:] or NETWORKS:
            with contextlib.redirect_stdout(sys.stderr):
                digests[name] = train_first_steps(name, folder, epochs)
            print(name, digests[name], flush=True)
            if "RECORD" in os.environ:  # after each name, since the next may take an hour
                seconds, today = time.monotonic() - started, datetime.now(UTC).date()
                environment = describe_environment(threads=1)
                made = describe_reproduction(environment, digests, seconds, today)
                last, record = record, write_reproduction(made, Path(os.environ["RECORD"]))
                if last:
                    last.unlink()


if __name__ == "__main__":
    main()
