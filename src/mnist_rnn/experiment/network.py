"""The network: a recurrent layer reads a digit row by row, a dense layer names it.

The layers heed no option of Keras's but the number of units.
"""

import math

import numpy as np

from mnist_rnn.config import FEATURES, NUM_CLASSES, TIMESTEPS, Configuration
from mnist_rnn.experiment.backend import keras, require_xla, tf
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.optimization import Adam, RMSprop, cross_entropy
from mnist_rnn.experiment.products import add_bias, in_parts, join, multiply


class SimpleRNN(keras.layers.Layer):
    """A hidden state h, zeros at first, becomes tanh(x W + b + h U) at each timestep."""

    def __init__(self, units: int, **options: str) -> None:
        """Take the size of the hidden state, and Keras's options."""
        super().__init__(**options)
        self.units = units

    def build(self, shape: tuple) -> None:
        """Make W, U and b, in the order of Keras's layer."""
        self.kernel = self.add_weight((shape[-1], self.units))
        self.recurrent_kernel = self.add_weight((self.units, self.units))
        self.bias = self.add_weight((self.units,))

    def call(self, sequences: tf.Tensor) -> tf.Tensor:
        """(n, timesteps, features) to the last hidden state (n, units)."""
        seen = multiply(in_parts(sequences), self.kernel)
        hidden = tf.zeros_like(seen[0])
        for x in tf.unstack(seen):
            hidden = tf.tanh(add_bias(x, self.bias) + multiply(hidden, self.recurrent_kernel))
        return join(hidden, sequences)


class Gated(SimpleRNN):
    """A layer with the matrices of all gates side by side; TensorFlow loops over the timesteps."""

    gates: int
    biases: tuple[int, ...] = ()
    states = 1

    def build(self, shape: tuple) -> None:
        """Make W, U and b, in the order of Keras's layer."""
        width = self.gates * self.units
        self.kernel = self.add_weight((shape[-1], width))
        self.recurrent_kernel = self.add_weight((self.units, width))
        self.bias = self.add_weight((*self.biases, width))

    def call(self, sequences: tf.Tensor) -> tf.Tensor:
        """(n, timesteps, features) to the last hidden state (n, units)."""
        seen = multiply(in_parts(sequences), self.kernel)
        zeros = tf.zeros_like(seen[0, ..., : self.units])
        return join(tf.foldl(self.step, seen, [zeros] * self.states)[0], sequences)


class GRU(Gated):
    """Keras's GRU, which resets the state after it was multiplied."""

    gates, biases = 3, (2,)

    def step(self, states: list[tf.Tensor], x: tf.Tensor) -> list[tf.Tensor]:
        """The hidden state after a timestep."""
        (hidden,) = states
        kept = add_bias(multiply(hidden, self.recurrent_kernel), self.bias[1])
        z, r, g = tf.split(add_bias(x, self.bias[0]), 3, 2)
        kept_z, kept_r, kept_g = tf.split(kept, 3, 2)
        update = tf.sigmoid(z + kept_z)
        candidate = tf.tanh(g + tf.sigmoid(r + kept_r) * kept_g)
        return [update * hidden + (1 - update) * candidate]


class LSTM(Gated):
    """Keras's LSTM."""

    gates, states = 4, 2

    def step(self, states: list[tf.Tensor], x: tf.Tensor) -> list[tf.Tensor]:
        """The hidden state and the carry after a timestep."""
        hidden, carry = states
        gates = add_bias(x + multiply(hidden, self.recurrent_kernel), self.bias)
        enter, forget, candidate, leave = tf.split(gates, 4, 2)
        carry = tf.sigmoid(forget) * carry + tf.sigmoid(enter) * tf.tanh(candidate)
        return [tf.sigmoid(leave) * tf.tanh(carry), carry]


class Dense(keras.layers.Dense):
    """Keras's Dense, without an activation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """(n, units) to (n, classes)."""
        return join(add_bias(multiply(in_parts(inputs), self.kernel), self.bias), inputs)


LAYERS = {"simple_rnn": SimpleRNN, "gru": GRU, "lstm": LSTM}
OPTIMIZERS = {"sgd": keras.optimizers.SGD, "adam": Adam, "rmsprop": RMSprop}


def build_network(config: Configuration, timesteps: int = TIMESTEPS) -> keras.Sequential:
    """The network with its initial weights: (n, 28, 28) to logits (n, 10)."""
    shape = (None, 1, FEATURES)  # the same columns of an image are dropped at all timesteps
    network = keras.Sequential(
        [
            keras.Input((timesteps, FEATURES), name="images"),
            keras.layers.Dropout(config.dropout, shape, seed=config.seed, name="dropout"),
            LAYERS[config.layer](config.units, name=config.layer),
            Dense(NUM_CLASSES, name="dense"),
        ],
        name="rnn",
    )
    network.set_weights(draw_initial_weights(config))
    return network


def build_model(config: Configuration, timesteps: int = TIMESTEPS) -> keras.Sequential:
    """The network, compiled for training.

    Raises:
        BackendError: XLA would not be used.
    """
    model = build_network(config, timesteps)
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
    model.configuration = config
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
