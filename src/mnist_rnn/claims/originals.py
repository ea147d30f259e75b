"""Runs of the originals' own code, which `make originals` leaves in results/originals."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from mnist_rnn.claims.verdicts import SCALES
from mnist_rnn.config import TEST_SIZE
from mnist_rnn.errors import RecordError
from mnist_rnn.paths import RESULTS, shown
from mnist_rnn.records.environment import Cpu
from mnist_rnn.records.record import History, read_checked, refusal

ORIGINALS = RESULTS / "originals"


class Original(History):
    """A finished run of an original's code, in a file as `keras-00.json`.

    `seeded-07.json` is the code of `keras`, with the initial weights and order of images of seed 7.
    The history is as in a record of ours; `test_loss` (nats) is measured at the end.
    `code_sha256` is the digest of the script and of what it imports from beside it, `seconds` the
    time that training took.
    """

    kind: Literal["keras", "pytorch", "seeded"]
    parameters: int = Field(ge=1)
    train_size: int = Field(ge=1)
    test_loss: float = Field(ge=0)
    seconds: float = Field(gt=0)
    versions: dict[str, str]
    cpu: Cpu
    code_sha256: str
    commit: str | None
    clean: bool | None
    data_sha256: str


def read_original(path: Path) -> Original:
    """Read and check one run; RecordError names the file and what is wrong with it."""
    run = read_checked(path, Original, "an original's run")
    if not re.fullmatch(rf"{run.kind}-\d+", path.stem):
        raise refusal(path, f"is not named as {run.kind}-00")
    return run


def read_originals(folder: Path = ORIGINALS) -> dict[str, Original]:
    """All runs by name, as `keras-00`; those of one kind must be of one code and length.

    Raises:
        RecordError: a file is not a run, or two of a kind differ in more than chance.
    """
    runs = {path.stem: read_original(path) for path in sorted(folder.glob("*-*.json"))}
    first: dict[str, str] = {}
    for name, run in runs.items():
        other = first.setdefault(run.kind, name)
        for part in ("code_sha256", "data_sha256", "versions", "train_size", "epochs"):
            if getattr(run, part) != getattr(runs[other], part):
                raise RecordError(f"{shown(folder)}: {other} and {name} have different {part}")
    return runs


def measure_history(history: History) -> dict[str, float]:
    """The measures of a run that its history tells: accuracy in percent, losses in nats.

    They are measured while the weights change; `mean_log_loss` is the mean over the epochs of the
    training loss's natural logarithm.
    """
    return {
        "last_epoch_accuracy": 100 * history.accuracy[-1],
        "first_epoch_loss": history.loss[0],
        "mean_log_loss": float(np.log(history.loss).mean()),
    }


def tabulate_originals(originals: dict[str, Original], kind: str) -> pd.DataFrame:
    """A row a run of this kind, with the columns of `tabulate_runs` that it has.

    Accuracies are in percent, losses in nats; the configuration is the kind.
    """
    rows = [
        {
            "configuration": run.kind,
            "parameters": run.parameters,
            "test_accuracy": 100 - 100 * run.test_errors[-1] / TEST_SIZE,
            "test_errors": run.test_errors[-1],
            "test_loss": run.test_loss,
        }
        | measure_history(run)
        for run in originals.values()
        if run.kind == kind
    ]
    return pd.DataFrame(rows, columns=["configuration", "parameters", "test_errors", *SCALES])
