"""Records, tables and answers made up for tests."""

import numpy as np
import pandas as pd

from mnist_rnn.analysis.verdicts import SCALES
from mnist_rnn.records.environment import Cpu

# A history whose digests were not measured but for the last.
LAST = {"weights_sha256": [None, None, None, "1" * 64]}


def change(run, part, **values):
    return run.model_copy(update={part: getattr(run, part).model_copy(update=values)})


def cpu(fuses, **told):
    unknown = dict.fromkeys(("vendor", "family", "model", "name"))
    return Cpu(**{"architecture": "x86_64", "fuses": fuses} | unknown | told)


def make_numbers(half_unit=0.0, configuration="a", kind="run", **published):
    """A table of claims: a list of values by measure; what is not named was not published.

    A row is `claim-0`, `claim-1`, ..., of one configuration or of one each.
    """
    length = len(next(iter(published.values())))
    numbers = {"configuration": configuration, "kind": kind, "answered_by": "ours"}
    for measure in SCALES:
        numbers[measure] = published.get(measure, [np.nan] * length)
        numbers[f"{measure}_half_unit"] = half_unit
    return pd.DataFrame(numbers, index=[f"claim-{i}" for i in range(length)])


def make_runs(configuration="a", **measured):
    """Runs of a configuration: a list of values by measure."""
    length = len(next(iter(measured.values())))
    columns = {measure: measured.get(measure, [1.0] * length) for measure in SCALES}
    return pd.DataFrame({"configuration": configuration, "seed": range(length)} | columns)


def group_runs(**accuracies):
    """Runs of several configurations: a list of test accuracies each."""
    runs = [make_runs(name, test_accuracy=values) for name, values in accuracies.items()]
    return pd.concat(runs, ignore_index=True)


def answers(*digits):
    """Beliefs of one image that names these digits, the last one until the end."""
    named = list(digits) + [digits[-1]] * (28 - len(digits))
    return np.eye(10, dtype="float32")[named][None]
