"""Find the wrong arrays of your program's training steps, and the mistakes that explain them.

`python -m mnist_rnn.bits.compare DUMP.json` checks the arrays that your program computed. The file
DUMP.json has the format of docs/known-answers.json. The command computes each array from its inputs
by the rules of docs/specification.md. Inputs that are in the dump are taken from there, so one
wrong array doesn't make other arrays wrong. It also computes the wrong arrays with each mistake in
`MISTAKES`, and names the mistakes that give the dump's numbers in all cases.
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.by_hand import Array
from mnist_rnn.bits.known_answers import (
    OPTIONS,
    Case,
    check_inputs,
    digest_array,
    list_inputs,
    read_cases,
    take_step,
)
from mnist_rnn.bits.mistakes import MISTAKES, make_mistake
from mnist_rnn.system.errors import ParameterError, one_sentence
from mnist_rnn.system.paths import shown


def describe_difference(place: str, expected: Array | str, found: Array | str) -> str:
    """Return a sentence on a difference; ULP means units in the last place."""
    if not (isinstance(expected, Array) and isinstance(found, Array)):
        return f"{place} differs: expected {digest_array(expected)}, got {digest_array(found)}."
    if expected.shape != found.shape:
        return f"{place} differs: expected the shape {expected.shape}, got {found.shape}."
    differ = expected.view("uint32") != found.view("uint32")
    first = tuple(np.argwhere(differ)[0].tolist())
    right, wrong = expected[first], found[first]
    return (
        f"{place} differs in {differ.sum():,} of {differ.size:,} numbers, the first at "
        f"{list(first)}: expected {right:.9g} ({float(right).hex()}), got {wrong:.9g}, "
        f"{abs(in_order(wrong) - in_order(right)):,} ULP apart."
    )


def in_order(number: np.float32) -> int:
    """Return the rank of a number in the ascending order of float32 numbers; zero has rank 0."""
    place = int(number.view("uint32"))
    return place if place < 2**31 else 2**31 - place


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
        array = np.where(np.isnan(array), np.float32(np.nan), array)  # a dump has no signs of NaNs
        self.computed.keep(name, t, array)
        found = self.case.get(name)
        if t is not None and isinstance(found, Array):
            found = found[t - 1] if found.ndim and 0 < t <= len(found) else None
        if isinstance(found, Array) and found.shape == array.shape:
            array = found
        return super().keep(name, t, array)

    def find_differences(self) -> dict[str, str]:
        """Return a sentence on each wrong array's first difference, in the order of computation."""
        whole, wrong = self.computed.stack(), dict[str, str]()
        for (name, t), array in self.computed.items():
            found = self.case.get(name)
            if found is None or name in wrong or t == 0:
                continue
            place = name
            if isinstance(found, str) or found.shape != whole[name].shape:
                array = whole[name]
            elif t is not None:
                place, found = f"{name} of timestep {t}", found[t - 1]
            if digest_array(array) != digest_array(found):
                wrong[name] = describe_difference(place, array, found)
        return wrong


class Compared(NamedTuple):
    """The result of comparing a case: the number of arrays, and a sentence per wrong array.

    `case` has the inputs and the found arrays, or is empty if an input differs or has no values.
    """

    name: str
    arrays: int
    wrong: dict[str, str]
    case: Case

    def __str__(self) -> str:
        """Return a sentence with the first difference, or with the number of arrays."""
        same = f"the same bits (arrays: {self.arrays})."
        return f"{self.name}: {next(iter(self.wrong.values()), same)}"


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
    compared = [key for key in found if key not in inputs]
    given = {key: case[key] for key in inputs}
    if wrong := find_others(expected, given, "the input "):
        return Compared(name, len(compared), wrong, {})
    answers, recomputed = expected, None
    if all(isinstance(case[key], Array) for key in inputs if key not in OPTIONS):
        check_inputs(name, case)
        recomputed = Recomputed(case)
        answers = recomputed.computed.stack()
    elif not expected:
        raise ParameterError(
            f"{name}: expected the values of its inputs, or one of {', '.join(known)} as its name."
        )
    names = [key for key in answers if key not in inputs]
    if not compared or not {*compared} <= {*names}:
        got = ", ".join(key for key in compared if key not in names) or "none of them"
        raise ParameterError(f"{name}: expected arrays among {', '.join(names)}, got {got}.")
    if recomputed:
        return Compared(name, len(compared), recomputed.find_differences(), case)
    return Compared(name, len(compared), find_others(expected, found), {})


def find_others(expected: Case, found: Case, prefix: str = "") -> dict[str, str]:
    """Return a sentence on each array that differs from the expected array of the same name."""
    return {
        key: describe_difference(f"{prefix}{key}", array, found[key])
        for key, array in expected.items()
        if key in found and digest_array(array) != digest_array(found[key])
    }


def explain(results: Iterable[Compared]) -> list[str]:
    """Return sentences that name the mistakes which give the wrong arrays in all cases."""
    judged = [result for result in results if result.case]
    judged.sort(key=lambda result: result.case["x"].size)
    wrong = list(dict.fromkeys(name for result in judged for name in result.wrong))
    fitting: dict[str, list[str]] = {name: [] for name in wrong}
    for mistake in MISTAKES if wrong else ():
        left, module = wrong, make_mistake(mistake)
        for result in judged:
            if left:
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
        sentences.append(f"{', '.join(unexplained)}: no known mistake gives your numbers.")
        for result in judged:
            if (first := next(iter(result.wrong), "")) in unexplained:
                order = [*Recomputed(result.case).computed.stack()]
                missing = [name for name in order[: order.index(first)] if name not in result.case]
                what = f"send {', '.join(missing)} too" if missing else "its inputs are right"
                sentences.append(f"{result.name}: the first wrong array is {first}; {what}.")
                break
    return sentences


@one_sentence()
def main() -> None:
    """Compare each case of a dump with the rules; exit with status 1 if a case differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dump", type=Path)
    options = parser.parse_args()
    known, cases = read_cases(), read_cases(options.dump)
    if not cases:
        raise ParameterError(f"{shown(options.dump)}: expected at least one case, got none.")
    results = [compare(name, case, known) for name, case in cases.items()]
    print(*results, *explain(results), sep="\n")
    raise SystemExit(any(result.wrong for result in results))


if __name__ == "__main__":
    main()
