"""What the originals published: the claims to reproduce and their training curves."""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import Field, ValidationError

from mnist_rnn.config import Configuration, suggest
from mnist_rnn.errors import ClaimError, ParameterError
from mnist_rnn.paths import PUBLISHED, shown

EXPERIMENT = ["cell", "units", "optimizer", "dropout", "batch_size", "epochs"]


class Claim(Configuration):
    """A published test accuracy and the configuration that it was published for.

    Accuracies are in percent. We run the configuration with the seeds 0 to `seeds` - 1.
    """

    claim: str = Field(min_length=1, description="a name")
    seeds: int = Field(ge=1, le=1000, description="a whole number from 1 to 1000")
    parameters: int | None = Field(None, ge=1, description="a whole number above 0, or nothing")
    published_train_accuracy: float | None = Field(
        None, ge=0, le=100, description="a number from 0 to 100, or nothing"
    )
    published_test_accuracy: float = Field(ge=0, le=100, description="a number from 0 to 100")
    rounding: float = Field(gt=0, description="a number above 0")
    has_curve: Literal["yes", "no"] = Field(description="'yes' or 'no'")
    source: str = Field(min_length=1, description="where it was published")


COLUMNS = {name: field for name, field in Claim.model_fields.items() if name != "seed"}
OPTIONAL = {"learning_rate", "train_size", "parameters", "published_train_accuracy"}


def read_claims(path: Path = PUBLISHED / "claims.csv") -> list[Claim]:
    """The claims in the order of their rows.

    Raises:
        ClaimError: there is no claim, or for each wrong cell its claim and column, what was
            expected and what came.
    """
    if not path.exists():
        raise ClaimError(f"claims: expected the file {shown(path)}, got nothing.")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, restkey="(without a name)", restval=""))
    if not rows:
        raise ClaimError(f"claims: expected at least one row in {shown(path)}, got none.")
    counts = Counter(row.get("claim") for row in rows)
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
            problems += [describe_cell(cells, details) for details in error.errors()]
    if problems:
        raise ClaimError("\n".join(f"{path.name}, {problem}" for problem in problems))
    return claims


def describe_cell(cells: Mapping[str, str], details: Mapping[str, Any]) -> str:
    """One of pydantic's errors in a row as a sentence."""
    column = details["loc"][0]
    got = repr(cells[column]) if cells[column] else "nothing"
    where = f"claim {cells['claim']!r}, column {column}"
    if column not in COLUMNS:
        return f"{where}: expected one of {', '.join(COLUMNS)}, got {got}."
    sentence = f"{where}: expected {COLUMNS[column].description}, got {got}."
    if details["type"] == "literal_error":
        sentence += suggest(cells[column], get_args(COLUMNS[column].annotation))
    return sentence


def load_claims() -> pd.DataFrame:
    """One published test accuracy (percent) a row, indexed by the claim's name."""
    claims = pd.DataFrame([claim.model_dump(include=set(COLUMNS)) for claim in read_claims()])
    return claims.astype({"learning_rate": "float64"}).set_index("claim")


def load_curve(claim: str) -> pd.DataFrame:
    """Columns train_loss and train_accuracy (a fraction), a row an epoch; empty if unpublished."""
    curves = pd.read_csv(PUBLISHED / "curves.csv", index_col="epoch")
    return curves[curves["claim"] == claim].drop(columns="claim")


def find_claim(name: str) -> pd.Series:
    """The row of `load_claims` with this name.

    Raises:
        ParameterError: there is no such claim.
    """
    claims = load_claims()
    if name not in claims.index:
        raise ParameterError(
            f"claim: expected one of {', '.join(claims.index)}, "
            f"got {name!r}.{suggest(name, claims.index)}"
        )
    return claims.loc[name]


def differences(config: Configuration, claim: pd.Series) -> dict[str, object]:
    """The parameters, with their values here, in which a run departs from its claim."""
    expected = claim[[*EXPERIMENT, "learning_rate", "train_size"]].replace(float("nan"), None)
    return {
        name: value
        for name, value in config.model_dump(include=set(expected.index)).items()
        if value != expected[name]
    }
