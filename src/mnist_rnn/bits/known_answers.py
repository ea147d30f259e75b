"""Compute the known answers: all inputs and all computed arrays of training steps.

`python -m mnist_rnn.bits.known_answers` writes docs/known-answers.json. The file maps the name of
each case to the arrays of the case. An array is written as its shape and its values. The values are
hexadecimal floats, row by row. For the large cases from MNIST, the file has the SHA-256 of each
array in place of its values. `docs/specification.md` explains the names of the arrays.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ParameterError
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.files import write_text
from mnist_rnn.paths import ROOT, shown

FILE = ROOT / "docs" / "known-answers.json"
WEIGHTS = ("w", "u", "b", "v", "c")
INPUTS = ("rate", "x", "y", *WEIGHTS)
ARRAYS = ("h", "z", "g", "dv", "dc", "dh", "d", "dw", "du", "db", *(f"{w}'" for w in WEIGHTS))
# The first steps of these runs are known cases, for which the file has only digests of the arrays
RUNS = {
    "default": (Configuration(train_size=224), 4),
    "batches of 640": (Configuration(units=64, batch_size=640, train_size=1000, seed=1), 2),
}
Case = dict[str, Any]  # maps a name to an array or to a digest


def draw_inputs(timesteps: int, features: int, units: int, n: int, rate: float = 0.01) -> Case:
    """Return random inputs for a training step.

    With these inputs, the last seven logits are always 0.
    """
    random = np.random.default_rng([timesteps, features, units, n])
    case: Case = {
        "rate": np.float32(rate),
        "x": random.integers(0, 17, (timesteps, n, features)).astype("float32") / 16,
        "y": random.integers(0, 10, n).astype("float32"),
        "w": random.standard_normal((features, units)).astype("float32"),
        "u": random.standard_normal((units, units)).astype("float32"),
        "b": random.standard_normal(units).astype("float32"),
        "v": random.standard_normal((units, 10)).astype("float32"),
        "c": random.standard_normal(10).astype("float32"),
    }
    case["v"][:, 3:], case["c"][3:] = 0, 0
    return case


def make_halfway() -> Case:
    """Return inputs for which a sum in z is wrong if the sum is rounded twice.

    The exact sum in z is 1 + 2^-23 + (2^-24 - 2^-64). Rounding the exact sum to float64 gives a
    number halfway between two float32 numbers. Rounding the exact sum to float64 and then to
    float32 gives 1 + 2^-22, which is too large.
    """
    case = draw_inputs(1, 2, 2, 1)
    case["x"] = np.array([[[2**-12, 2**-12 + 2**-32]]], "float32")  # tanh(x) = x
    case["w"], case["b"] = np.eye(2, dtype="float32"), np.zeros(2, "float32")
    case["v"][:, 0], case["c"][0] = [2**12 + 2**-11, 2**-12 - 2**-32], 0
    return case


def make_subnormal() -> Case:
    """Return inputs for which some exponentials or gradients of logits are below 2^-126."""
    case = draw_inputs(1, 1, 1, 2)
    case["x"], case["w"] = np.ones((1, 2, 1), "float32"), np.full((1, 1), 25, "float32")
    case["v"] = -np.array([[0, 86, 86.5, 87, 87.25, 87.5, 87.75, 88, 100, 1000]], "float32")
    case["c"] = np.zeros(10, "float32")
    return case


def make_saturated() -> Case:
    """Return inputs that give tiny, ordinary, clipped and very large arguments of tanh."""
    case = draw_inputs(2, 1, 8, 2, rate=0.5)
    case["w"] = np.array([[3e-4, 5e-4, 7.5, 8.5, 19, 21, -30, -1]], "float32")
    case["u"], case["b"] = case["u"] / 64, np.zeros(8, "float32")
    case["x"] = np.array([[[1], [1]], [[1], [0]]], "float32")
    return case


def make_long_sum() -> Case:
    """Return inputs that give a sum of 257 terms; the last term brings the sum close to 0.5."""
    case = draw_inputs(1, 257, 1, 1, rate=0.3)
    x, w, case["b"] = case["x"][0, 0], case["w"][:, 0], np.zeros(1, "float32")
    x[-1] = 0.7
    w[-1] = (0.5 - x[:-1].astype("float64") @ w[:-1]) / 0.7
    return case


def list_cases() -> dict[str, Case]:
    """Return a dictionary that maps the names of the small cases to their inputs."""
    return {
        "1 image": draw_inputs(3, 4, 3, 1),
        "halfway": make_halfway(),
        "subnormal": make_subnormal(),
        "saturated tanh": make_saturated(),
        "257 terms": make_long_sum(),
        "129 images": draw_inputs(2, 1, 1, 129),
        "300 images": draw_inputs(2, 1, 1, 300),
    }


def take_step(case: Case, implementation: ModuleType = by_hand) -> Case:
    """Take a training step; return its inputs and its computed arrays, in the order of `ARRAYS`."""
    weights = [case[name] for name in WEIGHTS]
    arrays, _ = implementation.step(weights, case["x"], case["y"].astype(int), case["rate"])
    inputs = {name: case[name] for name in INPUTS}
    return inputs | {name: arrays[name] for name in ARRAYS if name in arrays}


def take_steps(
    config: Configuration, steps: int, implementation: ModuleType = by_hand
) -> Iterator[Case]:
    """Yield the inputs and the computed arrays of a run's first training steps, step by step."""
    (x, y), _ = load_mnist()
    images = scale(x[: config.train_size]).swapaxes(0, 1), y[: config.train_size]
    weights = by_hand.draw_weights(config.seed, config.units)
    for x, y in islice(by_hand.batches(*images, config.seed, config.batch_size), steps):
        inputs: Case = dict(zip(WEIGHTS, weights, strict=True))
        inputs |= {"rate": np.float32(0.01), "x": x, "y": y.astype("float32")}
        case = take_step(inputs, implementation)
        yield case
        weights = by_hand.get_weights(case)


def digest_arrays(case: Case) -> Case:
    """Return each array's own SHA-256, as defined in docs/specification.md."""
    return {name: f"sha256 {by_hand.digest([array])}" for name, array in case.items()}


def to_json(cases: Mapping[str, Case]) -> str:
    """Return cases as text in the format of docs/known-answers.json, with one array per line."""

    def write(array: np.ndarray | str) -> str:
        if isinstance(array, str):
            return json.dumps(array)
        values = [re.sub(r"\.?0*p", "p", value.hex()) for value in array.ravel().tolist()]
        return f"[{json.dumps(array.shape)}, {json.dumps(' '.join(values))}]"

    parts = [
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(f" {json.dumps(key)}: {write(array)}" for key, array in case.items())
        + "}"
        for name, case in cases.items()
    ]
    return "{\n" + ",\n".join(parts) + "}\n"


def read_cases(path: Path = FILE) -> dict[str, Case]:
    """Read the cases of a file that has the format of docs/known-answers.json.

    Raises:
        ParameterError: the file can't be read, or has a malformed case or array.
    """

    def read(place: str, value: Any) -> np.ndarray | str:
        if isinstance(value, str) and re.fullmatch("sha256 [0-9a-f]{64}", value):
            return value
        try:
            shape, text = value
            numbers = np.array([float.fromhex(word) for word in text.split()], "float32")
            return numbers.reshape(shape)
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ParameterError(
                f"{place}: expected a shape and hexadecimal floats in one string, or 'sha256 ...', "
                f"got {json.dumps(value)[:60]}"
            ) from None

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {key: read(f"{name}, {key}", value) for key, value in case.items()}
            for name, case in content.items()
        }
    except (OSError, ValueError, AttributeError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{shown(path)}: expected cases with arrays, got {error}") from None


def make_known_answers() -> str:
    """Return the text of docs/known-answers.json."""
    cases = {name: take_step(case) for name, case in list_cases().items()}
    for name, (config, steps) in RUNS.items():
        for number, case in enumerate(take_steps(config, steps), 1):
            cases[f"{name}, step {number}"] = digest_arrays(case)
    return to_json(cases)


if __name__ == "__main__":
    write_text(FILE, make_known_answers())
    print(f"Written: {shown(FILE)}")
