"""Show the source code of functions in a notebook."""

import inspect
import textwrap
from collections.abc import Callable

from IPython.display import Code


class Source(Code):
    """Highlighted code whose long lines break between words."""

    def _repr_html_(self) -> str:
        return super()._repr_html_().replace("<pre>", '<pre style="word-break: normal">')


def show_source(*functions: Callable) -> Source:
    """Return the highlighted source code of functions, methods or classes."""
    sources = (textwrap.dedent(inspect.getsource(function)) for function in functions)
    return Source("\n\n".join(sources), language="python")
