"""Compute the known answers: all inputs and all computed arrays of training steps.

`python -m mnist_rnn.bits.known_answers` computes the arrays in docs/known-answers.json again. The
file maps the name of each case to its options and arrays. An array is written as its shape and its
values. The values are hexadecimal floats, row by row. For the large cases from MNIST, the file has
the SHA-256 of each array in place of its values. The inputs of the small cases were chosen so that
each of the `MISTAKES` in `mistakes.py` changes an array. `docs/specification.md` explains the names
of the arrays.
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.config import LAYERS, NUM_CLASSES, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.parameters import read_parameters
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.system.errors import ParameterError
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import ROOT, shown

FILE = ROOT / "docs" / "known-answers.json"
OPTIONS = ("layer", "optimizer", "dropout", "seed", "k")  # words and numbers, which may be missing
WEIGHTS = ("w", "u", "b", "v", "c")
INPUTS = ("rate", "x", "y", *WEIGHTS)
MEANS = {"adam": "mv", "rmsprop": "v"}  # the moving means of each array of weights
# The first steps of these runs are known cases, for which the file has only digests of the arrays
RUNS = {
    "default": (Configuration(train_size=224), 4),
    "batches of 640": (Configuration(units=64, batch_size=640, train_size=1000, seed=1), 2),
}
Case = dict[str, Any]  # maps a name to an option, an array or a digest


def list_means(case: Case) -> dict[str, str]:
    """Return the names of a case's moving means, such as mw, each with its array of weights."""
    kinds = MEANS.get(str(case.get("optimizer")), "")
    return {kind + weight: weight for kind in kinds for weight in WEIGHTS}


def list_inputs(case: Case) -> list[str]:
    """Return the names of a case's options, inputs and moving means."""
    return [*(o for o in OPTIONS if o in case), *INPUTS, *list_means(case)]


def list_shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """Return the shape that each input has, for the shapes of x and v."""
    (_, n, features), (units, _) = case["x"].shape, case["v"].shape
    _, gates, biases = LAYERS[case.get("layer", "simple_rnn")]
    columns = gates * units
    shapes: dict[str, tuple[int, ...]] = {
        "rate": (),
        "x": case["x"].shape,
        "y": (n,),
        "w": (features, columns),
        "u": (units, columns),
        "b": (biases, columns) if biases > 1 else (columns,),
        "v": (units, NUM_CLASSES),
        "c": (NUM_CLASSES,),
    }
    return shapes | {mean: shapes[weight] for mean, weight in list_means(case).items()}


def check_inputs(name: str, case: Case) -> None:
    """Raise a ParameterError if an input of a case has a wrong shape or a wrong value."""
    options = {option: case[option] for option in OPTIONS if option in case}
    k = options.pop("k", 0)
    read_parameters(options)
    if not isinstance(k, int) or not 0 <= k < 2**32:
        raise ParameterError(f"{name}, k: expected a whole number of steps, got {k!r}.")
    x, v = case["x"].shape, case["v"].shape
    if len(x) != 3 or len(v) != 2 or 0 in (*x, *v):
        shapes = f"expected x (timesteps, images, features) and v (units, 10), got {x} and {v}"
        raise ParameterError(f"{name}: {shapes}.")
    for key, shape in list_shapes(case).items():
        if case[key].shape != shape:
            shapes = f"expected the shape {shape}, got {case[key].shape}"
            raise ParameterError(f"{name}, {key}: {shapes}.")
    for y in case["y"]:
        if y not in range(NUM_CLASSES):
            raise ParameterError(f"{name}, y: expected labels from 0 to 9, got {y:.9g}.")


def take_step(case: Case, module: Any = by_hand, **options: Any) -> Case:
    """Take a training step; return its inputs and its arrays, in the order of computation."""
    inputs = {name: case[name] for name in list_inputs(case)}
    options |= {name: inputs[name] for name in OPTIONS if name in inputs}
    if means := {name: inputs[name] for name in list_means(case)}:
        options["means"] = means
    weights = [inputs[name] for name in WEIGHTS]
    y, rate = inputs["y"].astype(int), inputs["rate"]
    return inputs | module.step(weights, inputs["x"], y, rate, **options)[0]


def take_steps(config: Configuration, steps: int) -> Iterator[Case]:
    """Yield the inputs and the computed arrays of a run's first training steps, step by step."""
    (x, y), _ = load_mnist()
    images = scale(x[: config.train_size]).swapaxes(0, 1), y[: config.train_size]
    case: Case = {name: getattr(config, name) for name in OPTIONS if name != "k"}
    case |= dict(zip(WEIGHTS, draw_initial_weights(config), strict=True))
    case |= {mean: np.zeros_like(case[weight]) for mean, weight in list_means(case).items()}
    case["rate"] = np.array(config.learning_rate, "float32")
    batches = by_hand.batches(*images, config.seed, config.batch_size)
    for k, (x, y) in enumerate(islice(batches, steps)):
        taken = take_step(case | {"x": x, "y": y.astype("float32"), "k": k})
        yield taken
        case |= {name[:-1]: array for name, array in taken.items() if name.endswith("'")}


def digest_array(array: Any) -> Any:
    """Return an array's own SHA-256, as in docs/specification.md, or the given digest or option."""
    return f"sha256 {weights_sha256([array])}" if isinstance(array, np.ndarray) else array


def digest_arrays(case: Case) -> Case:
    """Return the digest of each array, without the options."""
    return {name: digest_array(array) for name, array in case.items() if name not in OPTIONS}


def to_json(cases: Mapping[str, Case]) -> str:
    """Return cases as text in the format of docs/known-answers.json, with one array per line."""

    def write(value: Any) -> str:
        if isinstance(value, np.ndarray):
            words = [re.sub(r"\.?0*p", "p", number.hex()) for number in value.ravel().tolist()]
            value = value.shape, " ".join(words)
        return json.dumps(value)

    parts = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f" {json.dumps(key)}: {write(value)}" for key, value in case.items())
        + "}"
        for name, case in cases.items()
    ]
    return "{\n" + ",\n".join(parts) + "}\n"


def read_float(word: str) -> float:
    """Return a hexadecimal float, inf or nan; a NaN's sign has no meaning, so it is dropped."""
    number = float.fromhex(word)
    if np.isfinite(number) and "x" not in word.lower():
        raise ValueError(f"{word} is not a hexadecimal float")
    return np.nan if np.isnan(number) else number


def read_cases(path: Path = FILE) -> dict[str, Case]:
    """Read the cases of a file that has the format of docs/known-answers.json.

    Raises:
        ParameterError: the file can't be read, or has a malformed case or array.
    """

    def read(name: str, key: str, value: Any) -> Any:
        if key in OPTIONS or re.fullmatch("sha256 [0-9a-f]{64}", str(value)):
            return value
        try:
            shape, text = value
            doubles = np.array([read_float(word) for word in text.split()])
            with np.errstate(over="ignore"):
                numbers = doubles.astype("float32").reshape(shape)
            if not np.array_equal(numbers.ravel(), doubles, equal_nan=True):
                raise ValueError("float32 rounds the numbers")
            return numbers
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ParameterError(
                f"{name}, {key}: expected a shape and hexadecimal floats of 32 bits in one "
                f"string, or 'sha256 ...', got {json.dumps(value)[:60]}"
            ) from None

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {key: read(name, key, value) for key, value in case.items()}
            for name, case in content.items()
        }
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{shown(path)}: expected cases with arrays, got {error}") from None


def list_cases(known: Mapping[str, Case]) -> list[str]:
    """Return the names of the small cases of a SimpleRNN with SGD, which all programs compute."""
    small = {name: case for name, case in known.items() if isinstance(case["x"], np.ndarray)}
    return [name for name, case in small.items() if not case.keys() & {*OPTIONS}]


def make_known_answers() -> str:
    """Return the text of docs/known-answers.json, with the inputs that are in this file."""
    known = read_cases()
    cases = {n: take_step(case) for n, case in known.items() if isinstance(case["x"], np.ndarray)}
    for name, (config, steps) in RUNS.items():
        for number, case in enumerate(take_steps(config, steps), 1):
            cases[f"{name}, step {number}"] = digest_arrays(case)
    return to_json(cases)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()  # rejects any argument
    write_text(FILE, make_known_answers())
    print(f"Written: {shown(FILE)}")
