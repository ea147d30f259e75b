"""Generate thousands of random values, to test code that must handle any value."""

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

many = settings(
    max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


def nest(leaves):
    """Return a Hypothesis strategy for `leaves`, alone or nested in lists and dictionaries."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )


json_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
scalars = json_scalars | st.binary()
json_values = nest(json_scalars)


def places(value, path=()):
    """Yield the path, a tuple of keys and indices, to each value inside a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def change_one(text, draws):
    """Return the JSON text with one random value replaced by another JSON value."""
    content = json.loads(text)
    *path, last = draws.draw(st.sampled_from(list(places(content))[1:]))
    inner = content
    for key in path:
        inner = inner[key]
    inner[last] = draws.draw(json_values)
    return json.dumps(content)
