"""The network: a recurrent layer reads a digit row by row, a dense layer names it.

The layers heed no option of Keras's but the number of units.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from mnist_rnn.config import FEATURES, NUM_CLASSES, TIMESTEPS, Configuration
from mnist_rnn.experiment.backend import keras, require_xla, tf
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.optimization import Adam, RMSprop, cross_entropy
from mnist_rnn.experiment.products import add_bias, in_parts, join, multiply

Tensors = list[tf.Tensor]


class Recurrent(keras.layers.Layer):
    """A layer with the matrices of all gates side by side; TensorFlow loops over the timesteps.

    Its `step` takes W, U and b, the states (parts, images, units) and the inputs of one timestep,
    and returns the states after it, the hidden state first.
    """

    gates: int
    biases: tuple[int, ...] = ()
    states = 1
    fold = staticmethod(tf.foldl)

    def __init__(self, units: int, batch_size: int, **options: str) -> None:
        """Take the size of the hidden state, the images of a step, and Keras's options."""
        super().__init__(**options)
        self.units, self.batch_size = units, batch_size

    def build(self, shape: tuple) -> None:
        """Make W, U and b, in the order of Keras's layers."""
        width = self.gates * self.units
        self.kernel = self.add_weight((shape[-1], width))
        self.recurrent_kernel = self.add_weight((self.units, width))
        self.bias = self.add_weight((*self.biases, width))

    def call(self, sequences: tf.Tensor) -> tf.Tensor:
        """(n, timesteps, features) to the last hidden state (n, units)."""
        # Variables are read here: a loop would keep what it reads once for each timestep.
        weights = [tf.convert_to_tensor(variable) for variable in self.weights]
        step = functools.partial(self.step, weights)
        timesteps = in_parts(sequences, self.batch_size)
        zeros = tf.zeros((timesteps.shape[1], tf.shape(timesteps)[2], self.units))
        return join(self.fold(step, timesteps, [zeros] * self.states)[0], sequences)


class SimpleRNN(Recurrent):
    """Keras's SimpleRNN, whose timesteps are compiled one by one."""

    gates = 1

    @staticmethod
    def fold(step: Callable, timesteps: tf.Tensor, states: Tensors) -> Tensors:
        """What TensorFlow's loop returns, faster."""
        return functools.reduce(step, tf.unstack(timesteps), states)

    @staticmethod
    def step(weights: Tensors, states: Tensors, x: tf.Tensor) -> Tensors:
        """The state after a timestep: tanh(x W + b + h U)."""
        (w, u, b), (hidden,) = weights, states
        return [tf.tanh(add_bias(multiply(x, w), b) + multiply(hidden, u))]


class GRU(Recurrent):
    """Keras's GRU, which resets the state after it was multiplied."""

    gates, biases = 3, (2,)

    @staticmethod
    def step(weights: Tensors, states: Tensors, x: tf.Tensor) -> Tensors:
        """The state after a timestep."""
        (w, u, b), (hidden,) = weights, states
        seen, kept = add_bias(multiply(x, w), b[0]), add_bias(multiply(hidden, u), b[1])
        z, r, g = tf.split(seen, 3, 2)
        kept_z, kept_r, kept_g = tf.split(kept, 3, 2)
        update = tf.sigmoid(z + kept_z)
        candidate = tf.tanh(g + tf.sigmoid(r + kept_r) * kept_g)
        return [update * hidden + (1 - update) * candidate]


class LSTM(Recurrent):
    """Keras's LSTM; beside the hidden state, it has a carry."""

    gates, states = 4, 2

    @staticmethod
    def step(weights: Tensors, states: Tensors, x: tf.Tensor) -> Tensors:
        """The hidden state and the carry after a timestep."""
        (w, u, b), (hidden, carry) = weights, states
        gates = add_bias(multiply(x, w) + multiply(hidden, u), b)
        enter, forget, candidate, leave = tf.split(gates, 4, 2)
        carry = tf.sigmoid(forget) * carry + tf.sigmoid(enter) * tf.tanh(candidate)
        return [tf.sigmoid(leave) * tf.tanh(carry), carry]


class Dense(keras.layers.Dense):
    """Keras's Dense, without an activation."""

    def __init__(self, units: int, batch_size: int, **options: str) -> None:
        """Take the number of outputs, the images of a step, and Keras's options."""
        super().__init__(units, **options)
        self.batch_size = batch_size

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """(n, units) to (n, classes)."""
        v, c = map(tf.convert_to_tensor, self.weights)
        return join(add_bias(multiply(in_parts(inputs, self.batch_size), v), c), inputs)


LAYERS = {"simple_rnn": SimpleRNN, "gru": GRU, "lstm": LSTM}
OPTIMIZERS = {"sgd": keras.optimizers.SGD, "adam": Adam, "rmsprop": RMSprop}


def build_network(config: Configuration, timesteps: int = TIMESTEPS) -> keras.Sequential:
    """The network with its initial weights: (n, 28, 28) to logits (n, 10)."""
    shape = (None, 1, FEATURES)  # the same columns of an image are dropped at all timesteps
    network = keras.Sequential(
        [
            keras.Input((timesteps, FEATURES), name="images"),
            keras.layers.Dropout(config.dropout, shape, seed=config.seed, name="dropout"),
            LAYERS[config.layer](config.units, config.batch_size, name=config.layer),
            Dense(NUM_CLASSES, config.batch_size, name="dense"),
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
