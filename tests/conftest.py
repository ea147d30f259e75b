import os
import signal

import numpy as np
import pytest

from mnist_rnn.checkpoints import Checkpoint
from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256, load_mnist, scale
from mnist_rnn.environment import describe_environment
from mnist_rnn.evaluation import find_mistakes, measure
from mnist_rnn.model import build_model, load_model, set_seed
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records import Record, run_path
from mnist_rnn.training import train

# Started in the background, Python ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mnist():
    return load_mnist()


@pytest.fixture(scope="session")
def environment():
    return describe_environment(device="CPU", threads=2)


@pytest.fixture(scope="session")
def model():
    """The committed one, of the default run."""
    return load_model(run_path(Configuration(), ".keras", COMMITTED))


@pytest.fixture
def fill_disk(monkeypatch):
    """From its call on, nothing more can be written for good."""

    def fail(_):
        raise OSError(28, "No space left on device")

    return lambda: monkeypatch.setattr(os, "fsync", fail)


@pytest.fixture
def small():
    """A configuration that trains in a second; the last batch of an epoch is smaller."""
    return Configuration(units=8, epochs=3, train_size=1000, dropout=0.2)


@pytest.fixture
def make_checkpoint(environment, tmp_path):
    def make(config, path=None, data_sha256=DATA_SHA256, environment=environment):
        return Checkpoint(path or tmp_path / "checkpoint", config, data_sha256, environment)

    return make


@pytest.fixture
def run(mnist, make_checkpoint):
    """Train a fresh model; returns it and the run's state."""

    def run(config, checkpoint=None):
        (x_train, y_train), _ = mnist
        set_seed(config.seed)
        model = build_model(config)
        x, y = scale(x_train[: config.train_size]), y_train[: config.train_size]
        checkpoint = checkpoint or make_checkpoint(config)
        state = train(model, x, y, config, checkpoint)
        checkpoint.discard()
        return model, state

    return run


@pytest.fixture
def make_record(environment):
    """A record with so many of the 10,000 test images read wrong: zeros taken for ones."""

    def make(errors=200, **parameters):
        config = Configuration(**{"train_size": 1, "epochs": 1} | parameters)
        y_train, y_test = np.zeros(config.train_size, int), np.zeros(10_000, int)
        answers = np.eye(10, dtype="float32")[(np.arange(10_000) < errors).astype(int)]
        return Record(
            config=config,
            history={"loss": [0.5] * config.epochs, "accuracy": [0.9] * config.epochs},
            train=measure(np.eye(10)[y_train], y_train),
            test=measure(answers, y_test),
            mistakes=find_mistakes(answers, y_test),
            weights_sha256="0" * 64,
            data_sha256=DATA_SHA256,
            seconds=1.5,
            environment=environment,
        )

    return make
