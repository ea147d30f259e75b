"""Find the first array of a training step whose bits differ, and the rule that was broken.

`python -m mnist_rnn.bits.compare DUMP.json` reads arrays of your program, in the form of
docs/known-answers.json. It takes the same step by the rules of docs/specification.md and names
the first array that differs, in the order of the computation. If breaking one rule gives your
numbers, it names the rule. Only the inputs are required; computed arrays may be missing. A case
with the name of a known case must have the inputs of that case.
"""

import argparse
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.known_answers import ARRAYS, INPUTS, Case, read_cases, take_step
from mnist_rnn.errors import ExperimentError, ParameterError

# How to break each rule: a line of by_hand.py, and the line that replaces it.
BROKEN_RULES = {
    "products rounded before they are added": (
        "np.multiply(a[:, k, None], b[k], out=term)",
        'term[...] = (a[:, k, None] * b[k]).astype("float32")',
    ),
    "terms of a product from last to first": (
        "for k in range(len(b))",
        "for k in reversed(range(len(b)))",
    ),
    "the bias added last": (
        "(multiply(x, w) + b) + multiply(h, u)",
        "(multiply(x, w) + multiply(h, u)) + b",
    ),
    "tanh in double precision, rounded": (
        "return np.where(np.abs(x) < TANH_SMALL, x, near_one)",
        'return np.tanh(x, dtype="float64").astype("float32")',
    ),
    "a quotient in place of the reciprocal": ("(a * (1 / s)) * e", "(a / s) * e"),
    "timesteps from first to last": ("zip(*terms, strict=True)", "zip(*terms[::-1], strict=True)"),
    "a bias's images in one part": (
        "[add_in_order(rows) for rows in cut(part, 32)]",
        "[add_in_order(part)]",
    ),
    "update rounded once": ("w - flush(dw * rate)", "np.float32(w - np.double(dw) * rate)"),
    "tanh differentiated as (1 + h) (1 - h)": ("(1 - h * h)", "((1 + h) * (1 - h))"),
    "a product rounded to float64, then to float32": ("halfway).any()", "halfway).all() and False"),
    "products of more than 256 terms in one part": (
        "zip(cut(a.T, 256), cut(b, 256), strict=True)",
        "[(a.T, b)]",
    ),
    "products of more than 128 images in one part": (
        "zip(cut(a, 128), cut(b, 128), strict=True)",
        "[(a, b)]",
    ),
    "subnormal numbers kept": ("return x * (np.abs(x) >= np.float32(2**-126))", "return x"),
}


class Difference(NamedTuple):
    """An array that differs, or one timestep of it, with the expected and the found numbers."""

    place: str
    expected: np.ndarray | str
    found: np.ndarray | str

    def __str__(self) -> str:
        """Return a sentence on the differing numbers; ULP are units in the last place."""
        if isinstance(self.expected, str) or isinstance(self.found, str):
            return f"{self.place} differs: expected {self.expected}, got {self.found}."
        if self.expected.shape != self.found.shape:
            shapes = f"expected the shape {self.expected.shape}, got {self.found.shape}"
            return f"{self.place} differs: {shapes}."
        differ = bits(self.expected) != bits(self.found)
        first = tuple(map(int, np.argwhere(differ)[0]))
        expected, found = self.expected[first], self.found[first]
        apart = abs(in_order(found) - in_order(expected))
        return (
            f"{self.place} differs in {differ.sum():,} of {differ.size:,} numbers, the first at "
            f"{list(first)}: expected {expected:.9g} ({float(expected).hex()}), got {found:.9g}, "
            f"{apart:,} ULP apart."
        )


def bits(array: Any) -> np.ndarray:
    """Return the bits of a float32 array, as whole numbers."""
    return np.asarray(array, "float32").view("uint32")


def in_order(number: np.float32) -> int:
    """Return the rank of a number among all float32 numbers; zero has rank 0."""
    place = int(bits(number))
    return place if place < 2**31 else 2**31 - place


def split_timesteps(case: Case) -> Iterator[tuple[str, np.ndarray | str]]:
    """Yield the arrays of a case as they are computed; h, dh and d come by timestep."""
    for name in (*INPUTS, *ARRAYS):
        if name not in case or (name == "d" and "dh" in case and not isinstance(case["d"], str)):
            continue
        array = case[name]
        if name not in ("h", "dh") or isinstance(array, str):
            yield name, array
            continue
        timesteps = range(len(array)) if name == "h" else reversed(range(len(array)))
        for t in timesteps:
            yield f"{name} of timestep {t + 1}", array[t]
            if name == "dh" and "d" in case:
                yield f"d of timestep {t + 1}", case["d"][t]


def find_difference(found: Case, expected: Case) -> Difference | None:
    """Return the first array of `expected` whose bits differ from those in `found`, or None."""
    theirs = dict(split_timesteps(found))
    for place, array in split_timesteps(expected):
        if place not in theirs:
            continue
        other = theirs[place]
        if isinstance(array, str) or isinstance(other, str):
            same = isinstance(other, str) and array == other
        else:
            same = np.array_equal(bits(array), bits(other))
        if not same:
            return Difference(place, array, other)
    return None


def break_rule(name: str) -> ModuleType:
    """Return by_hand with one rule broken."""
    source, (line, instead) = inspect.getsource(by_hand), BROKEN_RULES[name]
    assert source.count(line) == 1, name
    module = ModuleType("broken")
    exec(source.replace(line, instead), vars(module))
    # Where NumPy's library keeps the rules of a product, the broken ones would have no effect.
    vars(module)["library_keeps_the_rule"] = lambda *_: False
    return module


def explain(found: Case, difference: Difference) -> list[str]:
    """Return each rule that, if broken, gives the differing array and all arrays before it."""
    names = []
    for name in BROKEN_RULES:
        broken = take_step(found, break_rule(name))
        other = find_difference(found, broken)
        places = [place for place, _ in split_timesteps(broken)]
        if other is None or places.index(other.place) > places.index(difference.place):
            names.append(name)
    return names


def compare(name: str, found: Case, known: Mapping[str, Case]) -> str | None:
    """Return a sentence on the first difference in a case of a dump, or None if there is none.

    Raises:
        ParameterError: an input is missing, or digests come without a known case to compare with.
    """
    expected = known.get(name, {})
    if difference := find_difference(found, {k: v for k, v in expected.items() if k in INPUTS}):
        return f"{name}: the input {difference}"
    if any(isinstance(array, str) for array in found.values()):
        if not expected:
            raise ParameterError(f"{name}: expected one of {', '.join(known)} for digests.")
        difference = find_difference(found, expected)
        return difference and f"{name}: {difference}"
    if missing := [key for key in INPUTS if key not in found]:
        raise ParameterError(f"{name}: expected the inputs {', '.join(missing)}.")
    difference = find_difference(found, take_step(found))
    if difference is None:
        return None
    rules = " or ".join(explain(found, difference))
    why = (
        f"Breaking this rule gives your numbers: {rules}."
        if rules
        else "No broken rule explains it."
    )
    return f"{name}: {difference} {why}"


def main() -> None:
    """Compare each case of a dump; exit with status 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", type=Path)
    try:
        known, cases = read_cases(), read_cases(parser.parse_args().dump)
        sentences = [compare(name, case, known) for name, case in cases.items()]
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    for name, sentence in zip(cases, sentences, strict=True):
        print(sentence or f"{name}: the same bits.")
    raise SystemExit(any(sentences))


if __name__ == "__main__":
    main()
