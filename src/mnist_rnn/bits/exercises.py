"""Mark the exercises of 07_exercises.ipynb in three steps: shapes, six digits, last bit.

This file needs only NumPy. A wrong result is compared with the results of common mistakes.
"""

import inspect
import json
import pickle
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import numpy as np

from mnist_rnn.bits import solutions
from mnist_rnn.bits.by_hand import Array, add_in_order, draw_weights

# For each exercise: expressions that a reader may write by mistake, and what is wrong with them.
MISTAKES = json.loads(Path(__file__).with_name("mistakes.json").read_text(encoding="utf-8"))
# What is wrong, the operation of the solutions that is replaced, and the operation in its place.
RULES: list[tuple[str, str, Callable]] = [
    ("np.tanh has other last bits than by_hand.tanh.", "tanh", np.tanh),
    ("np.exp has other last bits than by_hand.exp.", "exp", np.exp),
    ("`@` adds in another order than by_hand.multiply.", "multiply", np.matmul),
    ("`@` adds in another order than by_hand.sum_products.", "sum_products", lambda a, b: a.T @ b),
    ("Add the images in groups, with by_hand.sum_images.", "sum_images", lambda a: a.sum(axis=0)),
    (
        "`.sum` adds the ten exponentials in another order than by_hand.add_in_order.",
        "add_in_order",
        lambda terms: np.stack([*terms], axis=-1).sum(axis=-1),
    ),
    (
        "Add b to the product of x and w first, then the product of h and u.",
        "my_forward",
        lambda x, h, w, u, b: solutions.tanh(
            solutions.multiply(x, w) + solutions.multiply(h, u) + b
        ),
    ),
    (
        "The probability is rounded before its logarithm. Compute log(s) - z.",
        "my_loss",
        lambda z, y: -np.log(solutions.softmax(z)[np.arange(len(y)), y]),
    ),
    (
        "Compute (1/n * (1/s)) * e - 1/n * label, where s is the sum of e.",
        "my_logits_gradient",
        lambda z, y: (solutions.softmax(z) - np.eye(10, dtype="float32")[y]) / np.float32(len(y)),
    ),
    ("Add the last timestep's term first.", "my_sum", add_in_order),
    ("Add the terms of all timesteps.", "my_sum", lambda terms: terms[0]),
]


def draw_arguments() -> dict[str, tuple]:
    """Return the arguments with which each exercise's function is called."""
    random = np.random.default_rng(0)
    images, y = random.integers(0, 256, (40, 28, 28), "uint8"), random.integers(0, 10, 40)
    w, u, _, v, c = draw_weights(0, 8)
    b, *terms = (random.normal(0, 0.5, 8).astype("float32") for _ in range(29))
    before, dh, z = (random.normal(0, 1, (40, n)).astype("float32") for n in (8, 8, 10))
    x, weights, rate = solutions.my_scale(images)[10:15], [w, u, b, v, c], np.float32(0.01)
    return {
        "my_scale": (images,),
        "my_forward": (x[0], before, w, u, b),
        "my_loss": (z, y),
        "my_logits_gradient": (z, y),
        "my_backward": (x[0], before, solutions.my_forward(x[0], before, w, u, b), u, dh),
        "my_gradients": (weights, x, y),
        "my_update": (weights, [array / 3 for array in weights], rate),
        "my_epoch": (weights, x, y, random.permutation(40), 16, rate),
        "my_sum": (terms,),
        "my_flip": (w,),
        "my_last_and_best": (random.integers(180, 1000, (6, 20)),),
    }


def to_arrays(result: object) -> list[Array]:
    """Return the arrays of a result, which is one array or several."""
    return [np.asarray(each) for each in (result if isinstance(result, list | tuple) else [result])]


def shapes(result: list[Array]) -> str:
    """Return the shapes of arrays, for a sentence."""
    return ", ".join(str(array.shape) for array in result)


def close(found: list[Array], right: list[Array], tolerance: float) -> bool:
    """Return whether shapes and numbers agree, up to a share of each array's largest number.

    With a tolerance of 0, the signs of zeros must agree too.
    """
    return shapes(found) == shapes(right) and all(
        np.allclose(a, b, 0, tolerance * abs(b).max())
        and (tolerance > 0 or np.array_equal(np.signbit(a), np.signbit(b)))
        for a, b in zip(found, right, strict=True)
    )


def explain(name: str, arguments: tuple, found: list[Array], tolerance: float) -> str:
    """Return the sentence of the mistake, or of the replaced operations, that give this result."""
    named = inspect.signature(getattr(solutions, name)).bind(*arguments).arguments
    for expression, sentence in MISTAKES[name].items():
        if close(found, to_arrays(eval(expression, vars(solutions) | named)), tolerance):
            return sentence

    def replace(*rules: tuple[str, str, Callable]) -> list[Array]:
        with patch.dict(vars(solutions), {operation: other for _, operation, other in rules}):
            return to_arrays(getattr(solutions, name)(*arguments))

    effective = [rule for rule in RULES if not close(replace(rule), replace(), 0)]
    for size in range(1, len(effective) + 1):
        for rules in combinations(effective, size):
            if close(found, replace(*rules), tolerance):
                return " ".join(sentence for sentence, _, _ in rules)
    return "No common mistake gives these numbers. Compare each term with the formula."


def mark(function: Callable) -> Iterator[str]:
    """Yield a sentence for each step of rigour, up to the first step that fails."""
    name = getattr(function, "__name__", f"a value of type {type(function).__name__}")
    if name not in MISTAKES:
        return (yield f"Expected one of the functions {', '.join(MISTAKES)}, got {name}.")
    arguments, given = draw_arguments()[name], draw_arguments()[name]
    try:
        result = function(*given)
    except Exception as error:
        hint = ". Do the shapes fit? Print them." if isinstance(error, ValueError) else ""
        return (yield f"{name} stops: {type(error).__name__}: {error}{hint}")
    if result is None:
        return (yield f"{name} returns nothing yet. Its last line must begin with `return`.")
    if pickle.dumps(given) != pickle.dumps(arguments):
        return (yield f"{name} changes its arguments. Compute new arrays instead.")
    expected = getattr(solutions, name)(*arguments)
    right, several = to_arrays(expected), isinstance(expected, list | tuple)
    try:
        found = to_arrays(result if several else np.asarray(result))
    except ValueError:  # NumPy makes no array of arrays with different shapes
        found = []
    if not found or any(array.dtype.kind not in "biufc" for array in found):
        wanted = f"{len(right)} arrays" if several else "one array"
        got = f"a value of type {type(result).__name__}"
        return (yield f"{name}: expected {wanted} of numbers, got {got}.")
    if shapes(found) != shapes(right):
        why = explain(name, arguments, found, 1e-6)
        return (yield f"1. Shapes: expected {shapes(right)}, got {shapes(found)}. {why}")
    yield "1. Shapes: right."
    if not close(found, right, 1e-6):
        return (yield f"2. Six digits: wrong. {explain(name, arguments, found, 1e-6)}")
    yield "2. Six digits: right."
    if others := {str(a.dtype) for a in found} - {str(a.dtype) for a in right}:
        return (yield f"3. Last bit: your numbers are {others.pop()}, not {right[0].dtype}.")
    if close(found, right, 0):
        return (yield "3. Last bit: right.")
    pairs = [*zip(found, right, strict=True)]
    differ = [n for a, b in pairs for n in ((a != b) | (np.signbit(a) != np.signbit(b))).flat]
    why = explain(name, arguments, found, 0)
    yield f"3. Last bit: {sum(differ)} of {len(differ)} numbers differ. {why}"


def check(function: Callable) -> None:
    """Print what is right and what is wrong with the function of an exercise."""
    print("\n".join(mark(function)))
