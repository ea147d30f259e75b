"""The parameters of a run: one frozen configuration, refused when wrong."""

import ast
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from mnist_rnn.errors import ParameterError

TRAIN_SIZE, TEST_SIZE = 60_000, 10_000


class Configuration(BaseModel):
    """All that decides what a run computes. The defaults are the original notebook's.

    Raises:
        pydantic.ValidationError: from the constructor; `read_parameters` words it for people.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    claim: str = Field("notebook-2019", description="a claim of data/published/claims.csv")
    cell: Literal["simple_rnn", "gru", "lstm"] = Field(
        "simple_rnn", description="'simple_rnn', 'gru' or 'lstm'"
    )
    units: int = Field(256, ge=1, le=4096, description="a whole number from 1 to 4096")
    optimizer: Literal["sgd", "rmsprop", "adam"] = Field(
        "sgd", description="'sgd', 'rmsprop' or 'adam'"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="a finite number above 0, or None for Keras's default"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    batch_size: int = Field(
        128, ge=1, le=TRAIN_SIZE, description=f"a whole number from 1 to {TRAIN_SIZE}"
    )
    epochs: int = Field(20, ge=1, le=1000, description="a whole number from 1 to 1000")
    train_size: int = Field(
        TRAIN_SIZE, ge=1, le=TRAIN_SIZE, description=f"a whole number from 1 to {TRAIN_SIZE}"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="a whole number from 0 to 4294967295")

    @property
    def name(self) -> str:
        """The folder of this configuration's runs: everything but the claim and the seed."""
        name = (
            f"{self.cell}-{self.units}-{self.optimizer}-dropout_{self.dropout}"
            f"-batch_{self.batch_size}-epochs_{self.epochs}"
        )
        if self.learning_rate is not None:
            name += f"-learning_rate_{self.learning_rate}"
        if self.train_size != TRAIN_SIZE:
            name += f"-train_size_{self.train_size}"
        return name


PARAMETERS = tuple(Configuration.model_fields)


class Reading(BaseModel):
    """The parameters of 04_reading.ipynb, which trains nothing."""

    model_config = Configuration.model_config

    some: int = Field(2000, ge=100, le=TEST_SIZE, description="a whole number from 100 to 10000")
    example: int = Field(0, ge=0, lt=TEST_SIZE, description="a whole number from 0 to 9999")
    seed: int = Field(0, ge=0, lt=2**32, description="a whole number from 0 to 4294967295")


Parameters = TypeVar("Parameters", Configuration, Reading)


def read_parameters(
    namespace: Mapping[str, Any], kind: type[Parameters] = Configuration
) -> Parameters:
    """The parameters of this kind that a notebook's variables, `globals()`, hold.

    papermill only warns of a name that it does not find among the parameters, and defines it in
    a cell of its own. IPython keeps the sources of the cells run so far in `In`; there such a
    name is found.

    Raises:
        ParameterError: for each wrong parameter, its name, what was expected and what came.
    """
    fields = kind.model_fields
    problems = [
        f"{name}: expected one of the parameters {', '.join(fields)}, "
        f"got {name} = {namespace[name]!r}.{suggest(name, fields)}"
        for name in injected_names(namespace.get("In", []))
        if name not in fields
    ]
    try:
        parameters = kind(**{name: namespace[name] for name in fields})
    except ValidationError as error:
        problems += [describe(details, fields[details["loc"][0]]) for details in error.errors()]
    if problems:
        raise ParameterError("\n".join(problems))
    return parameters


def injected_names(cells: Iterable[str]) -> list[str]:
    """The names that the last cell injected by papermill assigns."""
    injected = [cell for cell in cells if cell.startswith("# Parameters\n")]
    if not injected:
        return []
    statements = ast.parse(injected[-1]).body
    return [node.targets[0].id for node in statements if isinstance(node, ast.Assign)]


def describe(details: Mapping[str, Any], field: FieldInfo) -> str:
    """One of pydantic's errors as a sentence."""
    name, value = details["loc"][0], details["input"]
    sentence = f"{name}: expected {field.description}, got {value!r} ({type(value).__name__})."
    if details["type"] == "literal_error":
        sentence += suggest(value, get_args(field.annotation))
    return sentence


def suggest(wrong: Any, choices: Iterable[str]) -> str:
    """` Did you mean ...?` with the most similar of `choices`, or nothing."""
    matches = difflib.get_close_matches(str(wrong).lower(), list(choices), n=1, cutoff=0.4)
    return f" Did you mean {matches[0]!r}?" if matches else ""
