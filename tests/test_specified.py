"""Test that the specification's other layers, optimizers and dropout have TensorFlow's bits."""

import json

import pytest
from helpers.specified import take_first_steps

from mnist_rnn.bits.first_steps import BY_HAND, NETWORKS
from mnist_rnn.bits.ledger import FIRST_STEPS

DIGESTS = json.loads(FIRST_STEPS.read_text())
NAMES = [name for name in NETWORKS if name not in BY_HAND and name != "first-epoch"]
LONG = ("512-units", "lstm", "lstm-sgd", "gru")  # a minute and more


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in LONG])
def test_formulas_have_the_committed_digest(name):
    assert take_first_steps(name) == DIGESTS[name]


@pytest.mark.trial
@pytest.mark.parametrize("name", LONG)
def test_formulas_have_the_committed_digest_of_long_steps(name):
    assert take_first_steps(name) == DIGESTS[name]
