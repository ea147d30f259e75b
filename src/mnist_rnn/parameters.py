"""Read the parameters of a notebook, and explain which values are wrong."""

import ast
import difflib
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mnist_rnn.config import Configuration
from mnist_rnn.system.errors import ParameterError

# Suggestions for other libraries' names, which are spelled too differently for difflib.
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
    """Return a notebook's parameters from its `globals()`, with defaults for missing parameters.

    IPython stores the source code of the executed cells in the list `In`. The source code of the
    parameter cells shows unknown names, which papermill does not reject. Papermill's own variables
    PAPERMILL_INPUT_PATH and PAPERMILL_OUTPUT_PATH are ignored.

    Raises:
        ParameterError: a parameter is wrong. The message contains the expected and the given value.
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
    """Return the variables that a cell assigns, each with the source code of its value.

    The result is empty if the cell is not valid Python.
    """
    statements: list[ast.stmt] = []
    with suppress(SyntaxError):  # IPython also stores cells with syntax errors
        statements = ast.parse(source).body
    found = {}
    for node in statements:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found[target.id] = ast.unparse(node.value)
    return found


def describe_problem(problem: Mapping[str, Any], fields: Mapping[str, FieldInfo], got: str) -> str:
    """Explain a pydantic error in a sentence that contains the expected and the given value."""
    name = problem["loc"][-1]
    if name not in fields:
        expected, wrong, choices = f"one of {', '.join(fields)}", name, list(fields)
    elif problem["type"] == "literal_error":
        expected, wrong = problem["ctx"]["expected"], str(problem["input"])
        choices = list(get_args(fields[name].annotation))
    else:
        return f"{name}: expected {fields[name].description}, got {got}."
    alias = ALIASES.get(wrong.lower())
    # With a cutoff of 0.7, difflib would suggest train_size for input_size.
    near = difflib.get_close_matches(wrong.lower(), choices, n=1, cutoff=0.71)
    near = [alias] if alias in choices else near
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"{name}: expected {expected}, got {got}.{suggestion}"
