"""Functions of the package, shown in a notebook as they stand."""

import inspect
from collections.abc import Callable

from IPython.display import Code


class Source(Code):
    """Highlighted code; where it is too wide, it breaks between words, not within."""

    def _repr_html_(self) -> str:
        return super()._repr_html_().replace("<pre>", '<pre style="word-break: normal">')


def show_source(*functions: Callable) -> Source:
    """The functions as they stand in the package, highlighted: their one definition stays there."""
    return Source("\n\n".join(map(inspect.getsource, functions)), language="python")
