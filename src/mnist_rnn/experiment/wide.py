"""Layers for more than 256 units, whose sums are cut at fixed places.

A product of matrices with up to 256 terms a sum has the same bits everywhere. Longer sums are cut
by the library where the CPU's cache and the number of threads suggest it; here they are cut into
256 terms each, and the parts are added in order.
"""

from collections.abc import Callable
from functools import reduce
from operator import add

from mnist_rnn.experiment.backend import keras, tf

LONGEST = 256  # terms


@tf.custom_gradient
def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The product (n, columns) of x (n, rows) and kernel (rows, columns), and its gradients."""
    rows, columns = (cut(length) for length in kernel.shape)

    def differentiate(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parts = zip(tf.split(gradient, columns, 1), tf.split(kernel, columns, 1), strict=True)
        products = [tf.matmul(part, kernels, transpose_b=True) for part, kernels in parts]
        return reduce(add, products), tf.matmul(x, gradient, transpose_a=True)

    parts = zip(tf.split(x, rows, 1), tf.split(kernel, rows, 0), strict=True)
    return reduce(add, [tf.matmul(part, kernels) for part, kernels in parts]), differentiate


def cut(length: int) -> list[int]:
    """The lengths of the parts of a sum of so many terms."""
    return [min(LONGEST, length - start) for start in range(0, length, LONGEST)]


class WideSimpleRNNCell(keras.layers.SimpleRNNCell):
    """Keras's SimpleRNNCell with the products above."""

    def call(
        self, sequence: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One timestep: (n, features) and the state [(n, units)] to (n, units) and the state."""
        mask = self.get_dropout_mask(sequence)
        if training and mask is not None:
            sequence = sequence * mask
        read = multiply(sequence, self.kernel) + self.bias
        hidden = tf.tanh(read + multiply(states[0], self.recurrent_kernel))
        return hidden, [hidden]


class WideDense(keras.layers.Dense):
    """Keras's Dense, without an activation, with the products above."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """(n, units) to (n, classes)."""
        return multiply(inputs, self.kernel) + self.bias
