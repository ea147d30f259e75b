"""Fixtures. TensorFlow is imported by those that need it, not by pytest's own process."""

import os
import signal
from unittest.mock import Mock

import numpy as np
import pytest
from lab import BROWSER, open_browser

from mnist_rnn.config import NUM_CLASSES, Configuration
from mnist_rnn.data.mnist import DATA_SHA256, load_mnist
from mnist_rnn.experiment.checkpoints import Checkpoint
from mnist_rnn.experiment.draws import scale
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.metrics import find_mistakes, measure
from mnist_rnn.records.record import History, Record, read_record, run_path

# Started in the background, Python ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# It trains in a second. All batches have one size: XLA compiles a step for each size.
SMALL = Configuration(units=8, epochs=3, train_size=1000, batch_size=125, dropout=0.2)


@pytest.fixture(scope="session")
def mnist():
    return load_mnist()


@pytest.fixture(scope="session")
def environment():
    return describe_environment(threads=2)


@pytest.fixture(scope="session")
def committed():
    """The record of the default run in results/."""
    return read_record(run_path(Configuration(), ".json", COMMITTED))


@pytest.fixture(scope="session")
def model():
    """The committed one, of the default run."""
    from mnist_rnn.records.model_file import load_model

    return load_model(run_path(Configuration(), ".keras", COMMITTED))


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no chromium: for the tests in a browser, `apt-get install chromium`")
    with open_browser() as browser:
        yield browser


@pytest.fixture
def fill_disk(monkeypatch):
    """From its call on, nothing more can be written for good."""
    full = Mock(side_effect=OSError(28, "No space left on device"))
    return lambda: monkeypatch.setattr(os, "fsync", full)


@pytest.fixture
def small():
    return SMALL


@pytest.fixture
def make_checkpoint(tmp_path):
    def make(config, **owner):
        return Checkpoint(tmp_path / "checkpoint", {"config": config.model_dump()} | owner)

    return make


@pytest.fixture(scope="session")
def examples(mnist):
    """The first so many training images, and the first 1000 test images."""
    from mnist_rnn.experiment.training import Examples

    (x_train, y_train), (x_test, y_test) = mnist
    test = Examples(scale(x_test[:1000]), y_test[:1000])
    return lambda size: (Examples(scale(x_train[:size]), y_train[:size]), test)


def train_fresh(config, examples, checkpoint):
    """A fresh model, trained, and the run's state."""
    from mnist_rnn.experiment.network import build_model
    from mnist_rnn.experiment.training import train

    model = build_model(config)
    return model, train(model, *examples(config.train_size), config, checkpoint)


@pytest.fixture
def run(examples, make_checkpoint):
    """Train a fresh model; returns it and the run's state."""

    def run(config):
        checkpoint = make_checkpoint(config)
        trained = train_fresh(config, examples, checkpoint)
        checkpoint.discard()
        return trained

    return run


@pytest.fixture(scope="session")
def kept_alone(tmp_path_factory):
    """The checkpoint of `left_alone`: it stays as it was after the last epoch."""
    owner = {"config": SMALL.model_dump()}
    return Checkpoint(tmp_path_factory.mktemp("alone") / "checkpoint", owner)


@pytest.fixture(scope="session")
def left_alone(examples, kept_alone):
    """A run of `small` that nothing stopped: its model and state."""
    return train_fresh(SMALL, examples, kept_alone)


@pytest.fixture
def make_record(environment):
    """A record with so many of the 10,000 test images misclassified: zeros taken for ones."""

    def make(errors=200, **parameters):
        config = Configuration(**parameters)
        y_train, y_test = np.zeros(config.train_size, int), np.zeros(10_000, int)
        certain = np.eye(NUM_CLASSES)
        answers = certain[(np.arange(10_000) < errors).astype(int)]
        return Record(
            config=config,
            parameters=75_530,
            history=History(
                loss=[0.5] * config.epochs,
                accuracy=[0.9] * config.epochs,
                test_errors=[errors] * config.epochs,
            ),
            train=measure(certain[y_train], y_train),
            test=measure(answers, y_test),
            mistakes=find_mistakes(answers, y_test),
            weights_sha256="0" * 64,
            data_sha256=DATA_SHA256,
            seconds=1.5,
            environment=environment,
        )

    return make
