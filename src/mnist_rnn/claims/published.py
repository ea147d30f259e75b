"""What the originals published: the claims to reproduce and their training curves."""

import csv
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from mnist_rnn.config import Configuration, Strict, whole
from mnist_rnn.errors import ClaimError
from mnist_rnn.parameters import describe_problem
from mnist_rnn.paths import PUBLISHED, shown

PYTORCH_NOTEBOOK = Configuration(optimizer="adam", learning_rate=0.001, batch_size=64, epochs=10)


class Claim(Strict, validate_default=True):
    """A configuration, with seed 0, and what was published for it.

    Accuracies are in percent, the loss is in nats. A `run` was printed by a run whose output is in
    the source, a `table` is of unknown origin, a `text` is from a docstring or prose. A `candidate`
    has no number: it is run because it could explain why another's is not reproduced. We run the
    configuration with the seeds 0 to `seeds` - 1, unless the claim is answered by `pytorch`: then
    `make originals` runs that code, unseeded.
    """

    config: Configuration
    claim: str = Field(min_length=1, description="a name")
    kind: Literal["run", "table", "text", "candidate"]
    seeds: int = whole(..., 1, 1000)
    published_parameters: int | None = Field(
        None, ge=1, description="a whole number above 0, or nothing"
    )
    published_train_accuracy: float | None = Field(
        None, ge=0, le=100, description="a number from 0 to 100, or nothing"
    )
    published_test_accuracy: float | None = Field(
        None, ge=0, le=100, description="a number from 0 to 100, or nothing for a candidate"
    )
    published_test_loss: float | None = Field(None, ge=0, description="a number from 0, or nothing")
    rounding: float | None = Field(
        None, gt=0, description="a number above 0, or nothing for a candidate"
    )
    answered_by: Literal["ours", "pytorch"] = Field(
        "ours", description="ours where the parameters are not the PyTorch notebook's"
    )
    source: str = Field(min_length=1, description="where it was published")

    @field_validator("published_test_accuracy", "rounding")
    @classmethod
    def _has_number(cls, value: float | None, info: ValidationInfo) -> float | None:
        if (value is None) != (info.data.get("kind") == "candidate"):
            raise ValueError("a candidate has no number, the others have one")
        return value

    @field_validator("answered_by")
    @classmethod
    def _is_pytorchs(cls, value: str, info: ValidationInfo) -> str:
        if value == "pytorch" and info.data.get("config", PYTORCH_NOTEBOOK) != PYTORCH_NOTEBOOK:
            raise ValueError("other runs would answer it")
        return value


JUDGED = ("run", "table")  # the kinds of claims that have a verdict
CONFIGURATION = {name: f for name, f in Configuration.model_fields.items() if name != "seed"}
COLUMNS = CONFIGURATION | {name: f for name, f in Claim.model_fields.items() if name != "config"}
# What need not be said, or was not published.
OPTIONAL = {"learning_rate", "loss", "train_size", "rounding", "answered_by"}
OPTIONAL |= {name for name in Claim.model_fields if name.startswith("published")}


def read_claims(path: Path = PUBLISHED / "claims.csv") -> list[Claim]:
    """The claims in the order of their rows.

    Raises:
        ClaimError: there is no claim, or for each wrong cell its claim and column, what was
            expected and what came.
    """
    rows = read_rows(path)
    counts = Counter(row["claim"] for row in rows)
    problems = [
        f"claim {name!r}, column claim: expected a name of its own, got {count} rows with this one."
        for name, count in counts.items()
        if count > 1
    ]
    claims = []
    for row in rows:
        cells = dict.fromkeys(COLUMNS.keys() - OPTIONAL, "") | {
            name: str(cell) for name, cell in row.items() if cell
        }
        config = {name: cells.pop(name) for name in CONFIGURATION if name in cells}
        try:
            claims.append(Claim.model_validate_strings({"config": config} | cells))
        except ValidationError as error:
            for problem in error.errors():
                got = repr(problem["input"]) if problem["input"] else "nothing"
                sentence = describe_problem(problem, COLUMNS, got)
                problems.append(f"claim {cells['claim']!r}, column {sentence}")
    if problems:
        raise ClaimError("\n".join(f"{path.name}, {problem}" for problem in problems))
    return claims


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a list of claims, unchecked; ClaimError if it is not such a list."""
    if not path.is_file():
        raise ClaimError(f"claims: expected the file {shown(path)}, got nothing.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # with or without the mark
            table = csv.DictReader(file, restkey="(without a name)", strict=True)
            rows, names = list(table), list(table.fieldnames or [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ClaimError(f"claims: expected CSV in UTF-8 in {shown(path)}, got {error}.") from None
    if not rows:
        raise ClaimError(f"claims: expected at least one row in {shown(path)}, got none.")
    if "claim" not in names or len(set(names)) < len(names):
        words = f"each column once, claim among them, in {shown(path)}, got {', '.join(names)}"
        raise ClaimError(f"claims: expected {words}.")
    return rows


def load_claims() -> pd.DataFrame:
    """One claim or candidate a row, accuracies in percent, indexed by its name.

    `configuration` is that of the runs which answer it, as in `tabulate_runs`, or `pytorch`, as in
    `tabulate_originals`.
    """
    rows = [
        {"configuration": claim.config.name, "network": claim.config.label}
        | claim.config.model_dump(exclude={"seed"})
        | claim.model_dump(exclude={"config"})
        for claim in read_claims()
    ]
    claims = pd.DataFrame(rows).set_index("claim")
    claims.loc[claims["answered_by"] == "pytorch", ["configuration", "network"]] = "pytorch"
    return claims


def read_numbers(claims: pd.DataFrame) -> pd.DataFrame:
    """What was published for the claims that are judged, by measure as in `verdicts.SCALES`.

    For accuracies also `<measure>_half_unit`: half the unit in which the source rounded it. Losses
    have four decimals, and need none.
    """
    judged = claims[claims["kind"].isin(JUDGED)]
    curves = {name: load_curve(name)["train_loss"] for name in judged.index}
    for name, loss in curves.items():
        if len(loss) and list(loss[loss > 0].index) != [*range(1, judged.loc[name, "epochs"] + 1)]:
            raise ClaimError(f"curves: expected a loss above 0 for each epoch of {name}, in order.")
    logs = {name: np.log(loss) for name, loss in curves.items()}
    return pd.DataFrame(
        {
            "configuration": judged["configuration"],
            "test_accuracy": judged["published_test_accuracy"],
            "test_accuracy_half_unit": judged["rounding"] / 2,
            "last_epoch_accuracy": judged["published_train_accuracy"],
            "last_epoch_accuracy_half_unit": 0.005,
            "test_loss": judged["published_test_loss"],
            "first_epoch_loss": {name: np.exp(log.get(1, np.nan)) for name, log in logs.items()},
            "mean_log_loss": {name: log.mean() for name, log in logs.items()},
        }
    )


def load_curve(claim: str) -> pd.DataFrame:
    """Columns train_loss and train_accuracy (a fraction), a row an epoch; empty if unpublished.

    Raises:
        ClaimError: there is no file of curves, or it has other columns or no numbers in them.
    """
    path = PUBLISHED / "curves.csv"
    if not path.is_file():
        raise ClaimError(f"curves: expected the file {shown(path)}, got nothing.")
    columns = {"claim": str, "epoch": int, "train_loss": float, "train_accuracy": float}
    try:
        curves = pd.read_csv(path, dtype=columns)
    except ValueError as error:
        raise ClaimError(f"curves: expected numbers in {shown(path)}, got {error}.") from None
    if list(curves) != list(columns):
        words = f"the columns {', '.join(columns)} in {shown(path)}, got {', '.join(curves)}"
        raise ClaimError(f"curves: expected {words}.")
    return curves[curves["claim"] == claim].set_index("epoch").drop(columns="claim")


def load_curves(config: Configuration) -> dict[str, pd.DataFrame]:
    """The published curves of this configuration, by claim."""
    curves = {claim.claim: load_curve(claim.claim) for claim in find_claims(config)}
    return {claim: curve for claim, curve in curves.items() if len(curve)}


def find_claims(config: Configuration) -> list[Claim]:
    """The claims that our runs of this configuration answer, whatever the seed."""
    return [
        claim
        for claim in read_claims()
        if claim.config.name == config.name and claim.answered_by == "ours"
    ]
