"""What one change to a configuration does to the test accuracy, with its confidence interval."""

from typing import Any

import pandas as pd
from scipy import stats

from mnist_rnn.claims.verdicts import FEWEST
from mnist_rnn.config import Configuration

# What both configurations change in the default one, and what the first changes besides.
CONTRASTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dropout 0.2 minus none, with SGD": ({}, {"dropout": 0.2}),
    "dropout 0.2 minus none, with Adam": ({"optimizer": "adam"}, {"dropout": 0.2}),
    "Adam minus SGD, without dropout": ({}, {"optimizer": "adam"}),
    "RMSprop minus SGD, dropout 0.2": ({"dropout": 0.2}, {"optimizer": "rmsprop"}),
    "512 minus 256 units, dropout 0.2": ({"dropout": 0.2}, {"units": 512}),
    "loss of Keras 2.2 minus that of today, with Adam": (
        {"optimizer": "adam"},
        {"loss": "clipped_cross_entropy"},
    ),
    "RMSprop of Keras 3 minus Keras 2, dropout 0.2": (
        {"optimizer": "rmsprop", "dropout": 0.2},
        {"optimizer": "rmsprop_keras3"},
    ),
}


def tabulate_contrasts(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a contrast: the mean difference of the test accuracies (percentage points).

    Runs with the same seed are compared, since they see the images in the same order and, where
    their networks are alike, start from the same weights. The 95% confidence interval is of
    Student's t over these seeds; a contrast with fewer than FEWEST is left out.
    """
    accuracy = runs.pivot_table("test_accuracy", index="seed", columns="configuration")
    rows = {}
    for name, (shared, change) in CONTRASTS.items():
        first, second = (Configuration(**c).name for c in (shared | change, shared))
        both = accuracy.reindex(columns=[first, second]).dropna()
        gains = both[first] - both[second]
        if len(gains) < FEWEST:
            continue
        rows[name] = gains.mean(), *stats.ttest_1samp(gains, 0).confidence_interval(), len(gains)
    columns = ["difference", "interval_low", "interval_high", "seeds"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
