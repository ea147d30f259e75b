"""The table of runs: a row a run, whoever's code computed it."""

import numpy as np
import pandas as pd

from mnist_rnn.records.run import Run


def tabulate_runs(runs: list[Run]) -> pd.DataFrame:
    """The table of runs, by configuration and seed.

    Accuracies are in percent, losses in nats. `last_epoch_accuracy`, `first_epoch_loss` and
    `mean_log_loss` (the mean over the epochs of the loss's natural logarithm) are measured on the
    training images while the weights change. `loss_by_epoch` and `test_errors_by_epoch` are tuples.
    """
    rows = [
        {"configuration": run.configuration, "code": run.code}
        | run.config.model_dump()
        | {
            "parameters": run.parameters,
            "train_accuracy": None
            if run.train_errors is None
            else 100 - 100 * run.train_errors / run.config.train_size,
            "train_errors": run.train_errors,
            "train_loss": run.train_loss,
            "test_accuracy": run.test_accuracy,
            "test_errors": run.test_errors,
            "test_loss": run.test_loss,
            "last_epoch_accuracy": 100 * run.history.accuracy[-1],
            "first_epoch_loss": run.history.loss[0],
            "mean_log_loss": float(np.log(run.history.loss).mean()),
            "seconds": run.seconds,
            "weights_sha256": run.weights_sha256,
            "code_sha256": run.environment.code_sha256,
            "loss_by_epoch": tuple(run.history.loss),
            "test_errors_by_epoch": tuple(run.history.test_errors),
        }
        for run in runs
    ]
    table = pd.DataFrame(rows).astype({"train_errors": "Int64"})
    return table.sort_values(["configuration", "seed"], ignore_index=True)
