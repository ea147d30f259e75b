"""Read a notebook's parameters, and reject wrong ones with an explanation."""

import ast
import difflib
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ParameterError

# Names that other libraries use, whose spelling is too different for a suggestion.
ALIASES = {
    "lr": "learning_rate",
    "hidden_size": "units",
    "hidden_units": "units",
    "batch": "batch_size",
    "random_seed": "seed",
    "random_state": "seed",
    "opt": "optimizer",
    "drop_rate": "dropout",
    "rnn": "simple_rnn",
}

Parameters = TypeVar("Parameters", bound=BaseModel)


def read_parameters(
    namespace: Mapping[str, Any],
    kind: type[Parameters] = Configuration,  # type: ignore[assignment]
) -> Parameters:
    """Return the parameters of this kind from a notebook's `globals()`, or their defaults.

    IPython keeps the sources of the executed cells in `In`. These show unknown names that were set
    in the cell of parameters or passed to papermill. Papermill only warns of such names, and
    defines them in its own cell. The paths that papermill defines on request are ignored.

    Raises:
        ParameterError: a parameter is wrong. The message says what was expected and given.
    """
    cells, fields = namespace.get("In", []), "|".join(kind.model_fields)
    names = dict.fromkeys(kind.model_fields)
    for sign in (r"\A# Parameters\n", rf"(?m)^({fields}): "):
        given = [find_assignments(cell) for cell in cells if re.search(sign, cell)]
        names |= dict.fromkeys(next(filter(None, reversed(given)), {}))
    for option in ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH"):
        names.pop(option, None)
    try:
        return kind.model_validate({name: namespace[name] for name in names if name in namespace})
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            got = f"{problem['input']!r} ({type(problem['input']).__name__})"
            problems.append(describe_problem(problem, kind.model_fields, got))
        raise ParameterError("\n".join(problems)) from None


def find_assignments(source: str) -> dict[str, str]:
    """Return the names that a cell assigns, with the source text of their values.

    The result is empty if the cell is not valid Python.
    """
    statements: list[ast.stmt] = []
    with suppress(SyntaxError):  # IPython also keeps cells with such errors
        statements = ast.parse(source).body
    found = {}
    for node in statements:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found[target.id] = ast.unparse(node.value)
    return found


def describe_problem(problem: Mapping[str, Any], fields: Mapping[str, FieldInfo], got: str) -> str:
    """Return a pydantic error as a sentence with the name, the expected and the given value."""
    name = problem["loc"][-1]
    if name not in fields:
        expected, wrong, choices = f"one of {', '.join(fields)}", name, list(fields)
    elif problem["type"] == "literal_error":
        expected, wrong = problem["ctx"]["expected"], str(problem["input"])
        choices = list(get_args(fields[name].annotation))
    else:
        return f"{name}: expected {fields[name].description}, got {got}."
    alias = ALIASES.get(wrong.lower())
    # Below 0.71, most suggestions are wrong: input_size and train_size have a ratio of 0.7.
    near = difflib.get_close_matches(wrong.lower(), choices, n=1, cutoff=0.71)
    near = [alias] if alias in choices else near
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"{name}: expected {expected}, got {got}.{suggestion}"
