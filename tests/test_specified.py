"""Test that LSTM, GRU, Adam, RMSprop and dropout in NumPy give the committed digests."""

import pytest
from helpers.samples import list_plain
from helpers.specified import take_first_steps

from mnist_rnn.records.run import read_first_steps

KNOWN = read_first_steps()
NAMES = [name for name in KNOWN if name not in list_plain() and name != "first-epoch"]
LONG = ("512-units", "lstm", "lstm-sgd", "gru")  # each network takes a minute or more


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in LONG])
def test_first_steps_in_numpy_have_the_committed_digest(name):
    assert take_first_steps(KNOWN[name].config) == KNOWN[name].sha256


@pytest.mark.trial
@pytest.mark.parametrize("name", LONG)
def test_first_steps_of_slow_networks_have_the_committed_digest(name):
    assert take_first_steps(KNOWN[name].config) == KNOWN[name].sha256
