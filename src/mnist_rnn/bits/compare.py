"""Find the wrong arrays of your program's training steps, and the mistakes that explain them.

`python -m mnist_rnn.bits.compare DUMP.json` checks the arrays that your program computed. The file
DUMP.json has the format of docs/known-answers.json. The command computes each array from its inputs
by the rules of docs/specification.md. Inputs that are in the dump are taken from there, so one
wrong array doesn't make other arrays wrong. The command also computes the wrong arrays with each
mistake in `MISTAKES`, and names the mistakes that give the numbers in all cases of the dump.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.by_hand import Array, add_in_order, cut, fma, multiply
from mnist_rnn.bits.known_answers import (
    OPTIONS,
    Case,
    check_inputs,
    digest_array,
    list_inputs,
    read_cases,
    take_step,
)
from mnist_rnn.errors import ExperimentError, ParameterError
from mnist_rnn.paths import shown


def start_with_bias(x: Array, w: Array, b: Array) -> Array:
    """Return the matrix product of x and w, in which each sum starts with the bias."""
    return multiply(np.insert(x, 0, 1, axis=1), np.vstack([b, w]))


def sum_in_one_chain(a: Array, b: Array) -> Array:
    """Return the sum of all a_t^T b_t, in which one sum contains the images of all timesteps."""
    return by_hand.product(np.concatenate(a[::-1]).T, np.concatenate(b[::-1]))


def in_softmax(formula: Callable[..., Array]) -> dict[str, Callable]:
    """Return another formula for the gradient of the logits, which takes a, e, s and y."""
    return {"differentiate_softmax": lambda *given: by_hand.flush(formula(*given))}


def in_tanh(formula: Callable[..., Array]) -> dict[str, Callable]:
    """Return another formula for the derivative of tanh, which takes dh and h."""
    return {"differentiate_tanh": lambda *given: by_hand.flush(formula(*given))}


def in_double(function: Callable) -> Callable[[Array], Array]:
    """Return a NumPy function that is computed in double precision and rounded."""
    return lambda x: function(x, dtype="float64").astype("float32")


# Maps each mistake to the functions and constants of `by_hand` that it replaces.
MISTAKES: dict[str, dict[str, Any]] = {
    "each product is rounded before it is added": {"fma": lambda a, b, s: a * b + s},
    "fma(a, b, s) is rounded to float64 and then to float32": {"move_off_halfway": lambda *_: None},
    "the terms of a matrix product are added from last to first": {
        "product": lambda a, b: by_hand.product(a[:, ::-1], b[::-1])
    },
    "sums of more than 256 terms are not cut into parts": {"multiply": by_hand.product},
    "sums over more than 128 images are not cut into parts": {
        "sum_products": lambda a, b: by_hand.product(a.T, b)
    },
    "sums over images are cut into parts of 256 images": {
        "sum_products": lambda a, b: multiply(a.T, b)
    },
    "a bias's gradient is summed without parts of 128 images": {
        "sum_images": lambda a: add_in_order(map(add_in_order, cut(a, 32)))
    },
    "a bias's gradient is summed without groups of 32 images": {
        "sum_images": lambda a: add_in_order(map(add_in_order, cut(a, 128)))
    },
    "a bias's gradient is summed image by image": {"sum_images": add_in_order},
    "the bias is added after both matrix products": {
        "add_products": lambda x, h, w, u, b: (multiply(x, w) + multiply(h, u)) + b
    },
    "the bias is added to h U": {
        "add_products": lambda x, h, w, u, b: multiply(x, w) + (multiply(h, u) + b)
    },
    "each sum of x W or h V starts with the bias": {
        "add_products": lambda x, h, w, u, b: start_with_bias(x, w, b) + multiply(h, u),
        "dense": start_with_bias,
    },
    "x W and h U are added in one sum, and then the bias": {
        "add_products": lambda x, h, w, u, b: multiply(np.hstack([x, h]), np.vstack([w, u])) + b
    },
    "x W and h U are added in one sum, which starts with the bias": {
        "add_products": lambda x, h, w, u, b: start_with_bias(
            np.hstack([x, h]), np.vstack([w, u]), b
        )
    },
    "tanh is computed in double precision": {"tanh": in_double(np.tanh)},
    "the argument of tanh is limited to 9": {"TANH_LIMIT": np.float32(9)},
    "tanh(x) is not x for small x": {"TANH_SMALL": np.float32(0)},
    "the polynomials of tanh and exp are computed with fma": {
        "horner": lambda c, x: reduce(lambda s, c: fma(s, x, c), c[1:], c[0])
    },
    "exp is computed by a library or in double precision": {
        "exp": lambda x: by_hand.flush(in_double(np.exp)(x))
    },
    "g is (a / s) e - a y": in_softmax(lambda a, e, s, y: (a / s) * e - a * y),
    "g is a (e / s) - a y": in_softmax(lambda a, e, s, y: a * (e / s) - a * y),
    "g is ((1 / s) e) a - a y": in_softmax(lambda a, e, s, y: ((1 / s) * e) * a - a * y),
    "g is (e / s - y) a": in_softmax(lambda a, e, s, y: (e / s - y) * a),
    "g is (e / s - y) / n": in_softmax(lambda _, e, s, y: (e / s - y) / np.float32(len(e))),
    "g is ((1 / s) e - y) a": in_softmax(lambda a, e, s, y: ((1 / s) * e - y) * a),
    "d is dh ((1 + h) (1 - h))": in_tanh(lambda dh, h: dh * ((1 + h) * (1 - h))),
    "d is dh - (dh h) h": in_tanh(lambda dh, h: dh - (dh * h) * h),
    "d is dh - dh (h h)": in_tanh(lambda dh, h: dh - dh * (h * h)),
    "1 - h h is rounded only once": in_tanh(lambda dh, h: dh * fma(-h, h, np.ones_like(h))),
    "U is not transposed in d U^T": {
        "multiply_transposed": lambda d, u: multiply(d, u if len(u) == len(u.T) else u.T)
    },
    "gradients are added from the first timestep to the last": {
        "sum_over_time": lambda a, b: by_hand.sum_over_time(a[::-1], b[::-1]),
        "sum_images_over_time": lambda d: by_hand.sum_images_over_time(d[::-1]),
    },
    "gradients are added in one sum over images and timesteps": {
        "sum_over_time": sum_in_one_chain,
        "sum_images_over_time": lambda d: add_in_order(np.concatenate(d[::-1])),
    },
    "the update of the weights is rounded only once": {
        "descend": lambda w, gradient, rate: fma(-gradient, rate, w)
    },
    "subnormal numbers are not replaced by 0": {"flush": lambda x: x},
}


def make_mistake(name: str) -> Any:
    """Return a copy of the module `by_hand` that makes a mistake.

    If NumPy's library computed the products, a mistake in products would have no effect.
    """
    return by_hand.exchange(library_keeps_the_rule=lambda *_: False, **MISTAKES[name])


class Difference(NamedTuple):
    """An array, or one of its timesteps, in which the found and the expected numbers differ."""

    place: str
    expected: Array | str
    found: Array | str

    def __str__(self) -> str:
        """Return a sentence that describes the difference.

        ULP means units in the last place.
        """
        if isinstance(self.expected, str) or isinstance(self.found, str):
            expected, found = digest_array(self.expected), digest_array(self.found)
            return f"{self.place} differs: expected {expected}, got {found}."
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


def bits(array: Any) -> Array:
    """Return the bits of a float32 array as unsigned integers."""
    return np.asarray(array, "float32").view("uint32")


def in_order(number: np.float32) -> int:
    """Return the rank of a number in the ascending order of float32 numbers; zero has rank 0."""
    place = int(bits(number))
    return place if place < 2**31 else 2**31 - place


def are_same(one: Array | str, other: Array | str) -> bool:
    """Return whether two arrays have the same bits; a digest may replace an array."""
    if isinstance(one, str) or isinstance(other, str):
        return digest_array(one) == digest_array(other)
    return np.array_equal(bits(one), bits(other))


class Recomputed(by_hand.Arrays):
    """The arrays of a step, in which the arrays of a case replace the computed arrays."""

    def __init__(self, case: Case, module: Any = by_hand) -> None:
        """Compute each array from the arrays before it."""
        super().__init__()
        self.case, self.computed = case, by_hand.Arrays()
        with np.errstate(all="ignore"):
            take_step(case, module, arrays=self)

    def keep(self, name: str, t: int | None, array: Array) -> Array:
        """Add the case's array if it has the right shape, or else the computed array."""
        self.computed.keep(name, t, array)
        found = self.find(name, t)
        fits = isinstance(found, np.ndarray) and found.shape == array.shape
        return super().keep(name, t, found if fits else array)  # type: ignore[arg-type]

    def find(self, name: str, t: int | None) -> Array | str | None:
        """Return the case's array, or its part for a timestep, or None if there is none."""
        found = self.case.get(name)
        if t is None or not isinstance(found, np.ndarray):
            return found
        return found[t - 1] if found.ndim and 0 < t <= len(found) else None

    def find_differences(self) -> dict[str, Difference]:
        """Return the first difference of each wrong array, in the order of computation."""
        whole, wrong = self.computed.stack(), dict[str, Difference]()
        for (name, t), array in self.computed.items():
            found = self.case.get(name)
            if found is None or name in wrong or t == 0:
                continue
            place = name
            if isinstance(found, str) or found.shape != whole[name].shape:
                array = whole[name]
            elif t is not None:
                place, found = f"{name} of timestep {t}", found[t - 1]
            if not are_same(array, found):
                wrong[name] = Difference(place, array, found)
        return wrong


class Compared(NamedTuple):
    """The result of comparing a case: the number of arrays, and the wrong arrays by name.

    `case` has the inputs and the found arrays, or is None if an input differs or has no values.
    """

    name: str
    arrays: int
    wrong: dict[str, Difference]
    case: Case | None

    def __str__(self) -> str:
        """Return a sentence with the first difference, or with the number of arrays."""
        for difference in self.wrong.values():
            return f"{self.name}: {difference}"
        return f"{self.name}: the same bits in {self.arrays} arrays."


def compare(name: str, found: Case, known: Mapping[str, Case]) -> Compared:
    """Compare a case's arrays with the arrays that the rules give.

    Inputs of a known case may be missing, and must be equal to the known inputs.

    Raises:
        ParameterError: the case has wrong inputs, unknown names, or no computed array.
    """
    expected = known.get(name, {})
    inputs = list_inputs(expected | found)
    case = {key: expected[key] for key in inputs if key in expected} | found
    if missing := [key for key in inputs if key not in case]:
        raise ParameterError(f"{name}: expected the inputs {', '.join(missing)}, got none.")
    recomputed = None
    if not any(isinstance(case[key], str) for key in inputs if key not in OPTIONS):
        check_inputs(name, case)
        recomputed = Recomputed(case)
    elif not expected:
        raise ParameterError(
            f"{name}: expected the values of its inputs, or one of {', '.join(known)} as its name."
        )
    answers = recomputed.computed.stack() if recomputed else expected
    compared = [key for key in found if key not in inputs]
    if unknown := [key for key in compared if key not in answers] or not compared:
        got = "only inputs" if unknown is True else ", ".join(unknown)
        names = ", ".join(key for key in answers if key not in inputs)
        raise ParameterError(f"{name}: expected arrays among {names}, got {got}.")
    wrong = find_others(expected, {key: case[key] for key in inputs}, "the input ")
    if wrong:
        return Compared(name, len(compared), wrong, None)
    if recomputed:
        return Compared(name, len(compared), recomputed.find_differences(), case)
    return Compared(name, len(compared), find_others(expected, found), None)


def find_others(expected: Case, found: Case, prefix: str = "") -> dict[str, Difference]:
    """Return the arrays that differ from the expected arrays of the same name."""
    return {
        key: Difference(f"{prefix}{key}", array, found[key])
        for key, array in expected.items()
        if key in found and not are_same(array, found[key])
    }


def explain(results: Iterable[Compared]) -> list[str]:
    """Return sentences that name the mistakes which give the wrong arrays in all cases."""
    judged = [result for result in results if result.case]
    wrong = list(dict.fromkeys(name for result in judged for name in result.wrong))
    fitting: dict[str, list[str]] = {name: [] for name in wrong}
    for mistake in MISTAKES if wrong else ():
        left, module = wrong, make_mistake(mistake)
        for result in judged:
            if left and result.case:
                differ = Recomputed(result.case, module).find_differences()
                left = [name for name in left if name not in differ]
        for name in left:
            fitting[name].append(mistake)
    if shared := [name for name in MISTAKES if all(name in names for names in fitting.values())]:
        fitting = dict.fromkeys(wrong, shared)
    groups: dict[str, list[str]] = {}
    for name, mistakes in fitting.items():
        groups.setdefault(" or if ".join(mistakes), []).append(name)
    unexplained = groups.pop("", [])
    sentences = [
        f"{', '.join(names)}: your numbers result if {why}." for why, names in groups.items()
    ]
    if unexplained:
        found = dict.fromkeys(name for result in judged for name in result.case or ())
        right = ", ".join(name for name in found if name not in wrong)
        sentences.append(
            f"{', '.join(unexplained)}: no known mistake gives your numbers. Right are: {right}."
        )
    return sentences


def main() -> None:
    """Compare each case of a dump with the rules; exit with status 1 if a case differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", type=Path)
    options = parser.parse_args()
    try:
        known, cases = read_cases(), read_cases(options.dump)
        if not cases:
            raise ParameterError(f"{shown(options.dump)}: expected at least one case, got none.")
        results = [compare(name, case, known) for name, case in cases.items()]
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    print(*results, *explain(results), sep="\n")
    raise SystemExit(any(result.wrong for result in results))


if __name__ == "__main__":
    main()
