"""Test that LSTM, GRU, Adam, RMSprop and dropout in NumPy give the committed digests."""

import json

import pytest
from helpers.specified import take_first_steps

from mnist_rnn.bits.first_steps import BY_HAND, NETWORKS
from mnist_rnn.bits.ledger import FIRST_STEPS

DIGESTS = json.loads(FIRST_STEPS.read_text())
NAMES = [name for name in NETWORKS if name not in BY_HAND and name != "first-epoch"]
LONG = ("512-units", "lstm", "lstm-sgd", "gru")  # each network takes a minute or more


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in LONG])
def test_first_steps_in_numpy_have_the_committed_digest(name):
    assert take_first_steps(name) == DIGESTS[name]


@pytest.mark.trial
@pytest.mark.parametrize("name", LONG)
def test_first_steps_of_slow_networks_have_the_committed_digest(name):
    assert take_first_steps(name) == DIGESTS[name]
