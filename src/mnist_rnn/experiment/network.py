"""The network: a recurrent layer reads a digit row by row, a dense layer names it."""

import math

import numpy as np

from mnist_rnn.config import FEATURES, NUM_CLASSES, TIMESTEPS, Configuration
from mnist_rnn.experiment.backend import keras, require_xla
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.layers import Dense, GRUCell, LSTMCell, SimpleRNN
from mnist_rnn.experiment.portable import RMSprop, cross_entropy

LAYERS = {
    "simple_rnn": SimpleRNN,
    "gru": lambda units: keras.layers.RNN(GRUCell(units)),
    "lstm": lambda units: keras.layers.RNN(LSTMCell(units)),
}
OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    "adam": keras.optimizers.Adam,
    "rmsprop": RMSprop,
}


def build_network(config: Configuration) -> keras.Sequential:
    """The network with its initial weights: (n, 28, 28) to logits (n, 10)."""
    shape = (None, 1, FEATURES)  # the same columns of an image are dropped at all timesteps
    network = keras.Sequential(
        [
            keras.Input((TIMESTEPS, FEATURES)),
            keras.layers.Dropout(config.dropout, noise_shape=shape, seed=config.seed),
            LAYERS[config.layer](config.units),
            Dense(NUM_CLASSES),
        ]
    )
    network.set_weights(draw_initial_weights(config))
    network.configuration = config
    return network


def build_model(config: Configuration) -> keras.Sequential:
    """The network, compiled for training.

    Raises:
        BackendError: XLA would not be used.
    """
    model = build_network(config)
    optimizer = OPTIMIZERS[config.optimizer]()
    if config.learning_rate is not None:
        optimizer.learning_rate = config.learning_rate
    model.compile(
        optimizer,
        loss=cross_entropy,  # takes logits: softmax is a part of it
        metrics=["accuracy"],
        jit_compile=True,
        steps_per_execution=largest_divisor(count_steps(config), at_most=100),
    )
    require_xla(model)
    return model


def count_steps(config: Configuration) -> int:
    """Steps an epoch; the last batch may be smaller."""
    return math.ceil(config.train_size / config.batch_size)


def largest_divisor(number: int, at_most: int) -> int:
    """The largest divisor of `number` up to `at_most`: steps that one call of TensorFlow takes."""
    return max(divisor for divisor in range(1, at_most + 1) if number % divisor == 0)


def predict(model: keras.Model, x: np.ndarray, at_once: int = 1000) -> np.ndarray:
    """The model's outputs (n, 10) for x (n, 28, 28).

    They are logits of the network that is trained, and probabilities of the saved model. The
    model's own `predict` would first compile as many batches as one call of TensorFlow takes in
    training, which lasts longer than to run them.
    """
    starts = range(0, len(x), at_once)
    return np.concatenate([model.predict_on_batch(x[start : start + at_once]) for start in starts])
