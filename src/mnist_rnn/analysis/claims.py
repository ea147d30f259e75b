"""Read the published results in claims.csv, and the training curves in curves.csv."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any, Literal, TypeVar

import pandas as pd
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from mnist_rnn.config import PROGRAMS, Code, Configuration, Strict, name_configuration, whole
from mnist_rnn.parameters import describe_problem
from mnist_rnn.system.errors import ClaimError
from mnist_rnn.system.paths import PUBLISHED, shown

RESULT_KINDS = ("run", "table")  # the kinds of claims that are published results
UNPUBLISHED = ("near_miss", "control", "page")  # kinds of claims without a published number


def optional(described: str, **limits: Any) -> Any:
    """Return a pydantic field for a number that may be missing."""
    return Field(None, description=f"{described}, or nothing", **limits)


PERCENTAGE = optional("a percentage above 1", gt=1, le=100)  # rejects a fraction


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
    published_parameters: int | None = optional("a whole number above 0", ge=1)
    published_train_accuracy: float | None = PERCENTAGE
    published_test_accuracy: float | None = PERCENTAGE
    published_test_loss: float | None = optional("a number from 0", ge=0)
    rounding: float | None = optional(
        "the unit of the published test accuracy, above 0 and at most 1", gt=0, le=1
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
    def _is_unit(cls, value: float | None, info: ValidationInfo) -> float | None:
        accuracy = info.data.get("published_test_accuracy", value)
        units = accuracy / value if accuracy and value else 0
        if (value is None) != (accuracy is None) or abs(units - round(units)) > 1e-6:
            raise ValueError("the published test accuracy has another unit")
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
    train_accuracy: float | None = optional("a number from 0 to 1", ge=0, le=1)


Row = TypeVar("Row", Claim, Epoch)
CONFIGURATION = {name: f for name, f in Configuration.model_fields.items() if name != "seed"}
COLUMNS = CONFIGURATION | {name: f for name, f in Claim.model_fields.items() if name != "config"}


def read_claims(folder: Path = PUBLISHED) -> list[Claim]:
    """Return the claims in claims.csv in the order of their rows.

    A parameter has its default value if its column is missing or its cell is empty.
    """
    claims = read_rows(folder / "claims.csv", Claim)
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
    rows = pd.DataFrame([row.model_dump() for row in read_rows(path, Epoch)]).set_index("epoch")
    rows = rows.rename(columns=lambda name: name.removeprefix("train_"))
    groups = rows.astype({"accuracy": float}).groupby("claim", sort=False)
    curves = {str(name): curve[["loss", "accuracy"]] for name, curve in groups}
    epochs = {claim.claim: claim.config.epochs for claim in claims}
    for name, curve in curves.items():
        if name not in epochs:
            raise ClaimError(
                f"curves.csv: expected the name of a claim in claims.csv, got {name!r}."
            )
        if curve.index.tolist() != [*range(1, epochs[name] + 1)]:
            raise ClaimError(
                f"curves.csv, claim {name!r}: expected the epochs from 1 to {epochs[name]} in "
                f"order, got the epochs {', '.join(map(str, curve.index))}."
            )
    return curves


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Return the checked rows of a CSV file; ClaimError lists all wrong cells.

    An empty cell counts as a missing value. The parameters in a row of claims.csv become `config`.
    """
    columns = COLUMNS if kind is Claim else kind.model_fields
    required = {name: "" for name, field in columns.items() if field.is_required()}
    rows, problems = [], []
    for number, cells in enumerate(read_table(path), 2):
        given: dict[str, Any] = required | {name: str(cell) for name, cell in cells.items() if cell}
        if kind is Claim:  # a column `config` is an unknown parameter
            names = [name for name in (*CONFIGURATION, "config") if name in given]
            given["config"] = {name: given.pop(name) for name in names}
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


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the unchecked rows of a CSV file."""
    expected = f"{path.stem}: expected a table in CSV and UTF-8 in {shown(path)}"
    try:
        # "utf-8-sig" reads files with and without a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restkey="(without a name)", strict=True)
            rows, names = list(table), list(table.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        got = str(error.strerror if isinstance(error, OSError) else error)
        raise ClaimError(f"{expected}, got: {got}") from None
    if not rows:
        raise ClaimError(f"{expected}, got no row.")
    if len(set(names)) < len(names):
        raise ClaimError(f"{expected}, with each column once, got {', '.join(names)}.")
    return rows


def tabulate_claims(folder: Path = PUBLISHED) -> pd.DataFrame:
    """Return a table with one row per claim, indexed by the name of the claim.

    The table has the parameters and the other columns of claims.csv. `configuration` has the same
    meaning as in the table of runs. `loss_by_epoch` is a tuple of training losses, or None.
    """
    claims = read_claims(folder)
    curves = read_curves(claims, folder)
    rows = [
        claim.config.model_dump(exclude={"seed"})
        | claim.model_dump(exclude={"config"})
        | {
            "configuration": claim.configuration_name,
            "loss_by_epoch": tuple(curves[claim.claim]["loss"]) if claim.claim in curves else None,
        }
        for claim in claims
    ]
    return pd.DataFrame(rows).set_index("claim")
