"""Define a loss and optimizers that compute the specified bits.

Keras's loss adds the ten terms of an image in an order that depends on the CPU's vector size.
Keras's RMSprop computes 1 / sqrt(x) with an instruction whose rounding depends on the CPU's vendor.
Keras's Adam computes powers with the system's mathematical library.
"""

from collections.abc import Callable
from functools import reduce
from operator import add

from mnist_rnn.config import NUM_CLASSES
from mnist_rnn.experiment.backend import keras, tf


@tf.custom_gradient
def cross_entropy(y: tf.Tensor, z: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Return the mean of -log(softmax(z)[label]) in nats, for labels y (n,) and logits z (n, 10).

    The gradient of the mean is (softmax(z) - one_hot) / n. Subtracting each row's maximum leaves
    softmax unchanged and prevents overflow. The mean is computed in float64. Rounding to float32
    removes the errors of the float64 mean.
    """
    one_hot = tf.one_hot(tf.cast(tf.reshape(y, [-1]), "int32"), NUM_CLASSES)
    z = z - tf.reduce_max(z, axis=1, keepdims=True)
    powers = tf.exp(z)
    total = sum_row(powers)
    losses = tf.math.log(total) - sum_row(one_hot * z)

    def backward(slope: tf.Tensor) -> tuple[None, tf.Tensor]:
        # (slope / n) (softmax(z) - one_hot), with a slope of 1 in training
        share = slope / tf.cast(tf.shape(z)[0], "float32")
        return None, (share * (1 / total))[:, None] * powers - share * one_hot

    return tf.cast(tf.reduce_mean(tf.cast(losses, "float64")), "float32"), backward


def sum_row(x: tf.Tensor) -> tf.Tensor:
    """Return the sum (n,) of each row of x (n, 10), added from left to right."""
    return reduce(add, tf.unstack(x, axis=1))


class Optimizer(keras.optimizers.Optimizer):
    """An optimizer with moving means of each variable's gradients; `kept` lists the means' names.

    Epsilon is Keras's.
    """

    kept: tuple[str, ...] = ()
    epsilon = 1e-7

    def build(self, variables: list[keras.Variable]) -> None:
        """Create the moving means, which are zeros at first."""
        if not self.built:
            super().build(variables)
            self.means = {
                variable.value.ref(): [
                    self.add_variable_from_reference(variable, name) for name in self.kept
                ]
                for variable in variables
            }


class SGD(Optimizer):
    """Keras's SGD, which replaces w by w - rate * gradient."""

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """Move one variable."""
        variable.assign_sub(rate * gradient)


class RMSprop(Optimizer):
    """RMSprop with the formula of Keras 2.

    The published result was computed with Keras 2. Keras 2 divides by sqrt(v) + epsilon. Keras 3
    divides by sqrt(v + epsilon), which shortens the steps where gradients are small. Rho is 0.9 in
    Keras 2 and in Keras 3.
    """

    kept = ("velocity",)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """Move one variable."""
        (square,) = self.means[variable.ref()]
        square.assign(0.9 * square + (1 - 0.9) * gradient**2)
        variable.assign_sub(rate * gradient / (tf.sqrt(square) + self.epsilon))


class Adam(Optimizer):
    """Keras's Adam with betas 0.9 and 0.999; powers of the betas are computed as products."""

    kept = ("momentum", "velocity")

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor) -> None:
        """Move one variable."""
        mean, square = self.means[variable.ref()]
        step = tf.convert_to_tensor(self.iterations) + 1
        mean.assign_add((gradient - mean) * (1 - 0.9))
        square.assign_add((gradient**2 - square) * (1 - 0.999))
        rate = rate * tf.sqrt(1 - power(0.999, step)) / (1 - power(0.9, step))
        variable.assign_sub(mean * rate / (tf.sqrt(square) + self.epsilon))


OPTIMIZERS = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam}


def power(base: float, exponent: tf.Tensor) -> tf.Tensor:
    """Return float32(base) ** exponent, rounded to the nearest float32 number.

    The power is the product of `base ** 2**k` for each bit k that is set in the exponent. The
    product is computed in float64, and rounding to float32 removes its errors. The exponent is
    below 2**26.
    """
    product, factor = tf.constant(1.0, "float64"), tf.cast(tf.constant(base, "float32"), "float64")
    for bit in range(26):
        product = tf.where(exponent // 2**bit % 2 == 1, product * factor, product)
        factor *= factor
    return tf.cast(product, "float32")
