"""A notebook's parameters, as papermill gives them, read and refused in words."""

import ast
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ParameterError

Parameters = TypeVar("Parameters", bound=BaseModel)


def read_parameters(
    namespace: Mapping[str, Any],
    kind: type[Parameters] = Configuration,  # type: ignore[assignment]
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
            problems.append(describe_problem(problem, kind.model_fields, got))
        raise ParameterError("\n".join(problems)) from None


def injected_names(cells: Iterable[str]) -> list[str]:
    """The names that the last cell injected by papermill assigns."""
    injected = [cell for cell in cells if cell.startswith("# Parameters\n")]
    statements = ast.parse(injected[-1] if injected else "").body
    targets = [node.targets[0] for node in statements if isinstance(node, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def describe_problem(problem: Mapping[str, Any], fields: Mapping[str, FieldInfo], got: str) -> str:
    """One of pydantic's errors as a sentence: the name, what was expected and what came."""
    name = problem["loc"][-1]
    if name not in fields:
        expected, wrong, choices = f"one of {', '.join(fields)}", name, list(fields)
    elif problem["type"] == "literal_error":
        expected, wrong = problem["ctx"]["expected"], str(problem["input"])
        choices = list(get_args(fields[name].annotation))
    else:
        return f"{name}: expected {fields[name].description}, got {got}."
    near = difflib.get_close_matches(wrong.lower(), choices, n=1, cutoff=0.4)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"{name}: expected {expected}, got {got}.{suggestion}"
