"""Solutions of the exercises in notebooks/07_exercises.ipynb, right in every bit."""

from collections.abc import Sequence

import numpy as np

from mnist_rnn.bits.by_hand import (
    Array,
    add_in_order,
    exp,
    flush,
    multiply,
    sum_images,
    sum_products,
    tanh,
)


def my_scale(images: Array) -> Array:
    """Division by a float32 number keeps the type float32."""
    return images.swapaxes(0, 1) / np.float32(255)


def my_forward(x: Array, h: Array, w: Array, u: Array, b: Array) -> Array:
    """The parentheses fix the order of the two additions."""
    return tanh((multiply(x, w) + b) + multiply(h, u))


def my_loss(z: Array, y: Array) -> Array:
    """The logarithm of e^z / s is z - log(s)."""
    shifted = z - z.max(axis=1, keepdims=True)
    s = add_in_order(exp(shifted).T)
    return np.log(s) - shifted[np.arange(len(y)), y]


def softmax(z: Array) -> Array:
    """Return the probabilities. XLA needs none, and differentiates the loss as below."""
    e = exp(z - z.max(axis=1, keepdims=True))
    return e / add_in_order(e.T)[:, None]


def my_logits_gradient(z: Array, y: Array) -> Array:
    """XLA computes the reciprocal of s once, and multiplies."""
    share = np.float32(1) / np.float32(len(y))
    label = np.eye(10, dtype="float32")[y]
    e = exp(z - z.max(axis=1, keepdims=True))
    s = add_in_order(e.T)[:, None]
    return flush((share * (1 / s)) * e - share * label)


def my_backward(x: Array, before: Array, h: Array, u: Array, dh: Array) -> tuple[Array, ...]:
    """The derivative of tanh is 1 - h * h."""
    d = flush(dh * (1 - h * h))
    return multiply(d, u.T), sum_products(x, d), sum_products(before, d), sum_images(d)


def my_gradients(weights: list[Array], x: Array, y: Array) -> list[Array]:
    """The hidden states are kept, because the way back needs them."""
    w, u, b, v, c = weights
    h = [np.zeros((x.shape[1], len(u)), "float32")]
    for x_t in x:
        h.append(my_forward(x_t, h[-1], w, u, b))
    g = my_logits_gradient(multiply(h[-1], v) + c, y)
    dh, terms = multiply(g, v.T), list[list[Array]]()
    for t in reversed(range(len(x))):
        dh, *term = my_backward(x[t], h[t], h[t + 1], u, dh)
        terms.insert(0, term)
    dw, du, db = (my_sum(part) for part in zip(*terms, strict=True))
    return [dw, du, db, sum_products(h[-1], g), sum_images(g)]


def my_update(weights: list[Array], gradients: list[Array], rate: np.float32) -> list[Array]:
    """The product is rounded before it is subtracted."""
    return [w - flush(g * rate) for w, g in zip(weights, gradients, strict=True)]


def my_epoch(
    weights: list[Array], x: Array, y: Array, order: Array, batch_size: int, rate: np.float32
) -> list[Array]:
    """The last batch may be smaller than the others."""
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        weights = my_update(weights, my_gradients(weights, x[:, chosen], y[chosen]), rate)
    return weights


def my_sum(terms: Sequence[Array]) -> Array:
    """Backpropagation computes the last timestep's term first, and need not keep any term.

    In exact arithmetic, every order gives the same sum. In float32, each order rounds differently.
    """
    return add_in_order(terms[::-1])


def my_flip(array: Array) -> Array:
    """The changed weight reaches every other weight within a few steps, but as a tiny difference.

    At SGD's default learning rate, it stays so small that no prediction changes in 20 epochs, as
    06_one_bit.ipynb shows.
    """
    bits = array.copy().view("uint32")
    bits[0, 0] ^= 1
    return bits.view("float32")


def my_last_and_best(errors: Array) -> Array:
    """The best of 20 epochs is chosen with the test images, so its accuracy is too high.

    The last epoch is fixed before the training starts, so its accuracy is a fair estimate.
    """
    return np.stack([errors[:, -1], errors.min(axis=1)], axis=1)
