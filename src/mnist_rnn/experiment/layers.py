"""Define the layers; `forward` computes a timestep, and `backward` computes its gradients.

In the code, `dh` is the gradient of the loss with respect to h, and `*` multiplies elementwise.
The module `products` computes the matrix products. A state is a matrix (images, units).
"""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from typing import Any

from mnist_rnn.config import LAYERS, Configuration
from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.products import (
    count_parts,
    fill_images,
    multiply,
    multiply_transposed,
    sum_images,
    sum_products,
)

Tensors = Sequence[tf.Tensor]


class Recurrent(keras.layers.Layer):
    """A layer that calls `forward` at the timesteps in order, and `backward` in reverse order.

    `forward` takes the weights, the rows x (images, features) and the previous states. `forward`
    returns the new states, followed by the values that `backward` reuses. `backward` takes the
    arguments and the results of `forward`, and the gradients of the new states. `backward` returns
    the gradients of the previous states, and the timestep's terms of the gradients of W, U and b.
    """

    states, results = 1, 1  # the number of states, and the number of arrays that `forward` returns

    def __init__(self, config: Configuration) -> None:
        """Set the name, the number of units, and the number of parts of a sum over images."""
        super().__init__(name=config.layer)
        self.units, self.parts = config.units, count_parts(config.batch_size)

    @classmethod
    def in_keras(cls, units: int, **options: Any) -> keras.layers.Layer:
        """Return Keras's layer that computes the same as this layer, up to rounding."""
        return getattr(keras.layers, cls.__name__)(units, **options)

    def build(self, shape: tuple) -> None:
        """Create the weights W, U and b, in the order and the shapes of Keras's layers."""
        width, biases = LAYERS[self.name].gates * self.units, LAYERS[self.name].biases
        self.kernel = self.add_weight((shape[-1], width))
        self.recurrent_kernel = self.add_weight((self.units, width))
        self.bias = self.add_weight((width,) if biases == 1 else (biases, width))

    def call(self, sequences: tf.Tensor) -> tf.Tensor:
        """Return the last hidden state (n, units) for images (n, timesteps, features)."""
        x = tf.transpose(fill_images(sequences, self.parts), (1, 0, 2))
        return self.read(x, *self.weights)[: tf.shape(sequences)[0]]

    def read(self, x: tf.Tensor, *variables: tf.Variable) -> tf.Tensor:
        """Return the last hidden state (n, units) for x (timesteps, n, features).

        The gradient function `differentiate` adds up the terms that `backward` returns.
        """
        zeros = tf.zeros((tf.shape(x)[1], self.units))

        @tf.custom_gradient
        def through_time(*weights: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            def step(last: Tensors, row: tf.Tensor) -> Tensors:
                return self.forward(weights, row, last[: self.states])

            # Results of `forward` at timesteps 1 to 28, and states at timesteps 0 to 27.
            after = self.scan(step, x, [zeros] * self.results)
            before = [tf.concat([zeros[None], state[:-1]], 0) for state in after[: self.states]]

            def step_back(sums: tuple[Tensors, Tensors], t: int) -> tuple[Tensors, Tensors]:
                gradients, totals = sums
                states = [[state[t] for state in states] for states in (before, after)]
                gradients, terms = self.backward(weights, x[t], *states, gradients)
                return gradients, [a + b for a, b in zip(totals, terms, strict=True)]

            def differentiate(dh: tf.Tensor) -> Tensors:
                gradients = [dh, *[zeros] * (self.states - 1)]
                start = gradients, [tf.zeros_like(array) for array in weights]
                return self.fold(step_back, [*range(x.shape[0])][::-1], start)[1]

            return after[0][-1], differentiate

        return through_time(*map(tf.convert_to_tensor, variables))

    @staticmethod
    def scan(step: Callable, x: tf.Tensor, start: Tensors) -> Tensors:
        """Call `step` at each timestep with the previous results, and return all results."""
        return tf.scan(step, x, start)

    @staticmethod
    def fold(step: Callable, timesteps: list[int], start: Any) -> Any:
        """Call `step` at each timestep with the previous result, and return the last result."""
        return tf.foldl(step, tf.constant(timesteps), start)


class SimpleRNN(Recurrent):
    """Keras's SimpleRNN."""

    def forward(self, weights: Tensors, x: tf.Tensor, before: Tensors) -> Tensors:
        """Return the hidden state h_t = tanh((x_t W + b) + h_{t-1} U)."""
        (w, u, b), (h,) = weights, before
        return [tf.tanh((multiply(x, w) + b) + multiply(h, u))]

    def backward(
        self, weights: Tensors, x: tf.Tensor, before: Tensors, after: Tensors, gradients: Tensors
    ) -> tuple[Tensors, Tensors]:
        """Return dh_{t-1} = d U^T, and the terms of dW, dU and db: x_t^T d, h_{t-1}^T d and sum(d).

        The gradient with respect to the argument of tanh is d = dh_t (1 - h_t^2).
        """
        (_, u, _), (h_before,), (h,), (dh,) = weights, before, after, gradients
        d = dh * (1 - h * h)
        dh = multiply_transposed(d, u)  # computing dh_{t-1} first is faster on two cores
        dw, db = sum_products(x, d, self.parts), sum_images(d, self.parts)
        du = sum_products(h_before, d, self.parts)
        return [dh], [dw, du, db]

    @staticmethod
    def scan(step: Callable, x: tf.Tensor, start: Tensors) -> Tensors:
        """Compute the results of `Recurrent.scan` faster, with an unrolled loop."""
        _, *results = accumulate(tf.unstack(x), step, initial=start)
        return [tf.stack(states) for states in zip(*results, strict=True)]

    @staticmethod
    def fold(step: Callable, timesteps: list[int], start: Any) -> Any:
        """Compute the result of `Recurrent.fold` faster, with an unrolled loop."""
        return reduce(step, timesteps, start)


class GRU(Recurrent):
    """Keras's GRU, which applies the reset gate r after the matrix product with U."""

    results = 5

    def forward(self, weights: Tensors, x: tf.Tensor, before: Tensors) -> Tensors:
        """Return the hidden state h_t = z h_{t-1} + (1 - z) g.

        The gates z and r are sigmoid((x W + b_0) + (h U + b_1)). The candidate g is
        tanh((x W + b_0) + r (h U + b_1)). The columns of W, U and b belong to z, r and g, in this
        order.
        """
        (w, u, b), (h,) = weights, before
        xz, xr, xg = tf.split(multiply(x, w) + b[0], 3, 1)
        hz, hr, hg = tf.split(multiply(h, u) + b[1], 3, 1)
        z, r = tf.sigmoid(xz + hz), tf.sigmoid(xr + hr)
        g = tf.tanh(xg + r * hg)
        return [z * h + (1 - z) * g, z, r, g, hg]

    def backward(
        self, weights: Tensors, x: tf.Tensor, before: Tensors, after: Tensors, gradients: Tensors
    ) -> tuple[Tensors, Tensors]:
        """Return dh_{t-1}, and the timestep's terms of dW, dU and db.

        `dx` is the gradient with respect to x W + b_0. `d` is the gradient with respect to
        h U + b_1.
        """
        (_, u, _), (h,), (_, z, r, g, hg), (dh,) = weights, before, after, gradients
        dz, dg = (dh * h - dh * g) * z * (1 - z), dh * (1 - z) * (1 - g * g)
        dr = dg * hg * r * (1 - r)
        dx, d = tf.concat([dz, dr, dg], 1), tf.concat([dz, dr, dg * r], 1)
        dh = dh * z + multiply_transposed(d, u)
        dw, du = sum_products(x, dx, self.parts), sum_products(h, d, self.parts)
        db = tf.stack([sum_images(dx, self.parts), sum_images(d, self.parts)])
        return [dh], [dw, du, db]


class LSTM(Recurrent):
    """Keras's LSTM, which has the hidden state h and the cell state c."""

    states, results = 2, 6

    def forward(self, weights: Tensors, x: tf.Tensor, before: Tensors) -> Tensors:
        """Return the states h_t = o tanh(c_t) and c_t = f c_{t-1} + i g.

        The gates i, f and o are sigmoid((x W + h U) + b), and g is tanh((x W + h U) + b).
        The columns of W, U and b belong to i, f, g and o, in this order.
        """
        (w, u, b), (h, c) = weights, before
        i, f, g, o = tf.split((multiply(x, w) + multiply(h, u)) + b, 4, 1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * c + i * g
        return [o * tf.tanh(c), c, i, f, g, o]

    def backward(
        self, weights: Tensors, x: tf.Tensor, before: Tensors, after: Tensors, gradients: Tensors
    ) -> tuple[Tensors, Tensors]:
        """Return dh_{t-1} and dc_{t-1}, and the timestep's terms of dW, dU and db."""
        (_, u, _), (h, c_before), (_, c, i, f, g, o) = weights, before, after
        (dh, dc), tanh_c = gradients, tf.tanh(c)
        do, dc = dh * tanh_c, dc + dh * o * (1 - tanh_c * tanh_c)
        di, df, dg, dc = dc * g, dc * c_before, dc * i, dc * f
        di, df, do = di * i * (1 - i), df * f * (1 - f), do * o * (1 - o)
        d = tf.concat([di, df, dg * (1 - g * g), do], 1)
        dh = multiply_transposed(d, u)
        dw, db = sum_products(x, d, self.parts), sum_images(d, self.parts)
        du = sum_products(h, d, self.parts)
        return [dh, dc], [dw, du, db]


class Dense(keras.layers.Dense):
    """Keras's Dense layer without an activation, z = h V + c."""

    def __init__(self, units: int, batch_size: int, **options: str) -> None:
        """Set the number of outputs and the batch size, and pass `options` to Keras."""
        super().__init__(units, **options)
        self.parts = count_parts(batch_size)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the logits (n, classes) of hidden states (n, units)."""

        @tf.custom_gradient
        def logits(h: tf.Tensor, v: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            def backward(dz: tf.Tensor) -> Tensors:
                dh, dv = multiply_transposed(dz, v), sum_products(h, dz, self.parts)
                return [dh, dv, sum_images(dz, self.parts)]

            return multiply(h, v) + c, backward

        h, weights = fill_images(inputs, self.parts), map(tf.convert_to_tensor, self.weights)
        return logits(h, *weights)[: tf.shape(inputs)[0]]
