"""What one change to a configuration does to the test accuracy, with its confidence interval."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy import stats

from mnist_rnn.claims.verdicts import FEWEST
from mnist_rnn.config import Configuration

Changes = Mapping[str, Any]
# What is compared with what: changes to the default configuration.
CONTRASTS: dict[str, tuple[Changes, Changes]] = {
    "dropout 0.2 or none, with SGD": ({"dropout": 0.2}, {}),
    "dropout 0.2 or none, with Adam": (
        {"optimizer": "adam", "dropout": 0.2},
        {"optimizer": "adam"},
    ),
    "Adam or SGD, without dropout": ({"optimizer": "adam"}, {}),
    "RMSprop or SGD, dropout 0.2": ({"optimizer": "rmsprop", "dropout": 0.2}, {"dropout": 0.2}),
    "512 or 256 units, dropout 0.2": ({"units": 512, "dropout": 0.2}, {"dropout": 0.2}),
    "loss of Keras 2.2 or of today, with Adam": (
        {"optimizer": "adam", "loss": "clipped_cross_entropy"},
        {"optimizer": "adam"},
    ),
    "RMSprop of Keras 3 or of Keras 2, dropout 0.2": (
        {"optimizer": "rmsprop_keras3", "dropout": 0.2},
        {"optimizer": "rmsprop", "dropout": 0.2},
    ),
}


def tabulate_contrasts(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a contrast: the mean difference of the test accuracies (percentage points).

    Runs with the same seed are compared, since they see the images in the same order and, where
    their networks are alike, start from the same weights. The 95% confidence interval is of
    Student's t over these pairs; without FEWEST pairs it is nan.
    """
    accuracy = runs.set_index(["configuration", "seed"])["test_accuracy"]
    rows = {}
    for name, pair in CONTRASTS.items():
        first, second = (Configuration.model_validate(dict(changes)).name for changes in pair)
        known = accuracy.index.get_level_values(0)
        gains = accuracy[known == first].droplevel(0) - accuracy[known == second].droplevel(0)
        gains = gains.dropna()
        reach = stats.t.ppf(0.975, len(gains) - 1) * gains.sem() if len(gains) >= FEWEST else None
        rows[name] = {"difference": gains.mean(), "reach": reach, "pairs": len(gains)}
    table = pd.DataFrame.from_dict(rows, orient="index").astype({"reach": float})
    table["interval_low"] = table["difference"] - table["reach"]
    table["interval_high"] = table["difference"] + table["reach"]
    return table.drop(columns="reach")[["difference", "interval_low", "interval_high", "pairs"]]
