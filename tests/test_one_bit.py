"""Test the pairs of runs that differ in one bit."""

import numpy as np
import pandas as pd
import pytest

from mnist_rnn.analysis.one_bit import find_mean, find_sd
from mnist_rnn.bits import one_bit
from mnist_rnn.config import Configuration
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.system.errors import ExperimentError, ParameterError
from mnist_rnn.system.paths import COMMITTED

TABLE = pd.read_csv(one_bit.FILE)


def test_the_table_has_all_pairs():
    listed = {pair.key: pair.config.epochs for pair in one_bit.list_pairs()}
    assert listed == TABLE.groupby(one_bit.KEY)["epoch"].max().to_dict()


def test_a_flip_of_no_bit_gives_the_committed_digests():
    own = TABLE.query("change == 'none' and epoch == 20")
    runs = pd.read_csv(COMMITTED / "runs.csv")
    both = own.merge(runs, on=["configuration", "seed"], suffixes=("", "_committed"))
    assert len(both) == 20  # the four configurations that are committed as runs
    assert (both["weights_sha256"] == both["weights_sha256_committed"]).all()
    assert (both["errors"] == both["test_errors"]).all()


def test_each_changed_run_begins_with_the_changed_weights_and_stays_different():
    pairs = {pair.key: pair for pair in one_bit.list_pairs() if " bit " in pair.change}
    starts = TABLE.query("step == 0").set_index(one_bit.KEY)["weights_sha256"]
    for key, pair in pairs.items():
        assert starts[key] == weights_sha256(one_bit.change_weights(*pair))
    assert (TABLE.query("change != 'none' and epoch > 0")["largest"] > 0).all()


def test_a_flip_changes_one_bit_and_only_one_of_the_places_lowers_its_weight():
    config = Configuration(seed=2)
    own = np.concatenate([array.ravel() for array in draw_initial_weights(config)])
    rises = []
    for change in (one_bit.FLIP, *one_bit.PLACES):
        weights = one_bit.change_weights(config, change)
        flipped = np.concatenate([array.ravel() for array in weights])
        assert np.bitwise_count(own.view("uint32") ^ flipped.view("uint32")).sum() == 1
        rises.append((flipped - own).sum() > 0)
    assert rises == [True, True, False, True]


@pytest.mark.parametrize("change", ["W[28, 0] bit 0", "W[0] bit 3", "b[0] bit 32", "no such"])
def test_an_unknown_change_is_rejected(change):
    with pytest.raises(ParameterError, match="change: expected a bit"):
        one_bit.change_weights(Configuration(), change)


def test_a_pair_is_trained_with_its_bit(mnist):
    config = Configuration(units=16, optimizer="adam", dropout=0.2, train_size=1000, epochs=2)
    try:
        rows = one_bit.train_pair(config, one_bit.FLIP).set_index("step")
    except ExperimentError as error:
        pytest.skip(str(error))
    assert rows["epoch"].dropna().to_dict() == {0: 0, 8: 1, 16: 2}
    assert (rows["rms"] < rows["largest"]).all()


def test_the_measures_agree_with_hand_computed_values():
    assert find_mean(pd.Series([1, 2, 3]), 2) == "2.00 (-0.48 to 4.48)"
    assert find_sd(4.0, 10) == "2.00 (1.40 to 3.51)"
