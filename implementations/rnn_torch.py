"""Train a SimpleRNN in PyTorch by SGD, with the bits that docs/specification.md specifies.

oneDNN computes the matrix products. With AVX-512 and with AVX2, it adds their terms in order.
`torch.mm` is not used, because it calls MKL, which cuts long sums on some CPUs. This file computes
tanh, exp and all sums outside products explicitly. If PyTorch adds the terms of a matrix product in
another order, this program exits with a message. `commands.py` explains the command line.
"""

import sys
from functools import reduce
from operator import add

import numpy as np
import torch
from commands import run
from torch.nn.functional import one_hot, pad

A = [-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
     1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03]  # fmt: skip
B = [1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03]
P = [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
     5.0000001201e-1]  # fmt: skip
torch.set_flush_denormal(True)  # set results below 2^-126 to 0


def product(a, b):
    """Return the matrix product a b; with padding to 32, oneDNN adds the terms in order, by FMA."""
    rows, columns = len(a), b.shape[1]
    a, b = pad(a, (0, 0, 0, max(0, 32 - rows))), pad(b.T, (0, 0, 0, max(0, 32 - columns)))
    return torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")[:rows, :columns]


def multiply(a, b):
    """Return the matrix product a b, in which each sum is cut into parts of 256 terms."""
    return reduce(add, map(product, a.split(256, 1), b.split(256)))


def sum_products(a, b):
    """Return the product a^T b, in which each sum over images is cut into parts of 128 images."""
    return reduce(add, [product(p.T, q) for p, q in zip(a.split(128), b.split(128), strict=True)])


def sum_images(a):
    """Sum the rows of a matrix in parts of 128 rows, which are cut into pieces of 32 rows."""
    zeros = torch.zeros(a.shape[1])
    parts = [[reduce(add, rows, zeros) for rows in part.split(32)] for part in a.split(128)]
    return reduce(add, [reduce(add, part) for part in parts])


def horner(coefficients, x):
    """Return a polynomial's value at x, given the coefficients from the highest power down."""
    first, *others = torch.tensor(coefficients)
    return reduce(lambda value, c: value * x + c, others, first)


def tanh(x):
    """Return the hyperbolic tangent."""
    held = x.clamp(-7.99881172180175781, 7.99881172180175781)
    q = held * held
    near_one = torch.where(x.abs() < 20, held * horner(A, q) / horner(B, q), x.sign())
    return torch.where(x.abs() < np.float32(0.0004), x, near_one)


def exp(x):
    """Return the exponential of x, for x <= 0."""
    x = x.clamp(-87.8)
    k = torch.floor(0.5 + x * 1.44269502)
    r = (x - 0.693359375 * k) - -2.12194440e-4 * k
    return (1 + (r + horner(P, r) * (r * r))) * ((k.int() + 127) << 23).view(torch.float32)


def forward(x, h, w, u, b):
    """Return the hidden state h_t = tanh((x_t W + b) + h_{t-1} U)."""
    return tanh((multiply(x, w) + b) + multiply(h, u))


def backward(x, before, h, u, dh):
    """Return d = dh (1 - h h), dh_{t-1}, and the terms of dW, dU and db for one timestep."""
    d = dh * (1 - h * h)
    dh = multiply(d, u.T)
    dw, db = sum_products(x, d), sum_images(d)
    du = sum_products(before, d)
    return d, dh, dw, du, db


def predict(weights, x):
    """Return hidden states (the first are zeros) and logits z for x (timesteps, n, features)."""
    w, u, b, v, c = weights
    h = [torch.zeros(x.shape[1], len(u))]
    for x_t in x:
        h.append(forward(x_t, h[-1], w, u, b))
    return h, multiply(h[-1], v) + c


def differentiate_loss(z, y):
    """Return the pair (gradient of the mean loss with respect to the logits z, summed loss)."""
    a, label, shifted = torch.tensor(1.0) / len(y), one_hot(y, 10), z - z.max(1, True).values
    e = exp(shifted)
    s = reduce(add, e.T)[:, None]
    loss = (s.log() - (label * shifted).sum(1, True)).double().sum()
    return (a * (1 / s)) * e - a * label, loss.item()


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
    arrays = {"h": torch.stack(h[1:]), "z": z, "g": g, "d": torch.stack(d[::-1])}
    arrays |= {"dh": torch.stack(dh[-2::-1])} | gradients
    return arrays | dict(zip(["w'", "u'", "b'", "v'", "c'"], new, strict=True)), loss


if __name__ == "__main__":
    ones = torch.ones(128, 256)
    ones[:, 0] = 2**24  # adding 1 to 2**24 changes nothing
    if not (multiply(ones, torch.ones(256, 256)) == 2**24).all():
        sys.exit("PyTorch adds the terms of products in another order: the weights would differ.")
    run(step, predict, torch.from_numpy)
