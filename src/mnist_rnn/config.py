"""The parameters of a run: one frozen configuration, refused when wrong."""

import ast
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from mnist_rnn.errors import ParameterError

TRAIN_SIZE, TEST_SIZE = 60_000, 10_000


class Strict(BaseModel):
    """Nothing is converted, changed or ignored: no unknown name, no nan."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def whole(default: Any, least: int, most: int) -> Any:
    """A field for a whole number in a range, in the words of an error message."""
    return Field(default, ge=least, le=most, description=f"a whole number from {least} to {most}")


class Configuration(Strict):
    """All that decides what a run computes. The defaults are the original notebook's.

    Raises:
        pydantic.ValidationError: from the constructor; `read_parameters` words it for people.
    """

    claim: str = Field("notebook-2019", description="a claim of data/published/claims.csv")
    cell: Literal["simple_rnn", "gru", "lstm"] = "simple_rnn"
    units: int = whole(256, 1, 4096)
    optimizer: Literal["sgd", "rmsprop", "adam"] = "sgd"
    learning_rate: float | None = Field(
        None, gt=0, description="a finite number above 0, or None for Keras's default"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    batch_size: int = whole(128, 1, TRAIN_SIZE)
    epochs: int = whole(20, 1, 1000)
    train_size: int = whole(TRAIN_SIZE, 1, TRAIN_SIZE)
    seed: int = whole(0, 0, 2**32 - 1)

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


class Reading(Strict):
    """The parameters of 04_reading.ipynb, which trains nothing."""

    test_size: int = whole(2000, 100, TEST_SIZE)
    example: int = whole(0, 0, TEST_SIZE - 1)
    seed: int = whole(0, 0, 2**32 - 1)


Parameters = TypeVar("Parameters", Configuration, Reading)


def read_parameters(
    namespace: Mapping[str, Any], kind: type[Parameters] = Configuration
) -> Parameters:
    """The parameters of this kind: a notebook's variables, `globals()`, or else the defaults.

    papermill only warns of a name that it does not find among the parameters, and defines it in
    a cell of its own. IPython keeps the sources of the cells run so far in `In`; there such a
    name is found.

    Raises:
        ParameterError: for each wrong parameter, its name, what was expected and what came.
    """
    names = [*kind.model_fields, *injected_names(namespace.get("In", []))]
    try:
        return kind.model_validate({name: namespace[name] for name in names if name in namespace})
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            got = f"{problem['input']!r} ({type(problem['input']).__name__})"
            problems.append(describe(problem, kind.model_fields, got))
        raise ParameterError("\n".join(problems)) from None


def injected_names(cells: Iterable[str]) -> list[str]:
    """The names that the last cell injected by papermill assigns."""
    injected = [cell for cell in cells if cell.startswith("# Parameters\n")]
    statements = ast.parse(injected[-1] if injected else "").body
    targets = [node.targets[0] for node in statements if isinstance(node, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def describe(problem: Mapping[str, Any], fields: Mapping[str, FieldInfo], got: str) -> str:
    """One of pydantic's errors as a sentence: the name, what was expected and what came."""
    name, wrong, choices = problem["loc"][0], problem["input"], ()
    if name not in fields:
        expected, wrong, choices = f"one of {', '.join(fields)}", name, fields
    elif problem["type"] == "literal_error":
        expected, choices = problem["ctx"]["expected"], get_args(fields[name].annotation)
    else:
        expected = fields[name].description
    return f"{name}: expected {expected}, got {got}.{suggest(wrong, choices)}"


def suggest(wrong: Any, choices: Iterable[str]) -> str:
    """` Did you mean ...?` with the most similar of `choices`, or nothing."""
    matches = difflib.get_close_matches(str(wrong).lower(), list(choices), n=1, cutoff=0.4)
    return f" Did you mean {matches[0]!r}?" if matches else ""
