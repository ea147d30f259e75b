import pytest

from mnist_rnn.data import load_mnist


@pytest.fixture(scope="session")
def mnist():
    return load_mnist()
