"""The source of a function, shown in a notebook: its one definition stays where it is."""

import inspect
from collections.abc import Callable

from IPython.display import Code


def show_source(*functions: Callable) -> Code:
    """The functions as they stand in the package, highlighted."""
    return Code("\n\n".join(map(inspect.getsource, functions)), language="python")
