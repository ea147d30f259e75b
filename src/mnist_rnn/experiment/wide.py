"""Layers for more than 256 units, whose sums are cut at fixed places.

A product of matrices with up to 256 terms a sum has the same bits everywhere. Longer sums are cut
by the library where the CPU's cache and the number of threads suggest it; here they are cut into
256 terms each, and the parts are added in order.
"""

from functools import reduce
from operator import add

from mnist_rnn.experiment.backend import keras, tf

LONGEST = 256  # terms


def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The product (n, columns) of x (n, rows) and kernel (rows, columns), block by block.

    Backward, the gradient of x is a sum over the columns: they are cut too.
    """
    rows, columns = kernel.shape
    strips = [
        [
            tf.matmul(x[:, row : row + LONGEST], kernel[row : row + LONGEST, left : left + LONGEST])
            for row in range(0, rows, LONGEST)
        ]
        for left in range(0, columns, LONGEST)
    ]
    return tf.concat([reduce(add, strip) for strip in strips], axis=1)


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
