"""Find the first step in which TensorFlow's training has other bits than docs/specification.md.

`python -m mnist_rnn.bits.first_difference --steps 469` takes steps with TensorFlow and with
`by_hand` side by side. `compare` compares each step's logits, gradients and updated weights.
"""

import argparse
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.compare import compare
from mnist_rnn.bits.known_answers import WEIGHTS, Case
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.parameters import read_parameters

if TYPE_CHECKING:
    from mnist_rnn.experiment.backend import keras

OPTIONS = ("units", "batch_size", "train_size", "seed")  # parameters of 02_train.ipynb


def find_first_difference(
    model: "keras.Model", batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> str | None:
    """Train the model on batches x (timesteps, n, features) and labels, until bits differ.

    Returns:
        The sentence of `compare` about the step that differs, or None.
    """
    differentiate, rate = compile_gradients(model), np.array(model.optimizer.learning_rate)
    weights = model.get_weights()
    for step, (x, y) in enumerate(batches, 1):
        images = x.swapaxes(0, 1)
        case = {"rate": rate, "x": x, "y": y.astype("float32")} | name_weights(weights)
        z, *gradients = (np.array(array) for array in differentiate(images, y))
        model.train_on_batch(images, y)
        weights = model.get_weights()
        case |= {"z": z} | name_weights(gradients, "d") | name_weights(weights, after="'")
        if sentence := compare(f"Step {step}", case, {}):
            return sentence
    return None


def name_weights(arrays: list[np.ndarray], before: str = "", after: str = "") -> Case:
    """Return arrays in the model's order, by the names of the weights."""
    return {f"{before}{w}{after}": array for w, array in zip(WEIGHTS, arrays, strict=True)}


def compile_gradients(model: "keras.Model") -> Callable:
    """Return a function of images and labels that returns logits and each weight's gradient."""
    from mnist_rnn.experiment.backend import tf

    @tf.function(jit_compile=True)
    def differentiate(x: tf.Tensor, y: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = model.loss(y, logits)
        return [logits, *tape.gradient(loss, model.trainable_variables)]

    return differentiate


def main() -> None:
    """Print the first difference and exit with status 1, or print that all steps agree."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--steps", type=int, default=4, help="steps to take (default: 4)")
    for name in OPTIONS:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(
            option, type=int, default=argparse.SUPPRESS, help="parameter of 02_train"
        )
    options = parser.parse_args()
    if options.steps < 1:
        parser.error(f"--steps: expected a whole number from 1, got {options.steps}.")
    try:
        config: Configuration = read_parameters(vars(options))
        from mnist_rnn.experiment.network import build_model

        model = build_model(config)
        (x, y), _ = load_mnist()
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    images = scale(x[: config.train_size]).swapaxes(0, 1), y[: config.train_size]
    batches = by_hand.batches(*images, config.seed, config.batch_size)
    if found := find_first_difference(model, islice(batches, options.steps)):
        raise SystemExit(found)
    print(
        f"In {options.steps:,} steps, TensorFlow and the specification agree in every bit of "
        "logits, gradients and weights."
    )


if __name__ == "__main__":
    main()
