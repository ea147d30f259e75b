"""The training of docs/specification.md in JAX: SimpleRNN, Dense(10), cross-entropy and SGD.

Why the bits are the same on x86-64: flags keep XLA from fusing operations and from passing sums of
images to a library, and make it use one tanh and one exp on all CPUs. Matrices are padded to
multiples of 64, since XLA then adds the terms of a product in order. `jax.grad` is not used: it
differentiates tanh as (1 + h) (1 - h). If XLA adds terms in another order, the program says so and
ends. `commands.py` has the commands.
"""

import os
import sys
from functools import reduce
from operator import add

os.environ["XLA_FLAGS"] = (
    "--xla_cpu_enable_platform_dependent_math=false "
    "--xla_cpu_experimental_ynn_fusion_type=-reduce --xla_cpu_max_isa=AVX"
)

import jax
import jax.numpy as jnp
import numpy as np
from commands import run


def fill(a):
    """Return the matrix, padded to multiples of 64 with zeros, which change no sum."""
    return jnp.pad(a, [(0, -length % 64) for length in a.shape])


def product(a, b):
    """Return a b; for padded sizes, XLA adds the terms from first to last, by FMA."""
    return (fill(a) @ fill(b))[: len(a), : b.shape[1]]


def cut(a, size, axis=0):
    """Return the parts of this size; the last one may be shorter."""
    return jnp.split(a, list(range(size, a.shape[axis], size)), axis)


def multiply(a, b):
    """Return a b, summed in parts of 256 terms."""
    return reduce(add, map(product, cut(a, 256, 1), cut(b, 256)))


def sum_products(a, b):
    """Return a^T b, a sum over images, in parts of 128."""
    return reduce(add, map(product, cut(a.T, 128, 1), cut(b, 128)))


def sum_images(a):
    """Return the sum of the rows, in parts of 128, which XLA sums in parts of 32."""
    return reduce(add, [fill(part).sum(0)[: a.shape[1]] for part in cut(a, 128)])


def forward(x, h, w, u, b):
    """Return h_t = tanh((x_t W + b) + h_{t-1} U)."""
    return jnp.tanh((multiply(x, w) + b) + multiply(h, u))


def backward(x, before, h, u, dh):
    """Return d = dh (1 - h h), dh_{t-1}, and this timestep's terms of dW, dU and db."""
    d = dh * (1 - h * h)
    dh = multiply(d, u.T)
    dw, db = sum_products(x, d), sum_images(d)
    du = sum_products(before, d)
    return d, dh, dw, du, db


@jax.jit
def predict(weights, x):
    """Return the hidden states for x (timesteps, n, features), beginning with zeros, and z."""
    w, u, b, v, c = weights
    h = [jnp.zeros((x.shape[1], len(u)))]
    for x_t in x:
        h.append(forward(x_t, h[-1], w, u, b))
    return h, multiply(h[-1], v) + c


def differentiate_loss(z, y):
    """Return the mean cross-entropy's gradient with respect to z, and the sum of the losses."""
    a, label = np.float32(1) / np.float32(len(y)), jax.nn.one_hot(y, 10)
    shifted = z - z.max(1, keepdims=True)
    e = jnp.exp(shifted)
    s = reduce(add, e.T)[:, None]
    loss = (jnp.log(s) - (label * shifted).sum(1, keepdims=True)).sum()
    return (a * (1 / s)) * e - a * label, loss


@jax.jit
def step(weights, x, y, rate):
    """Return the arrays of one step of SGD by name, and the sum of the losses."""
    h, z = predict(weights, x)
    g, loss = differentiate_loss(z, y)
    dv, dc = sum_products(h[-1], g), sum_images(g)
    d, dh, terms = [], [multiply(g, weights[3].T)], []
    for t in reversed(range(len(x))):
        d_t, dh_t, *those = backward(x[t], h[t], h[t + 1], weights[1], dh[-1])
        d, dh, terms = [*d, d_t], [*dh, dh_t], [*terms, those]
    dw, du, db = (reduce(add, parts) for parts in zip(*terms, strict=True))
    gradients = {"dw": dw, "du": du, "db": db, "dv": dv, "dc": dc}
    new = [w - dw * rate for w, dw in zip(weights, gradients.values(), strict=True)]
    arrays = {"h": jnp.stack(h[1:]), "z": z, "g": g, "d": jnp.stack(d[::-1])}
    arrays |= {"dh": jnp.stack(dh[-2::-1])} | gradients
    return arrays | dict(zip(["w'", "u'", "b'", "v'", "c'"], new, strict=True)), loss


if __name__ == "__main__":
    ones = jnp.ones((128, 256)).at[:, 0].set(2**24)  # adding 1 to 2**24 changes nothing
    if not (multiply(ones, jnp.ones((256, 256))) == 2**24).all():
        sys.exit("This XLA multiplies matrices in another order: the bits would differ.")
    run(step, predict, jnp.asarray)
