"""Build the network: a recurrent layer reads a digit row by row, and a dense layer gives logits."""

import math

import numpy as np

from mnist_rnn.config import FEATURES, LAYERS, NUM_CLASSES, TIMESTEPS, Configuration
from mnist_rnn.experiment import layers
from mnist_rnn.experiment.backend import keras, require_xla
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.optimization import OPTIMIZERS, cross_entropy


def build_network(config: Configuration, timesteps: int = TIMESTEPS) -> keras.Sequential:
    """Return the initialized network, which maps images (n, 28, 28) to logits (n, 10)."""
    recurrent = getattr(layers, LAYERS[config.layer].class_name)
    shape = (None, 1, FEATURES)  # the mask drops the same image columns at all timesteps
    network = keras.Sequential(
        [
            keras.Input((timesteps, FEATURES), name="images"),
            keras.layers.Dropout(config.dropout, shape, seed=config.seed, name="dropout"),
            recurrent(config),
            layers.Dense(NUM_CLASSES, config.batch_size, name="dense"),
        ],
        name="rnn",
    )
    network.set_weights(draw_initial_weights(config))
    return network


def build_model(config: Configuration, timesteps: int = TIMESTEPS) -> keras.Sequential:
    """Return the network, compiled for training.

    Raises:
        BackendError: Keras has turned XLA off for this model.
    """
    model = build_network(config, timesteps)
    model.compile(
        OPTIMIZERS[config.optimizer](config.learning_rate),
        loss=cross_entropy,  # cross_entropy takes logits and applies softmax
        # With a metric given by name, Keras would trace the training step twice.
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=True,
        steps_per_execution=largest_divisor(count_steps(config), at_most=100),
    )
    require_xla(model)
    return model


def count_steps(config: Configuration) -> int:
    """Return the number of training steps per epoch; the last batch may be smaller."""
    return math.ceil(config.train_size / config.batch_size)


def largest_divisor(number: int, at_most: int) -> int:
    """Return the largest divisor of `number` that is not greater than `at_most`."""
    return max(divisor for divisor in range(1, at_most + 1) if number % divisor == 0)


def predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return the model's outputs (n, 10) for images x (n, 28, 28).

    Outputs are logits, or predicted probabilities if the model was read from a file. Keras's
    `predict` is slower, because it first compiles a loop over `steps_per_execution` batches.
    """
    starts = range(0, len(x), 1000)
    return np.concatenate([model.predict_on_batch(x[start : start + 1000]) for start in starts])
