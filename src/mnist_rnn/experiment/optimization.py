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


class Adaptive(keras.optimizers.Optimizer):
    """An optimizer that keeps moving means of each variable's gradients; epsilon is Keras's."""

    kept: tuple[str, ...]
    epsilon = 1e-7

    def __init__(self, learning_rate: float = 0.001) -> None:
        """Take the learning rate."""
        super().__init__(learning_rate)

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the moving means, zeros at first."""
        if not self.built:
            super().build(variables)
            self.means = {
                variable.value.ref(): [
                    self.add_variable_from_reference(variable, name) for name in self.kept
                ]
                for variable in variables
            }


class RMSprop(Adaptive):
    """RMSprop by the formula of Keras 2, with which the published figure was made.

    It divides by sqrt(v) + epsilon. Keras 3 divides by sqrt(v + epsilon), which makes steps
    smaller where gradients are small. Rho is 0.9 in both.
    """

    kept = ("velocity",)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """Move one variable."""
        (square,) = self.means[variable.ref()]
        square.assign(0.9 * square + (1 - 0.9) * gradient**2)
        variable.assign_sub(rate * gradient / (tf.sqrt(square) + self.epsilon))


class Adam(Adaptive):
    """Keras's Adam, with powers that are products; the betas are 0.9 and 0.999."""

    kept = ("momentum", "velocity")

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """Move one variable."""
        mean, square = self.means[variable.ref()]
        step = tf.convert_to_tensor(self.iterations) + 1
        mean.assign_add((gradient - mean) * (1 - 0.9))
        square.assign_add((gradient**2 - square) * (1 - 0.999))
        rate = rate * tf.sqrt(1 - power(0.999, step)) / (1 - power(0.9, step))
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
