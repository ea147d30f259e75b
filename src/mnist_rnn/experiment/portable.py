"""The loss and RMSprop, with the same bits on other CPUs.

Keras's own add the ten terms of an example in an order that depends on the width of the CPU's
vectors, and divide by a square root through an instruction that each vendor rounds in its own way.
"""

from functools import reduce
from operator import add

from mnist_rnn.config import NUM_CLASSES
from mnist_rnn.experiment.backend import keras, tf


def sum_row(x: tf.Tensor) -> tf.Tensor:
    """The sums (n,) of the rows of x (n, 10), added from left to right."""
    return reduce(add, tf.unstack(x, axis=1))


def cross_entropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The mean of -log(softmax(logits)[label]) in nats, for labels y (n,) and logits (n, 10)."""
    shifted = shift(logits)
    return mean(tf.math.log(sum_row(tf.exp(shifted))) - sum_row(one_hot(y) * shifted))


def clipped_cross_entropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The loss of Keras 2.2, which holds the label's probability within 1e-7 and 1 - 1e-7.

    Where it is held, the gradient is 0.
    """
    powers = tf.exp(shift(logits))
    likelihood = sum_row(one_hot(y) * powers) / sum_row(powers)
    return mean(-tf.math.log(tf.clip_by_value(likelihood, 1e-7, 1 - 1e-7)))


def shift(logits: tf.Tensor) -> tf.Tensor:
    """Logits less the largest of their row: their powers stay finite, softmax is the same."""
    return logits - tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True))


def one_hot(y: tf.Tensor) -> tf.Tensor:
    """Labels y (n,) as rows of 0 and 1 (n, 10)."""
    return tf.one_hot(tf.cast(tf.reshape(y, [-1]), "int32"), NUM_CLASSES)


def mean(losses: tf.Tensor) -> tf.Tensor:
    """The mean over a batch, taken in float64: the order of the sum is lost in rounding."""
    return tf.cast(tf.reduce_mean(tf.cast(losses, "float64")), "float32")


LOSSES = {"cross_entropy": cross_entropy, "clipped_cross_entropy": clipped_cross_entropy}


class RMSprop(keras.optimizers.Optimizer):
    """RMSprop by the formula of Keras 2, or with `epsilon_inside_root` by that of Keras 3.

    Keras 2, with which the published figure was made, divides by sqrt(v) + epsilon; Keras 3
    divides by sqrt(v + epsilon), which makes steps smaller where gradients are small.
    """

    def __init__(self, learning_rate: float = 0.001, epsilon_inside_root: bool = False) -> None:
        """Rho is 0.9 and epsilon 1e-7, as in both versions of Keras."""
        super().__init__(learning_rate)
        self.rho, self.epsilon = 0.9, 1e-7
        self.epsilon_inside_root = epsilon_inside_root

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
        if self.epsilon_inside_root:
            # `maximum` changes no value, and keeps XLA from dividing by a root in one instruction.
            root = tf.maximum(tf.sqrt(square + self.epsilon), self.epsilon**0.5)
        else:
            root = tf.sqrt(square) + self.epsilon
        variable.assign_sub(learning_rate * gradient / root)
