"""Keras's layers, with matrix products that have the same bits on other CPUs.

The library that multiplies (Eigen, on x86-64 with oneDNN) has other code for other CPUs and shapes.
Nearly all of it adds the terms of a sum one after the other. Matrices that would reach the
exceptions are cut or padded here; this was tried for 256 and 512 units and batches of 128, of which
an epoch's last has 96. The layers heed no option of Keras's but the number of units.
"""

from collections.abc import Callable
from functools import reduce
from operator import add

from mnist_rnn.experiment.backend import keras, tf

LONGEST = 256  # terms
PADDED = 40  # features


def multiply(x: tf.Tensor, kernel: tf.Variable) -> tf.Tensor:
    """The product (n, columns) of x (n, rows) and kernel (rows, columns).

    Outside of a graph, TensorFlow lets no variable into a function with a gradient of its own.
    """
    return multiply_tensors(x, tf.convert_to_tensor(kernel))


@tf.custom_gradient
def multiply_tensors(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The product of `multiply`, and its gradients.

    The library cuts a sum of more than 256 terms where the CPU's cache and the number of threads
    suggest it. Here sums over rows and columns are cut into 256 terms each, and the parts are added
    in order; sums over the n images are left whole. The kernel's gradient is computed 256 rows at a
    time: of 512, code for AVX2 would add the terms of the last two rows in another order.
    """

    def differentiate(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The kernel's gradient comes first: XLA then makes better use of two cores.
        rows = [tf.matmul(part, gradient, transpose_a=True) for part in cut(x, 1)]
        of_kernel = tf.concat(rows, 0)
        parts = zip(cut(gradient, 1), cut(kernel, 1), strict=True)
        of_x = reduce(add, [tf.matmul(part, some, transpose_b=True) for part, some in parts])
        return of_x, of_kernel

    parts = zip(cut(x, 1), cut(kernel, 0), strict=True)
    return reduce(add, [tf.matmul(part, some) for part, some in parts]), differentiate


def cut(matrix: tf.Tensor, axis: int) -> list[tf.Tensor]:
    """The parts of a matrix that are at most 256 long on this axis."""
    length = matrix.shape[axis]
    if length <= LONGEST:
        return [matrix]
    parts = [min(LONGEST, length - start) for start in range(0, length, LONGEST)]
    return tf.split(matrix, parts, axis)


def pad(pixels: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Both with zeros up to 40 features, pixels on their last axis and the kernel on its first.

    In the kernel's gradient with 28 rows, code for ARM64 would add the terms of the last four in
    another order; with 32, code for AVX2 those of the last two.
    """
    missing = [0, PADDED - kernel.shape[0]]
    others = [[0, 0]] * (len(pixels.shape) - 1)
    return tf.pad(pixels, [*others, missing]), tf.pad(kernel, [missing, [0, 0]])


@tf.custom_gradient
def read(pixels: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The pixels of all timesteps (timesteps, n, features) times the kernel, in one product.

    The kernel's gradient is computed for each timestep and added up, the last timestep first. The
    pixels get none.
    """

    def differentiate(gradient: tf.Tensor) -> tuple[None, tf.Tensor]:
        timesteps = zip(tf.unstack(pixels), tf.unstack(gradient), strict=True)
        products = [tf.matmul(x, of_x, transpose_a=True) for x, of_x in timesteps]
        return None, reduce(add, reversed(products))

    return tf.tensordot(pixels, kernel, 1), differentiate


class SimpleRNN(keras.layers.Layer):
    """A hidden state h, zeros at first, becomes tanh(x W + h U + b) at each timestep."""

    def __init__(self, units: int) -> None:
        """Take the size of the hidden state."""
        super().__init__()
        self.units = units

    def build(self, shape: tuple) -> None:
        """Make W, U and b, in the order of Keras's layer."""
        self.kernel = self.add_weight((shape[-1], self.units))
        self.recurrent_kernel = self.add_weight((self.units, self.units))
        self.bias = self.add_weight((self.units,))

    def call(self, sequences: tf.Tensor) -> tf.Tensor:
        """(n, timesteps, features) to the last hidden state (n, units)."""
        timesteps = tf.unstack(read(*pad(tf.transpose(sequences, (1, 0, 2)), self.kernel)))
        hidden = tf.zeros_like(timesteps[0])
        for seen in timesteps:
            hidden = tf.tanh(seen + self.bias + multiply(hidden, self.recurrent_kernel))
        return hidden


class GRUCell(keras.layers.GRUCell):
    """Keras's GRU, which resets the state after it was multiplied."""

    def call(self, pixels: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One timestep: (n, features) and the state [(n, units)] to (n, units) and the state."""
        seen = multiply(*pad(pixels, self.kernel)) + self.bias[0]
        kept = multiply(states[0], self.recurrent_kernel) + self.bias[1]
        (z, r, g), (kept_z, kept_r, kept_g) = tf.split(seen, 3, 1), tf.split(kept, 3, 1)
        update = tf.sigmoid(z + kept_z)
        candidate = tf.tanh(g + tf.sigmoid(r + kept_r) * kept_g)
        hidden = update * states[0] + (1 - update) * candidate
        return hidden, [hidden]


class LSTMCell(keras.layers.LSTMCell):
    """Keras's LSTM."""

    def call(self, pixels: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One timestep; the state is [hidden (n, units), carry (n, units)]."""
        hidden, carry = states
        seen = multiply(*pad(pixels, self.kernel))
        gates = seen + multiply(hidden, self.recurrent_kernel) + self.bias
        enter, forget, candidate, leave = tf.split(gates, 4, 1)
        carry = tf.sigmoid(forget) * carry + tf.sigmoid(enter) * tf.tanh(candidate)
        hidden = tf.sigmoid(leave) * tf.tanh(carry)
        return hidden, [hidden, carry]


class Dense(keras.layers.Dense):
    """Keras's Dense, without an activation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """(n, units) to (n, classes)."""
        return multiply(inputs, self.kernel) + self.bias
