"""Compute the known answers: all inputs and all computed arrays of training steps.

`python -m mnist_rnn.bits.known_answers` writes docs/known-answers.json. The file maps the name of
each case to the arrays of the case. An array is written as its shape and its values. The values are
hexadecimal floats, row by row. For the large cases from MNIST, the file has the SHA-256 of each
array in place of its values. `docs/specification.md` explains the names of the arrays.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.config import LAYERS, LEARNING_RATES, NUM_CLASSES, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ParameterError
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.files import write_text
from mnist_rnn.paths import ROOT, shown
from mnist_rnn.records.checkpoint import weights_sha256

FILE = ROOT / "docs" / "known-answers.json"
WEIGHTS = ("w", "u", "b", "v", "c")
INPUTS = ("rate", "x", "y", *WEIGHTS)
MEANS = {"sgd": "", "adam": "mv", "rmsprop": "v"}  # the moving means of each array of weights
WORDS: dict[str, Iterable[str]] = {"layer": LAYERS, "optimizer": LEARNING_RATES}
NUMBERS = {"dropout": float, "seed": int, "k": int}
# The first steps of these runs are known cases, for which the file has only digests of the arrays
RUNS = {
    "default": (Configuration(train_size=224), 4),
    "batches of 640": (Configuration(units=64, batch_size=640, train_size=1000, seed=1), 2),
}
# Maps a name to an array or a digest. The words `layer` and `optimizer` may be missing.
Case = dict[str, Any]


def draw_inputs(
    timesteps: int, features: int, units: int, n: int, rate: float = 0.01, gates: int = 1
) -> Case:
    """Return random inputs for a training step.

    With these inputs, the last seven logits are always 0.
    """
    random = np.random.default_rng([timesteps, features, units, n])

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype("float32")

    case: Case = {
        "rate": np.float32(rate),
        "x": random.integers(0, 17, (timesteps, n, features)).astype("float32") / 16,
        "y": random.integers(0, 10, n).astype("float32"),
        "w": normal(features, gates * units),
        "u": normal(units, gates * units),
        "b": normal(gates * units),
        "v": normal(units, 10),
        "c": normal(10),
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
    """Return the inputs of the small cases of a SimpleRNN with SGD, by the names of the cases."""
    return {
        "1 image": draw_inputs(4, 4, 3, 1),
        "halfway": make_halfway(),
        "subnormal": make_subnormal(),
        "saturated tanh": make_saturated(),
        "257 terms": make_long_sum(),
        "33 images": draw_inputs(4, 1, 2, 33),
        "129 images": draw_inputs(4, 1, 1, 129),
        "270 images": draw_inputs(4, 1, 1, 270),
    }


def list_other_cases() -> dict[str, Case]:
    """Return the inputs of the cases of other layers and optimizers and of dropout, by name."""
    gru = draw_inputs(4, 2, 3, 2, gates=3) | {"layer": "gru"}
    gru["b"] = np.stack([gru["b"], gru["b"][::-1]])
    cases = {"GRU": gru, "LSTM": draw_inputs(4, 2, 3, 2, gates=4) | {"layer": "lstm"}}
    random = np.random.default_rng(0)
    for name in ("Adam", "RMSprop"):
        case = draw_inputs(4, 2, 3, 2, rate=0.001) | {"optimizer": name.lower()}
        for mean, weight in product(MEANS[name.lower()], WEIGHTS):
            normal = random.standard_normal(case[weight].shape).astype("float32") / 8
            case[mean + weight] = normal * normal if mean == "v" else normal
        cases[name] = case | ({"k": np.float32(5)} if name == "Adam" else {})
    dropout = {"dropout": np.float32(0.25), "seed": np.float32(2**31), "k": np.float32(1)}
    return cases | {"dropout": draw_inputs(4, 3, 3, 3) | dropout}


def list_inputs(case: Case) -> list[str]:
    """Return the names of a case's inputs, which depend on its optimizer and on dropout."""
    optimizer = case.get("optimizer", "sgd")
    means = [mean + weight for mean, weight in product(MEANS[optimizer], WEIGHTS)]
    others = ["dropout", "seed", "k"] if "dropout" in case else ["k"] * (optimizer == "adam")
    return [*(word for word in WORDS if word in case), *INPUTS, *means, *others]


def check_inputs(name: str, case: Case) -> None:
    """Raise a ParameterError if an input of a case has a wrong shape or a wrong value."""
    x, v = case["x"].shape, case["v"].shape
    if len(x) != 3 or 0 in x:
        raise ParameterError(f"{name}, x: expected (timesteps, images, features), got {x}.")
    layer, units = LAYERS[case.get("layer", "simple_rnn")], v[0] if v else 0
    width = layer.gates * units
    shapes: dict[str, tuple[int, ...]] = {
        "x": x,
        "y": x[1:2],
        "w": (x[2], width),
        "u": (units, width),
    }
    shapes |= {"b": (width,) if layer.biases == 1 else (layer.biases, width)}
    shapes |= {"v": (units, NUM_CLASSES), "c": (NUM_CLASSES,)}
    for key in list_inputs(case):
        if key not in WORDS:
            expected = shapes.get(key, shapes.get(key[1:], ()))
            if case[key].shape != expected:
                got = case[key].shape
                raise ParameterError(f"{name}, {key}: expected the shape {expected}, got {got}.")
    for y in case["y"]:
        if y not in range(NUM_CLASSES):
            raise ParameterError(f"{name}, y: expected labels from 0 to 9, got {y:g}.")


def take_step(case: Case, module: Any = by_hand, arrays: by_hand.Arrays | None = None) -> Case:
    """Take a training step; return its inputs and its arrays, in the order of computation."""
    inputs = {name: case[name] for name in list_inputs(case)}
    options: dict[str, Any] = {name: inputs[name] for name in WORDS if name in inputs}
    options |= {name: kind(inputs[name]) for name, kind in NUMBERS.items() if name in inputs}
    if means := {name: inputs[name] for name in inputs if name[1:] in WEIGHTS}:
        options["means"] = means
    if arrays is not None:
        options["arrays"] = arrays
    weights = [inputs[name] for name in WEIGHTS]
    y, rate = inputs["y"].astype(int), inputs["rate"]
    return inputs | module.step(weights, inputs["x"], y, rate, **options)[0]


def take_steps(config: Configuration, steps: int, module: Any = by_hand) -> Iterator[Case]:
    """Yield the inputs and the computed arrays of a run's first training steps, step by step."""
    (x, y), _ = load_mnist()
    images = scale(x[: config.train_size]).swapaxes(0, 1), y[: config.train_size]
    case: Case = {"layer": config.layer} if config.layer != "simple_rnn" else {}
    case |= {"optimizer": config.optimizer} if config.optimizer != "sgd" else {}
    case |= {"dropout": config.dropout, "seed": config.seed} if config.dropout else {}
    case |= dict(zip(WEIGHTS, draw_initial_weights(config), strict=True))
    for mean, name in product(MEANS[config.optimizer], WEIGHTS):
        case[mean + name] = np.zeros_like(case[name])
    case["rate"] = np.float32(config.learning_rate)
    batches = by_hand.batches(*images, config.seed, config.batch_size)
    for k, (x, y) in enumerate(islice(batches, steps)):
        case |= {"x": x, "y": y.astype("float32"), "k": k}
        taken = take_step(case, module)
        yield taken
        case |= {name[:-1]: array for name, array in taken.items() if name.endswith("'")}


def digest_array(array: np.ndarray | str) -> str:
    """Return an array's own SHA-256, as defined in docs/specification.md, or the given digest."""
    return array if isinstance(array, str) else f"sha256 {weights_sha256([array])}"


def digest_arrays(case: Case) -> Case:
    """Return the digest of each array."""
    return {name: digest_array(array) for name, array in case.items()}


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

    def read(place: str, key: str, value: Any) -> np.ndarray | str:
        if key in WORDS:
            if value not in list(WORDS[key]):
                names, got = ", ".join(WORDS[key]), json.dumps(value)[:60]
                raise ParameterError(f"{place}, {key}: expected one of {names}, got {got}.")
            return value
        if isinstance(value, str) and re.fullmatch("sha256 [0-9a-f]{64}", value):
            return value
        try:
            shape, text = value
            numbers = np.array([float.fromhex(word) for word in text.split()], "float32")
            return numbers.reshape(shape)
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ParameterError(
                f"{place}, {key}: expected a shape and hexadecimal floats in one string, "
                f"or 'sha256 ...', got {json.dumps(value)[:60]}"
            ) from None

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {key: read(name, key, value) for key, value in case.items()}
            for name, case in content.items()
        }
    except (OSError, ValueError, AttributeError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{shown(path)}: expected cases with arrays, got {error}") from None


def make_known_answers() -> str:
    """Return the text of docs/known-answers.json."""
    cases = {name: take_step(case) for name, case in (list_cases() | list_other_cases()).items()}
    for name, (config, steps) in RUNS.items():
        for number, case in enumerate(take_steps(config, steps), 1):
            cases[f"{name}, step {number}"] = digest_arrays(case)
    return to_json(cases)


if __name__ == "__main__":
    write_text(FILE, make_known_answers())
    print(f"Written: {shown(FILE)}")
