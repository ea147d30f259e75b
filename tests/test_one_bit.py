"""Test the pairs of runs that differ in one bit."""

import numpy as np
import pandas as pd
import pytest

from mnist_rnn.analysis.one_bit import read_pairs
from mnist_rnn.bits import one_bit
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ExperimentError, ParameterError
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records.checkpoint import weights_sha256

CONFIGS = {pair.key[0]: pair.config for pair in one_bit.list_pairs()}


def test_a_flip_of_no_bit_gives_the_committed_digests():
    own = read_pairs().query("change == 'none' and epoch == 20")
    runs = pd.read_csv(COMMITTED / "runs.csv")
    both = own.merge(runs, on=["configuration", "seed"], suffixes=("", "_committed"))
    assert len(both) >= 6
    assert (both["weights_sha256"] == both["weights_sha256_committed"]).all()
    assert (both["errors"] == both["test_errors"]).all()


def test_each_pair_begins_with_the_changed_weights_and_its_runs_stay_different():
    pairs = read_pairs()
    starts = pairs[pairs["step"] == 0]
    for row in starts.itertuples():
        config = CONFIGS[row.configuration].model_copy(update={"seed": row.seed})
        assert row.weights_sha256 == weights_sha256(one_bit.change_weights(config, row.change))
    changed = pairs[(pairs["change"] != "none") & (pairs["epoch"] > 0)]
    assert (changed["largest"] > 0).all()


def count_bits(change):
    """Return how many bits of the initial weights a change flips."""
    pair = draw_initial_weights(Configuration()), one_bit.change_weights(Configuration(), change)
    first, second = (np.concatenate([array.ravel() for array in each]) for each in pair)
    return np.bitwise_count(first.view("uint32") ^ second.view("uint32")).sum()


def test_a_flip_changes_one_bit():
    flips = [change for change in one_bit.PLACES if "bit" in change] + [one_bit.FLIP]
    assert [count_bits(change) for change in flips] == [1] * 4
    assert count_bits(one_bit.UNCHANGED) == 0
    other = one_bit.change_weights(Configuration(), "W[14, 0] the other way")[0][14, 0]
    flipped = one_bit.change_weights(Configuration(), one_bit.FLIP)[0][14, 0]
    own = draw_initial_weights(Configuration())[0][14, 0]
    assert {other, flipped} == {np.nextafter(own, np.float32(s)) for s in (-1, 1)}


@pytest.mark.parametrize("change", ["W[28, 0] bit 0", "W[0] bit 32", "U[1, 2]", "no fma"])
def test_an_unknown_change_is_rejected(change):
    with pytest.raises(ParameterError, match="change: expected a bit"):
        one_bit.change_weights(Configuration(), change)


def test_keras_and_the_c_program_compute_the_same_rows(mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(one_bit, "SCRATCH", tmp_path)
    try:
        trainer = one_bit.Trainer([0])
    except ExperimentError as error:
        pytest.skip(str(error))
    config = Configuration(units=16, optimizer="adam", dropout=0.2, train_size=1000, epochs=2)
    pair = one_bit.Pair(config, one_bit.FLIP, config.epochs)
    rows = trainer.compute(pair)
    assert len(rows) == pair.count_rows()
    pd.testing.assert_frame_equal(rows, one_bit.train_pair(config, one_bit.FLIP), check_exact=True)
