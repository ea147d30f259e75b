"""What the originals published: the claims to reproduce and their training curves."""

import csv
from collections import Counter
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, ValidationError

from mnist_rnn.config import Configuration, describe, suggest, whole
from mnist_rnn.errors import ClaimError, ParameterError
from mnist_rnn.paths import PUBLISHED, shown


class Claim(Configuration):
    """A published test accuracy and the configuration that it was published for.

    Accuracies are in percent. We run the configuration with the seeds 0 to `seeds` - 1; a
    claim itself has no `seed`.
    """

    claim: str = Field(min_length=1, description="a name")
    seeds: int = whole(..., 1, 1000)
    seed: None = None
    published_parameters: int | None = Field(
        None, ge=1, description="a whole number above 0, or nothing"
    )
    published_train_accuracy: float | None = Field(
        None, ge=0, le=100, description="a number from 0 to 100, or nothing"
    )
    published_test_accuracy: float = Field(ge=0, le=100, description="a number from 0 to 100")
    rounding: float = Field(gt=0, description="a number above 0")
    has_curve: Literal["yes", "no"]
    source: str = Field(min_length=1, description="where it was published")


COLUMNS = {name: field for name, field in Claim.model_fields.items() if name != "seed"}
OPTIONAL = {"learning_rate", "train_size", "published_parameters", "published_train_accuracy"}


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
        try:
            claims.append(Claim.model_validate_strings(cells))
        except ValidationError as error:
            for problem in error.errors():
                got = repr(problem["input"]) if problem["input"] else "nothing"
                sentence = describe(problem, COLUMNS, got)
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
            table = csv.DictReader(file, restkey="(without a name)", restval="")
            rows = list(table)
    except UnicodeDecodeError as error:
        raise ClaimError(f"claims: expected UTF-8 in {shown(path)}, got {error}.") from None
    if not rows:
        raise ClaimError(f"claims: expected at least one row in {shown(path)}, got none.")
    if "claim" not in table.fieldnames:
        header = ", ".join(table.fieldnames)
        raise ClaimError(f"claims: expected the column claim in {shown(path)}, got {header}.")
    return rows


def load_claims() -> pd.DataFrame:
    """One published test accuracy (percent) a row, indexed by the claim's name."""
    rows = [
        {"configuration": claim.name} | claim.model_dump(include=set(COLUMNS))
        for claim in read_claims()
    ]
    return pd.DataFrame(rows).set_index("claim")


def load_curve(claim: str) -> pd.DataFrame:
    """Columns train_loss and train_accuracy (a fraction), a row an epoch; empty if unpublished.

    Raises:
        ClaimError: there is no file of curves.
    """
    path = PUBLISHED / "curves.csv"
    if not path.is_file():
        raise ClaimError(f"curves: expected the file {shown(path)}, got nothing.")
    curves = pd.read_csv(path, index_col="epoch")
    return curves[curves["claim"] == claim].drop(columns="claim")


def find_claim(name: str) -> Claim:
    """The claim of this name.

    Raises:
        ParameterError: there is none.
    """
    claims = {claim.claim: claim for claim in read_claims()}
    if name not in claims:
        raise ParameterError(
            f"claim: expected one of {', '.join(claims)}, got {name!r}.{suggest(name, claims)}"
        )
    return claims[name]


def differences(config: Configuration, claim: Claim) -> dict[str, object]:
    """The parameters, with their values here, in which a run departs from its claim."""
    here, there = config.model_dump(exclude={"claim", "seed"}), claim.model_dump()
    return {name: value for name, value in here.items() if value != there[name]}
