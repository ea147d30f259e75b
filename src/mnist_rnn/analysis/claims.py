"""Read the published claims to reproduce, and their training curves."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from mnist_rnn.config import Configuration, Strict, whole
from mnist_rnn.errors import ClaimError
from mnist_rnn.files import read_regular
from mnist_rnn.parameters import describe_problem
from mnist_rnn.paths import PUBLISHED, shown
from mnist_rnn.records.run import PROGRAMS, Code, name_configuration

LARGEST_TABLE = 1_000_000  # bytes
REST = "(without a name)"  # the column for cells to the right of the last named column
RESULTS = ("run", "table")  # the kinds that are published results; a `text` gives rough numbers
UNPUBLISHED = ("near_miss", "control", "page")  # the kinds without a published number


def optional(least: float, most: float | None, described: str) -> Any:
    """Return a field for a number that may be missing."""
    return Field(None, ge=least, le=most, description=f"{described}, or nothing")


class Claim(Strict, validate_default=True):
    """A configuration, with seed 0, and the numbers published for it.

    Accuracies are in percent, losses in nats. The numbers of a `run` were printed by a run whose
    output is in the source. Those of a `table` are of unknown origin, and those of a `text` are
    from a docstring or prose. The other kinds have no published number: a `near_miss` is close to a
    published configuration, a `control` is for an original's code, and `page` for the run of
    learn.html. The runs for a claim have its configuration, its code, and the seeds 0 to
    `seeds` - 1.
    """

    config: Configuration
    claim: str = Field(pattern=r"^[^|`<>\r\n]+$", description="a name without |, `, < and >")
    kind: Literal["run", "table", "text", "near_miss", "control", "page"]
    answered_by: Code = Field("ours", description="code that computes these parameters")
    seeds: int = whole(..., 1, 1000)
    published_parameters: int | None = optional(1, None, "a whole number above 0")
    published_train_accuracy: float | None = optional(0, 100, "a number from 0 to 100")
    published_test_accuracy: float | None = optional(0, 100, "a number from 0 to 100")
    published_test_loss: float | None = optional(0, None, "a number from 0")
    rounding: float | None = Field(
        None,
        gt=0,
        description="a number above 0 if there is a published test accuracy, else nothing",
    )
    source: str = Field(min_length=1, description="where it was published")

    @field_validator("answered_by")
    @classmethod
    def _computes_it(cls, value: Code, info: ValidationInfo) -> Code:
        given, program = info.data.get("config"), PROGRAMS[value]
        free = {"epochs", "train_size", *program.takes}
        if given and given.model_dump(exclude=free) != program.base.model_dump(exclude=free):
            raise ValueError("another configuration")
        return value

    @field_validator("rounding")
    @classmethod
    def _has_unit(cls, value: float | None, info: ValidationInfo) -> float | None:
        if (value is None) != (info.data.get("published_test_accuracy", value) is None):
            raise ValueError("a test accuracy was printed in a unit")
        return value

    @field_validator("published_test_accuracy")
    @classmethod
    def _has_number(cls, value: float | None, info: ValidationInfo) -> float | None:
        if (value is None) != (info.data.get("kind") in UNPUBLISHED):
            raise ValueError(f"{', '.join(UNPUBLISHED)} have no number, the other kinds have one")
        return value

    @property
    def configuration_name(self) -> str:
        """Return the name of the runs for this claim."""
        return name_configuration(self.config, self.answered_by)


class Epoch(Strict):
    """A row of curves.csv: one epoch of a published training curve."""

    claim: str = Field(min_length=1, description="a claim of claims.csv")
    epoch: int = Field(description="a whole number")
    train_loss: float = Field(gt=0, description="a number above 0")
    train_accuracy: float | None = optional(0, 1, "a number from 0 to 1")


Row = TypeVar("Row", bound=BaseModel)
CONFIGURATION = {name: f for name, f in Configuration.model_fields.items() if name != "seed"}
COLUMNS = CONFIGURATION | {name: f for name, f in Claim.model_fields.items() if name != "config"}


def read_claims(folder: Path = PUBLISHED) -> list[Claim]:
    """Return the claims of claims.csv in the order of their rows.

    For parameters, missing columns and empty cells mean the default.

    Raises:
        ClaimError: there is no claim, or cells are wrong. The message names the claim and the
            column of each wrong cell, what was expected and what was found.
    """
    claims = read_rows(folder / "claims.csv", Claim, COLUMNS, {"claim"}, CONFIGURATION)
    counts = Counter(claim.claim for claim in claims)
    if several := [f"{name!r} in {count} rows" for name, count in counts.items() if count > 1]:
        raise ClaimError(f"claims.csv: expected a name for each claim, got {', '.join(several)}.")
    return claims


def read_curves(claims: list[Claim], folder: Path = PUBLISHED) -> dict[str, pd.DataFrame]:
    """Return the published curves by claim: `loss` and `accuracy` (a fraction; nan: not published).

    A curve has one row per epoch, from 1 on. Without curves.csv, there are no curves.

    Raises:
        ClaimError: a cell or a curve is wrong. The message says what was expected and found.
    """
    path = folder / "curves.csv"
    if not path.exists():
        return {}
    fields = Epoch.model_fields
    curves: dict[str, list[Epoch]] = {}
    for row in read_rows(path, Epoch, fields, set(fields)):
        curves.setdefault(row.claim, []).append(row)
    epochs = {claim.claim: claim.config.epochs for claim in claims}
    for name, curve in curves.items():
        if name not in epochs:
            raise ClaimError(f"curves.csv: expected a claim of claims.csv, got {name!r}.")
        found, last = [row.epoch for row in curve], epochs[name]
        if found != [*range(1, last + 1)]:
            raise ClaimError(
                f"curves.csv, claim {name!r}: expected each epoch from 1 to {last} once, in order, "
                f"got {', '.join(map(str, found))}."
            )
    return {
        name: pd.DataFrame(
            {
                "loss": [row.train_loss for row in curve],
                "accuracy": np.array([row.train_accuracy for row in curve], float),
            },
            index=pd.Index([row.epoch for row in curve], name="epoch"),
        )
        for name, curve in curves.items()
    }


def read_rows(
    path: Path,
    kind: type[Row],
    columns: Mapping[str, FieldInfo],
    needed: set[str],
    config: Collection[str] = (),
) -> list[Row]:
    """Return the rows of a CSV file, checked; ClaimError names each wrong cell.

    Empty cells count as missing. The file must have the columns `needed`. The columns listed in
    `config` are collected in the field `config`.
    """
    rows, problems = [], []
    for number, cells in enumerate(read_table(path, needed), 2):
        required = {name: "" for name, field in columns.items() if field.is_required()}
        given: dict[str, Any] = required | {name: str(cell) for name, cell in cells.items() if cell}
        if config:
            given["config"] = {name: given.pop(name) for name in config if name in given}
        try:
            rows.append(kind.model_validate_strings(given))
        except ValidationError as error:
            for problem in error.errors():
                got = repr(problem["input"]) if problem["input"] else "nothing"
                sentence = describe_problem(problem, columns, got)
                where = f"{path.name}, line {number}, claim {given['claim']!r}, column"
                problems.append(f"{where} {sentence}")
    if problems:
        raise ClaimError("\n".join(problems))
    return rows


def read_table(path: Path, needed: set[str]) -> list[dict[str, str]]:
    """Return the unchecked rows of a CSV file.

    Raises:
        ClaimError: the file is missing, empty or not CSV, or lacks a column.
    """
    name = path.stem
    try:
        # "utf-8-sig" reads files with and without a byte order mark.
        text = read_regular(path, LARGEST_TABLE).decode("utf-8-sig")
        lines = io.StringIO(text, newline="")
        table = csv.DictReader(lines, restkey=REST, strict=True)
        rows, names = list(table), list(table.fieldnames or [])
    except FileNotFoundError:
        raise ClaimError(f"{name}: expected the file {shown(path)}, got nothing.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        got = error.strerror if isinstance(error, OSError) else error
        raise ClaimError(f"{name}: expected CSV in UTF-8 in {shown(path)}, got {got}.") from None
    if not rows:
        raise ClaimError(f"{name}: expected at least one row in {shown(path)}, got none.")
    if not needed <= set(names) or len(set(names)) < len(names):
        words = f"each column once, {', '.join(sorted(needed))} among them, in {shown(path)}"
        raise ClaimError(f"{name}: expected {words}, got {', '.join(names)}.")
    return rows


def tabulate_claims(folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return the table of claims, with one row per claim, indexed by its name.

    `configuration` names the runs for the claim, as in the table of runs. Published numbers are in
    columns with the names that runs use: accuracies in percent, losses in nats.
    `test_accuracy_half_unit` is half the unit in which the source printed the accuracy.
    `loss_by_epoch` is a tuple, or None.
    """
    claims = read_claims(folder)
    curves = read_curves(claims, folder)
    rows = []
    for claim in claims:
        curve = curves.get(claim.claim)
        loss = None if curve is None else tuple(curve["loss"])
        rows.append(
            {"claim": claim.claim, "configuration": claim.configuration_name}
            | claim.config.model_dump(exclude={"seed"})
            | claim.model_dump(include={"kind", "answered_by", "source"})
            | {
                "test_accuracy": claim.published_test_accuracy,
                "test_accuracy_half_unit": (claim.rounding or np.nan) / 2,
                "last_epoch_accuracy": claim.published_train_accuracy,
                "test_loss": claim.published_test_loss,
                "loss_by_epoch": loss,
            }
        )
    return pd.DataFrame(rows).set_index("claim")
