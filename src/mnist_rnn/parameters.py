"""Read the parameters of a notebook, and explain which values are wrong."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mnist_rnn.config import Configuration
from mnist_rnn.system.errors import ParameterError

# The name in a line such as `units: int = 256`; papermill's own variables are left out.
ASSIGNED = re.compile(r"^(?!PAPERMILL_)(\w+) *(?::[^=\n]+)?=(?!=)", re.MULTILINE)
Parameters = TypeVar("Parameters", bound=BaseModel)


def read_parameters(
    namespace: Mapping[str, Any],
    kind: type[Parameters] = Configuration,  # type: ignore[assignment]
) -> Parameters:
    """Return a notebook's parameters from its `globals()`, with defaults for missing parameters.

    IPython stores the source code of the executed cells in the list `In`. The source code of the
    parameter cells shows unknown names, which papermill does not reject.

    Raises:
        ParameterError: a parameter is wrong. The message contains the expected and the given value.
    """
    cells, fields = namespace.get("In", []), "|".join(kind.model_fields)
    names = dict.fromkeys(kind.model_fields)
    for sign in (r"\A# Parameters\n", rf"(?m)^({fields}): "):
        given = [re.findall(ASSIGNED, cell) for cell in cells if re.search(sign, cell)]
        names |= dict.fromkeys(next(filter(None, reversed(given)), []))
    try:
        return kind.model_validate({name: namespace[name] for name in names if name in namespace})
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            got = f"{problem['input']!r} ({type(problem['input']).__name__})"
            problems.append(describe_problem(problem, kind.model_fields, got))
        raise ParameterError("\n".join(problems)) from None


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
    # With a cutoff of 0.7, difflib would suggest train_size for input_size.
    near = difflib.get_close_matches(wrong.lower(), choices, n=1, cutoff=0.71)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"{name}: expected {expected}, got {got}.{suggestion}"
