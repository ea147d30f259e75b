import pytest

from mnist_rnn.checkpoints import Checkpoint
from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256, load_mnist, scale
from mnist_rnn.environment import describe_environment
from mnist_rnn.model import build_model, set_seed
from mnist_rnn.training import train


@pytest.fixture(scope="session")
def mnist():
    return load_mnist()


@pytest.fixture(scope="session")
def environment():
    return describe_environment(device="CPU", threads=2)


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
