"""The loss and the optimizers, with the same bits on every CPU.

Keras's own add the ten terms of an example in an order that depends on the width of the CPU's
vectors, divide by a square root through an instruction that each vendor rounds in its own way, or
raise to a power by the system's mathematical library.
"""

from functools import reduce
from operator import add

from mnist_rnn.config import NUM_CLASSES
from mnist_rnn.experiment.backend import keras, tf


def cross_entropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The mean of -log(softmax(logits)[label]) in nats, for labels y (n,) and logits (n, 10).

    Logits less the largest of their row have the same softmax, and finite powers. The mean is
    taken in float64: the order of its sum is lost in rounding.
    """
    one_hot = tf.one_hot(tf.cast(tf.reshape(y, [-1]), "int32"), NUM_CLASSES)
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True))
    losses = tf.math.log(sum_row(tf.exp(shifted))) - sum_row(one_hot * shifted)
    return tf.cast(tf.reduce_mean(tf.cast(losses, "float64")), "float32")


def sum_row(x: tf.Tensor) -> tf.Tensor:
    """The sums (n,) of the rows of x (n, 10), added from left to right."""
    return reduce(add, tf.unstack(x, axis=1))


class RMSprop(keras.optimizers.RMSprop):
    """RMSprop by the formula of Keras 2, with which the published figure was made.

    It divides by sqrt(v) + epsilon. Keras 3 divides by sqrt(v + epsilon), which makes steps
    smaller where gradients are small.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Move one variable."""
        square = self._velocities[self._get_variable_index(variable)]
        square.assign(self.rho * square + (1 - self.rho) * gradient**2)
        variable.assign_sub(learning_rate * gradient / (tf.sqrt(square) + self.epsilon))


class Adam(keras.optimizers.Adam):
    """Keras's Adam, with powers that are products."""

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Move one variable."""
        place, step = self._get_variable_index(variable), tf.convert_to_tensor(self.iterations) + 1
        mean, square = self._momentums[place], self._velocities[place]
        mean.assign_add((gradient - mean) * (1 - self.beta_1))
        square.assign_add((gradient**2 - square) * (1 - self.beta_2))
        rate = learning_rate * tf.sqrt(1 - power(self.beta_2, step))
        rate /= 1 - power(self.beta_1, step)
        variable.assign_sub(mean * rate / (tf.sqrt(square) + self.epsilon))


def power(base: float, exponent: tf.Tensor) -> tf.Tensor:
    """The float32 nearest to a power of the float32 nearest to `base`.

    In float64, whose errors are lost in rounding: the product of base ** 2**k for the bits k of the
    exponent, which is below 2**26, the steps of the longest run.
    """
    product, factor = tf.constant(1.0, "float64"), tf.cast(tf.constant(base, "float32"), "float64")
    for bit in range(26):
        product = tf.where(exponent // 2**bit % 2 == 1, product * factor, product)
        factor *= factor
    return tf.cast(product, "float32")
