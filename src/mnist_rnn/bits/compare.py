"""Find the first wrong array of a training step, and the rule that was broken.

`python -m mnist_rnn.bits.compare DUMP.json` checks the arrays that your program computed. The file
DUMP.json has the format of docs/known-answers.json. The command computes each case's training step
with the rules of docs/specification.md. The command names the first array, in the order of
computation, whose bits are wrong. If your numbers result from one broken rule, the command names
this rule. The dump must contain all inputs, but computed arrays may be missing. If a case has the
name of a known case, its inputs must be equal to the inputs of the known case.
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

# Maps each broken rule to two pieces of code: the original in by_hand.py, and its replacement.
BROKEN_RULES = {
    "each product is rounded before it is added": (
        "np.multiply(a[:, k, None], b[k], out=term)",
        'term[...] = (a[:, k, None] * b[k]).astype("float32")',
    ),
    "the terms of a matrix product are added from last to first": (
        "for k in range(len(b))",
        "for k in reversed(range(len(b)))",
    ),
    "the bias is added after both matrix products": (
        "(multiply(x, w) + b) + multiply(h, u)",
        "(multiply(x, w) + multiply(h, u)) + b",
    ),
    "tanh is computed in double precision and rounded to float32": (
        "return np.where(np.abs(x) < TANH_SMALL, x, near_one)",
        'return np.tanh(x, dtype="float64").astype("float32")',
    ),
    "(a / s) e is computed in place of (a (1 / s)) e": ("(a * (1 / s)) * e", "(a / s) * e"),
    "gradients are added from the first timestep to the last": (
        "zip(*terms, strict=True)",
        "zip(*terms[::-1], strict=True)",
    ),
    "a bias's gradient is summed without groups of 32 images": ("cut(part, 32)", "[part]"),
    "the update of the weights is rounded only once": (
        "w - flush(dw * rate)",
        "np.float32(w - np.double(dw) * rate)",
    ),
    "tanh is differentiated as (1 + h) (1 - h)": ("(1 - h * h)", "((1 + h) * (1 - h))"),
    "fma(a, b, s) is rounded to float64 and then to float32": (
        "halfway).any()",
        "halfway).all() and False",
    ),
    "sums of more than 256 terms are not cut into parts": (
        "zip(cut(a.T, 256), cut(b, 256), strict=True)",
        "[(a.T, b)]",
    ),
    "sums over more than 128 images are not cut into parts": (
        "zip(cut(a, 128), cut(b, 128), strict=True)",
        "[(a, b)]",
    ),
    "subnormal numbers are not replaced by 0": (
        "return x * (np.abs(x) >= np.float32(2**-126))",
        "return x",
    ),
}


class Difference(NamedTuple):
    """An array, or one of its timesteps, in which the found and the expected numbers differ."""

    place: str
    expected: np.ndarray | str
    found: np.ndarray | str

    def __str__(self) -> str:
        """Return a sentence that describes the difference.

        ULP means units in the last place.
        """
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
    """Return the bits of a float32 array as unsigned integers."""
    return np.asarray(array, "float32").view("uint32")


def in_order(number: np.float32) -> int:
    """Return the rank of a number in the ascending order of float32 numbers; zero has rank 0."""
    place = int(bits(number))
    return place if place < 2**31 else 2**31 - place


def split_timesteps(case: Case) -> Iterator[tuple[str, np.ndarray | str]]:
    """Yield a case's arrays in the order of computation; h, dh and d are split into timesteps."""
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
    """Return the first array whose bits differ between `expected` and `found`, or None."""
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
    """Return a copy of the module `by_hand` in which one rule is broken."""
    source, (line, instead) = inspect.getsource(by_hand), BROKEN_RULES[name]
    assert source.count(line) == 1, name
    module = ModuleType("broken")
    exec(source.replace(line, instead), vars(module))
    # If NumPy's library computed the products, a broken rule for products would have no effect.
    vars(module)["library_keeps_the_rule"] = lambda *_: False
    return module


def explain(found: Case, difference: Difference) -> list[str]:
    """Return the names of the rules whose violation would explain the first wrong array."""
    names = []
    for name in BROKEN_RULES:
        broken = take_step(found, break_rule(name))
        other = find_difference(found, broken)
        places = [place for place, _ in split_timesteps(broken)]
        if other is None or places.index(other.place) > places.index(difference.place):
            names.append(name)
    return names


def compare(name: str, found: Case, known: Mapping[str, Case]) -> str | None:
    """Return a sentence on the first wrong array of a case, or None if all arrays are right.

    Raises:
        ParameterError: an input is missing, or a case with digests has an unknown name.
    """
    expected = known.get(name, {})
    if difference := find_difference(found, {k: v for k, v in expected.items() if k in INPUTS}):
        return f"{name}: the input {difference}"
    if any(isinstance(array, str) for array in found.values()):
        if not expected:
            raise ParameterError(
                f"{name}: expected one of {', '.join(known)} as the name of a case with digests."
            )
        difference = find_difference(found, expected)
        return difference and f"{name}: {difference}"
    if missing := [key for key in INPUTS if key not in found]:
        raise ParameterError(f"{name}: expected the inputs {', '.join(missing)}.")
    difference = find_difference(found, take_step(found))
    if difference is None:
        return None
    rules = " or ".join(explain(found, difference))
    why = (
        f"This deviation from the rules gives your numbers: {rules}."
        if rules
        else "No single broken rule explains the difference."
    )
    return f"{name}: {difference} {why}"


def main() -> None:
    """Compare each case of a dump with the rules; exit with status 1 if a case differs."""
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
