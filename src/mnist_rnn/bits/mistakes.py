"""List mistakes that a program can make in a training step, as functions of `by_hand` to replace.

This file needs only NumPy.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.by_hand import Array, add_in_order, cut, fma, multiply


def start_with_bias(x: Array, w: Array, b: Array) -> Array:
    """Return the matrix product of x and w, in which each sum starts with the bias."""
    return multiply(np.insert(x, 0, 1, axis=1), np.vstack([b, w]))


def sum_in_one_chain(a: Array, b: Array) -> Array:
    """Return the sum of all a_t^T b_t, in which one sum contains the images of all timesteps."""
    return by_hand.product(np.concatenate(a[::-1]).T, np.concatenate(b[::-1]))


def in_softmax(formula: Callable[..., Array]) -> dict[str, Callable]:
    """Return another formula for the gradient of the logits, which takes a, e, s and y."""
    return {"differentiate_softmax": lambda *given: by_hand.flush(formula(*given))}


def in_tanh(formula: Callable[..., Array]) -> dict[str, Callable]:
    """Return another formula for the derivative of tanh, which takes dh and h."""
    return {"differentiate_tanh": lambda *given: by_hand.flush(formula(*given))}


def in_double(function: Callable) -> Callable[[Array], Array]:
    """Return a NumPy function that is computed in double precision and rounded."""
    return lambda x: function(x, dtype="float64").astype("float32")


# Maps each mistake to the functions and constants of `by_hand` that it replaces.
MISTAKES: dict[str, dict[str, Any]] = {
    "each product is rounded before it is added": {"fma": lambda a, b, s: a * b + s},
    "fma(a, b, s) is rounded to float64 and then to float32": {"move_off_halfway": lambda *_: None},
    "the terms of a matrix product are added from last to first": {
        "product": lambda a, b: by_hand.product(a[:, ::-1], b[::-1])
    },
    "sums of more than 256 terms are not cut into parts": {"multiply": by_hand.product},
    "sums over more than 128 images are not cut into parts": {
        "sum_products": lambda a, b: by_hand.product(a.T, b)
    },
    "sums over images are cut into parts of 256 images": {
        "sum_products": lambda a, b: multiply(a.T, b)
    },
    "a bias's gradient is summed without parts of 128 images": {
        "sum_images": lambda a: add_in_order(map(add_in_order, cut(a, 32)))
    },
    "a bias's gradient is summed without groups of 32 images": {
        "sum_images": lambda a: add_in_order(map(add_in_order, cut(a, 128)))
    },
    "a bias's gradient is summed image by image": {"sum_images": add_in_order},
    "the bias is added after both matrix products": {
        "add_products": lambda x, h, w, u, b: (multiply(x, w) + multiply(h, u)) + b
    },
    "the bias is added to h U": {
        "add_products": lambda x, h, w, u, b: multiply(x, w) + (multiply(h, u) + b)
    },
    "each sum of x W or h V starts with the bias": {
        "add_products": lambda x, h, w, u, b: start_with_bias(x, w, b) + multiply(h, u),
        "dense": start_with_bias,
    },
    "x W and h U are added in one sum, and then the bias": {
        "add_products": lambda x, h, w, u, b: multiply(np.hstack([x, h]), np.vstack([w, u])) + b
    },
    "x W and h U are added in one sum, which starts with the bias": {
        "add_products": lambda x, h, w, u, b: start_with_bias(
            np.hstack([x, h]), np.vstack([w, u]), b
        )
    },
    "tanh is computed in double precision": {"tanh": in_double(np.tanh)},
    "the argument of tanh is limited to 9": {"TANH_LIMIT": np.float32(9)},
    "tanh(x) is not x for small x": {"TANH_SMALL": np.float32(0)},
    "the polynomials of tanh and exp are computed with fma": {
        "horner": lambda c, x: reduce(lambda s, c: fma(s, x, c), c[1:], c[0])
    },
    "exp is computed in double precision": {"exp": lambda x: by_hand.flush(in_double(np.exp)(x))},
    "g is (a / s) e - a y": in_softmax(lambda a, e, s, y: (a / s) * e - a * y),
    "g is a (e / s) - a y": in_softmax(lambda a, e, s, y: a * (e / s) - a * y),
    "g is ((1 / s) e) a - a y": in_softmax(lambda a, e, s, y: ((1 / s) * e) * a - a * y),
    "g is (e / s - y) a": in_softmax(lambda a, e, s, y: (e / s - y) * a),
    "g is (e / s - y) / n": in_softmax(lambda _, e, s, y: (e / s - y) / np.float32(len(e))),
    "g is ((1 / s) e - y) a": in_softmax(lambda a, e, s, y: ((1 / s) * e - y) * a),
    "d is dh ((1 + h) (1 - h))": in_tanh(lambda dh, h: dh * ((1 + h) * (1 - h))),
    "d is dh - (dh h) h": in_tanh(lambda dh, h: dh - (dh * h) * h),
    "d is dh - dh (h h)": in_tanh(lambda dh, h: dh - dh * (h * h)),
    "1 - h h is rounded only once": in_tanh(lambda dh, h: dh * fma(-h, h, np.ones_like(h))),
    "U is not transposed in d U^T": {
        "multiply_transposed": lambda d, u: multiply(d, u if len(u) == len(u.T) else u.T)
    },
    "gradients are added from the first timestep to the last": {
        "sum_over_time": lambda a, b: by_hand.sum_over_time(a[::-1], b[::-1]),
        "sum_images_over_time": lambda d: by_hand.sum_images_over_time(d[::-1]),
    },
    "gradients are added in one sum over images and timesteps": {
        "sum_over_time": sum_in_one_chain,
        "sum_images_over_time": lambda d: add_in_order(np.concatenate(d[::-1])),
    },
    "the update of the weights is rounded only once": {
        "descend": lambda w, gradient, rate: by_hand.flush(fma(-gradient, rate, w))
    },
    "subnormal numbers are not replaced by 0": {"flush": lambda x: x},
}


def make_mistake(name: str) -> Any:
    """Return a copy of the module `by_hand` that makes a mistake.

    If NumPy's library computed the products, a mistake in products would have no effect.
    """
    return by_hand.exchange(library_keeps_the_rule=lambda *_: False, **MISTAKES[name])
