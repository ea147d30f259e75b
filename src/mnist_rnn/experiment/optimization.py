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


class RMSprop(keras.optimizers.Optimizer):
    """RMSprop by the formula of Keras 2, with which the published figure was made.

    It divides by sqrt(v) + epsilon. Keras 3 divides by sqrt(v + epsilon), which makes steps
    smaller where gradients are small.
    """

    def __init__(self, learning_rate: float = 0.001) -> None:
        """Rho is 0.9 and epsilon 1e-7, as in both versions of Keras."""
        super().__init__(learning_rate)
        self.rho, self.epsilon = 0.9, 1e-7

    def build(self, variables: list[keras.Variable]) -> None:
        """Make a moving mean of squared gradients for each variable."""
        if not self.built:
            super().build(variables)
            self.squares = {
                variable.value.ref(): self.add_variable_from_reference(variable, "velocity")
                for variable in variables
            }

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Move one variable."""
        square = self.squares[variable.ref()]
        square.assign(self.rho * square + (1 - self.rho) * gradient**2)
        variable.assign_sub(learning_rate * gradient / (tf.sqrt(square) + self.epsilon))
