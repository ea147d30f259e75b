"""At which step TensorFlow's training parts from docs/specification.md, if it does, and where.

`python -m mnist_rnn.bits.first_difference --steps 469` takes steps with TensorFlow and with the
functions of `by_hand` side by side. Each step's logits, gradients and updated
weights are compared bit for bit, in the order in which they are computed.
"""

import argparse
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.parameters import read_parameters

if TYPE_CHECKING:
    from mnist_rnn.experiment.backend import keras

WEIGHTS = ["W", "U", "b", "V", "c"]  # the names in `by_hand`, in the order of the model
ARRAYS = ["the logits"]
ARRAYS += [f"the gradient by {name}" for name in WEIGHTS]
ARRAYS += [f"{name} after the update" for name in WEIGHTS]
OPTIONS = ("units", "batch_size", "train_size", "seed")  # parameters of 02_train.ipynb


class Difference(NamedTuple):
    """The first array that differs, in which step, and its numbers by the two."""

    step: int
    array: str
    specified: np.ndarray
    computed: np.ndarray

    def __str__(self) -> str:
        """Where it is, how many numbers differ, and the first of them."""
        differ = bits(self.specified) != bits(self.computed)
        first = tuple(map(int, np.argwhere(differ)[0]))
        return (
            f"Step {self.step}: {self.array} differs in {differ.sum():,} of {differ.size:,} "
            f"numbers, the first at {first}: TensorFlow has {self.computed[first]:.9g}, "
            f"the specification {self.specified[first]:.9g}."
        )


def bits(array: np.ndarray) -> np.ndarray:
    """The bits of a float32 array, as whole numbers."""
    return np.asarray(array, "float32").view("uint32")


def find_first_difference(
    model: "keras.Model", batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Difference | None:
    """Train the model on these batches, and stop where it parts from the specification."""
    differentiate = compile_gradients(model)
    weights = model.get_weights()
    for step, (x, y) in enumerate(batches, 1):
        logits, gradients, weights = by_hand.step(weights, x, y)
        computed = [np.array(array) for array in differentiate(x, y)]
        model.train_on_batch(x, y)
        computed += model.get_weights()
        for name, *pair in zip(ARRAYS, (logits, *gradients, *weights), computed, strict=True):
            if (bits(pair[0]) != bits(pair[1])).any():
                return Difference(step, name, *pair)
    return None


def compile_gradients(model: "keras.Model") -> Callable:
    """A function of images and labels: the model's logits, and the gradient by each weight."""
    from mnist_rnn.experiment.backend import tf

    @tf.function(jit_compile=True)
    def differentiate(x: tf.Tensor, y: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = model.loss(y, logits)
        return [logits, *tape.gradient(loss, model.trainable_variables)]

    return differentiate


def main() -> None:
    """Say where they part, with exit status 1, or that they agree."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--steps", type=int, default=4, help="steps to take (default: 4)")
    for name in OPTIONS:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=argparse.SUPPRESS, help="as in 02_train")
    options = parser.parse_args()
    if options.steps < 1:
        parser.error(f"steps: expected a whole number from 1, got {options.steps}.")
    try:
        config: Configuration = read_parameters(vars(options))
        from mnist_rnn.experiment.network import build_model

        model = build_model(config)
        (x, y), _ = load_mnist()
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    images = scale(x[: config.train_size]), y[: config.train_size]
    batches = by_hand.batches(*images, config.seed, config.batch_size)
    if found := find_first_difference(model, islice(batches, options.steps)):
        raise SystemExit(str(found))
    print(
        f"In {options.steps:,} steps, TensorFlow and the specification agree in every bit of "
        "logits, gradients and weights."
    )


if __name__ == "__main__":
    main()
