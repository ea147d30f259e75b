"""Train a SimpleRNN in JAX by SGD, with the bits that docs/specification.md specifies.

On x86-64, flags keep XLA from fusing operations, and from calling a library to sum over images. The
flags also make XLA use its own tanh and exp. Matrices are padded to multiples of 64, because XLA
then adds the terms of a matrix product in order. `jax.grad` is not used, because it differentiates
tanh as (1 + h) (1 - h). If XLA adds the terms of a matrix product in another order, this program
exits with a message. `commands.py` explains the command line.
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
    """Pad a matrix with zeros to multiples of 64; the zeros change no sum."""
    return jnp.pad(a, [(0, -length % 64) for length in a.shape])


def product(a, b):
    """Return the matrix product a b; XLA adds the terms of padded products in order, by FMA."""
    return (fill(a) @ fill(b))[: len(a), : b.shape[1]]


def cut(a, size, axis=0):
    """Cut an array into parts of this size; the last part may be shorter."""
    return jnp.split(a, list(range(size, a.shape[axis], size)), axis)


def multiply(a, b):
    """Return the matrix product a b, in which each sum is cut into parts of 256 terms."""
    return reduce(add, map(product, cut(a, 256, 1), cut(b, 256)))


def sum_products(a, b):
    """Return the product a^T b, in which each sum over images is cut into parts of 128 images."""
    return reduce(add, map(product, cut(a.T, 128, 1), cut(b, 128)))


def sum_images(a):
    """Sum the rows of a matrix in parts of 128 rows, which XLA cuts into pieces of 32 rows."""
    return reduce(add, [fill(part).sum(0)[: a.shape[1]] for part in cut(a, 128)])


def forward(x, h, w, u, b):
    """Return the hidden state h_t = tanh((x_t W + b) + h_{t-1} U)."""
    return jnp.tanh((multiply(x, w) + b) + multiply(h, u))


def backward(x, before, h, u, dh):
    """Return d = dh (1 - h h), dh_{t-1}, and the terms of dW, dU and db for one timestep."""
    d = dh * (1 - h * h)
    dh = multiply(d, u.T)
    dw, db = sum_products(x, d), sum_images(d)
    du = sum_products(before, d)
    return d, dh, dw, du, db


@jax.jit
def predict(weights, x):
    """Return hidden states (the first are zeros) and logits z for x (timesteps, n, features)."""
    w, u, b, v, c = weights
    h = [jnp.zeros((x.shape[1], len(u)))]
    for x_t in x:
        h.append(forward(x_t, h[-1], w, u, b))
    return h, multiply(h[-1], v) + c


def differentiate_loss(z, y):
    """Return the pair (gradient of the mean loss with respect to the logits z, summed loss)."""
    a, label = np.float32(1) / np.float32(len(y)), jax.nn.one_hot(y, 10)
    shifted = z - z.max(1, keepdims=True)
    e = jnp.exp(shifted)
    s = reduce(add, e.T)[:, None]
    loss = (jnp.log(s) - (label * shifted).sum(1, keepdims=True)).sum()
    return (a * (1 / s)) * e - a * label, loss


@jax.jit
def step(weights, x, y, rate):
    """Take a step of SGD; return its arrays by name, and the sum of the images' losses."""
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
        sys.exit("XLA adds the terms of products in another order: the weights would differ.")
    run(step, predict, jnp.asarray)
