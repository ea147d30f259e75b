"""Read the published results in claims.csv, and the training curves in curves.csv."""

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
REST = "(without a name)"  # the key of the cells to the right of the last column
RESULT_KINDS = ("run", "table")  # the kinds of claims that are published results
UNPUBLISHED = ("near_miss", "control", "page")  # kinds of claims without a published number


def optional(least: float, most: float | None, described: str) -> Any:
    """Return a pydantic field for a number that may be missing."""
    return Field(None, ge=least, le=most, description=f"{described}, or nothing")


class Claim(Strict, validate_default=True):
    """A row of claims.csv: a configuration, and the numbers published for this configuration.

    docs/data-dictionary.md describes the columns and kinds. Accuracies are in percent, and losses
    in nats. The seed of `config` is always 0. The runs for a claim have the seeds 0 to `seeds` - 1.
    """

    config: Configuration
    claim: str = Field(pattern=r"^[^|`<>\r\n]+$", description="a name without |, `, < and >")
    kind: Literal["run", "table", "text", "near_miss", "control", "page"]
    answered_by: Code = Field("ours", description="code that can compute this configuration")
    seeds: int = whole(..., 1, 1000)
    published_parameters: int | None = optional(1, None, "a whole number above 0")
    published_train_accuracy: float | None = optional(0, 100, "a number from 0 to 100")
    published_test_accuracy: float | None = optional(0, 100, "a number from 0 to 100")
    published_test_loss: float | None = optional(0, None, "a number from 0")
    rounding: float | None = Field(
        None,
        gt=0,
        description="a number above 0, or nothing if there is no published test accuracy",
    )
    source: str = Field(min_length=1, description="the place of publication")

    @field_validator("answered_by")
    @classmethod
    def _computes_it(cls, value: Code, info: ValidationInfo) -> Code:
        given, program = info.data.get("config"), PROGRAMS[value]
        free = {"epochs", "train_size", *program.takes}
        if given and given.find_changes(program.base).keys() - free:
            raise ValueError("the code computes another configuration")
        return value

    @field_validator("rounding")
    @classmethod
    def _has_unit(cls, value: float | None, info: ValidationInfo) -> float | None:
        if (value is None) != (info.data.get("published_test_accuracy", value) is None):
            raise ValueError("`rounding` and `published_test_accuracy` must be given together")
        return value

    @field_validator("published_test_accuracy")
    @classmethod
    def _has_number(cls, value: float | None, info: ValidationInfo) -> float | None:
        if (value is None) != (info.data.get("kind") in UNPUBLISHED):
            raise ValueError(f"all kinds except {', '.join(UNPUBLISHED)} need a test accuracy")
        return value

    @property
    def configuration_name(self) -> str:
        """Return the name of this claim's configuration."""
        return name_configuration(self.config, self.answered_by)


class Epoch(Strict):
    """A row of curves.csv: one epoch of a published training curve."""

    claim: str = Field(min_length=1, description="the name of a claim in claims.csv")
    epoch: int = Field(description="a whole number")
    train_loss: float = Field(gt=0, description="a number above 0")
    train_accuracy: float | None = optional(0, 1, "a number from 0 to 1")


Row = TypeVar("Row", bound=BaseModel)
CONFIGURATION = {name: f for name, f in Configuration.model_fields.items() if name != "seed"}
COLUMNS = CONFIGURATION | {name: f for name, f in Claim.model_fields.items() if name != "config"}


def read_claims(folder: Path = PUBLISHED) -> list[Claim]:
    """Return the claims in claims.csv in the order of their rows.

    A parameter has its default value if its column is missing or its cell is empty.

    Raises:
        ClaimError: there is no claim, or a cell is wrong. The message lists each wrong cell with
            its claim, its column, the expected value and the found value.
    """
    claims = read_rows(folder / "claims.csv", Claim, COLUMNS, {"claim"}, CONFIGURATION)
    counts = Counter(claim.claim for claim in claims)
    if several := [f"{name!r} in {count} rows" for name, count in counts.items() if count > 1]:
        raise ClaimError(
            f"claims.csv: expected a different name for each claim, got {', '.join(several)}."
        )
    return claims


def read_curves(claims: list[Claim], folder: Path = PUBLISHED) -> dict[str, pd.DataFrame]:
    """Return the published training curves: a dictionary from the names of claims to tables.

    A table has one row per epoch, starting with epoch 1, and the columns `loss` and `accuracy`.
    `accuracy` is a fraction, or nan if no accuracy was published. If curves.csv is missing, the
    result is empty.

    Raises:
        ClaimError: a cell or a curve is wrong. The message gives the expected and the found value.
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
            raise ClaimError(
                f"curves.csv: expected the name of a claim in claims.csv, got {name!r}."
            )
        found, last = [row.epoch for row in curve], epochs[name]
        if found != [*range(1, last + 1)]:
            raise ClaimError(
                f"curves.csv, claim {name!r}: expected the epochs from 1 to {last} in order, "
                f"got the epochs {', '.join(map(str, found))}."
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
    """Return the checked rows of a CSV file; ClaimError lists all wrong cells.

    An empty cell counts as a missing value. The file must have all columns in `needed`. The
    parameter `config` lists the columns that are combined into the field `config` of a row.
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
        ClaimError: the file is missing or empty, is not a CSV file, or lacks a column.
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
        words = f"each column once, including {', '.join(sorted(needed))}, in {shown(path)}"
        raise ClaimError(f"{name}: expected {words}, got {', '.join(names)}.")
    return rows


def tabulate_claims(folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return a table with one row per claim, indexed by the name of the claim.

    The columns `configuration`, `test_accuracy`, `test_loss` and `last_epoch_accuracy` have the
    same meaning as in the table of runs. `test_accuracy_half_unit` is half the unit in which the
    source printed the test accuracy. `loss_by_epoch` is a tuple of training losses, or None.
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
            | claim.model_dump(include={"kind", "source"})
            | {
                "test_accuracy": claim.published_test_accuracy,
                "test_accuracy_half_unit": (claim.rounding or np.nan) / 2,
                "last_epoch_accuracy": claim.published_train_accuracy,
                "test_loss": claim.published_test_loss,
                "loss_by_epoch": loss,
            }
        )
    return pd.DataFrame(rows).set_index("claim")
