"""What one change to a configuration does to the test accuracy, with its confidence interval."""

import pandas as pd
from scipy import stats

from mnist_rnn.claims.verdicts import FEWEST
from mnist_rnn.config import Configuration

ADAM = Configuration(optimizer="adam")
DROPOUT = Configuration(dropout=0.2)
RMSPROP = Configuration(optimizer="rmsprop", dropout=0.2)
CONTRASTS = {
    "dropout 0.2 minus none, with SGD": (DROPOUT, Configuration()),
    "dropout 0.2 minus none, with Adam": (Configuration(optimizer="adam", dropout=0.2), ADAM),
    "Adam minus SGD, without dropout": (ADAM, Configuration()),
    "RMSprop minus SGD, dropout 0.2": (RMSPROP, DROPOUT),
    "512 minus 256 units, dropout 0.2": (Configuration(units=512, dropout=0.2), DROPOUT),
    "loss of Keras 2.2 minus that of today, with Adam": (
        Configuration(optimizer="adam", loss="clipped_cross_entropy"), ADAM,
    ),
    "RMSprop of Keras 3 minus Keras 2, dropout 0.2": (
        Configuration(optimizer="rmsprop_keras3", dropout=0.2), RMSPROP,
    ),
}  # fmt: skip


def tabulate_contrasts(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a contrast: the mean difference of the test accuracies (percentage points).

    Runs with the same seed are compared, since they see the images in the same order and, where
    their networks are alike, start from the same weights. The 95% confidence interval is of
    Student's t over these seeds; a contrast with fewer than FEWEST is left out.
    """
    accuracy = runs.pivot_table("test_accuracy", index="seed", columns="configuration")
    rows = {}
    for name, (first, second) in CONTRASTS.items():
        both = accuracy.reindex(columns=[first.name, second.name]).dropna()
        gains = both[first.name] - both[second.name]
        if len(gains) < FEWEST:
            continue
        rows[name] = gains.mean(), *stats.ttest_1samp(gains, 0).confidence_interval(), len(gains)
    columns = ["difference", "interval_low", "interval_high", "seeds"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
