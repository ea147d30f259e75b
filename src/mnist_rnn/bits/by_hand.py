"""Implement docs/specification.md in NumPy; the weights are bit-identical to TensorFlow's.

This file needs only NumPy, and `notebooks/05_by_hand.ipynb` explains its functions. Each line of
code corresponds to a line of the programs for JAX, PyTorch and C in `implementations/`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from itertools import count

import numpy as np

Array = np.ndarray


def batches(x: Array, y: Array, seed: int, batch_size: int) -> Iterator[tuple[Array, Array]]:
    """Yield batches x (timesteps, n, features) and labels y (n,), epoch after epoch without end."""
    for epoch in count():
        order = np.random.default_rng([seed, epoch]).permutation(len(y))
        for start in range(0, len(y), batch_size):
            chosen = order[start : start + batch_size]
            yield x[:, chosen], y[chosen]


def draw_weights(seed: int, units: int) -> list[Array]:
    """Draw initial weights W (28, units), U (units, units), b (units,), V (units, 10), c (10,)."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))

    def glorot_uniform(rows: int, columns: int) -> Array:
        limit = np.sqrt(6 / (rows + columns))
        return random.uniform(-limit, limit, (rows, columns))

    w = glorot_uniform(28, units)
    q, r = np.linalg.qr(random.standard_normal((units, units)))
    u = (q * np.sign(np.diag(r))).T.round(6)
    weights = w, u, np.zeros(units), glorot_uniform(units, 10), np.zeros(10)
    return [array.astype("float32") for array in weights]


def add_in_order(terms: Iterable[Array]) -> Array:
    """Return the sum of these arrays, added to 0 from first to last."""
    return reduce(np.add, terms, np.zeros((), "float32"))


def multiply_in_order(a: Array, b: Array) -> Array:
    """Return the product of the matrices a (n, k) and b (k, m).

    The terms are added from first to last, each by an emulated fused multiply-add.
    """
    a, b = a.astype("float64"), b.astype("float64")
    rounded = np.zeros((len(a), b.shape[1]), "float32")
    s, term, total = (np.zeros(rounded.shape) for _ in range(3))
    digits, halfway = np.empty(s.shape, "int64"), np.empty(s.shape, bool)
    for k in range(len(b)):
        np.multiply(a[:, k, None], b[k], out=term)  # exact
        np.add(s, term, out=total)
        np.bitwise_and(total.view("int64"), 2**29 - 1, out=digits)
        if np.equal(digits, 2**28, out=halfway).any():
            move_off_halfway(s, term, total, halfway)
        rounded[...] = total
        s[...] = rounded
    return rounded


def move_off_halfway(s: Array, term: Array, total: Array, halfway: Array) -> None:
    """Move each total that is halfway between two float32 numbers towards the exact sum."""
    x, y, z = s[halfway], term[halfway], total[halfway]
    part = z - x
    error = (x - (z - part)) + (y - part)  # x + y - z without rounding error
    total[halfway] = np.where(error == 0, z, np.nextafter(z, np.copysign(np.inf, error)))


@cache
def library_keeps_the_rule(n: int, k: int, m: int) -> bool:
    """Return whether `@` for shapes (n, k) and (k, m) gives the bits of `multiply_in_order`."""
    random = np.random.default_rng(0)
    for _ in range(1 + 1000 // (n * m)):  # at least 1,000 sums are compared
        a = random.standard_normal((n, k)).astype("float32")
        b = random.standard_normal((k, m)).astype("float32")
        if not np.array_equal(a @ b, multiply_in_order(a, b)):
            return False
    return True


def flush(x: Array) -> Array:
    """Return x; numbers below 2^-126 in magnitude are replaced by zeros of the same sign."""
    return x * (np.abs(x) >= np.float32(2**-126))


def product(a: Array, b: Array) -> Array:
    """Return the matrix product of a and b, computed by `@` if `@` gives the specified bits."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    kept = library_keeps_the_rule(len(a), *b.shape)
    return flush(a @ b if kept else multiply_in_order(a, b))


def cut(a: Array, size: int) -> list[Array]:
    """Split a matrix into parts of `size` rows; the last part may be shorter."""
    return [a[i : i + size] for i in range(0, len(a), size)]


def multiply(a: Array, b: Array) -> Array:
    """Return the matrix product of a and b; each sum is cut into parts of 256 terms."""
    return add_in_order(product(p.T, q) for p, q in zip(cut(a.T, 256), cut(b, 256), strict=True))


def sum_products(a: Array, b: Array) -> Array:
    """Return the matrix product of a^T and b; each sum is cut into parts of 128 images."""
    return add_in_order(product(p.T, q) for p, q in zip(cut(a, 128), cut(b, 128), strict=True))


def sum_images(a: Array) -> Array:
    """Return the sum of the rows; each part of 128 rows is summed in smaller parts of 32 rows."""
    parts = [[add_in_order(rows) for rows in cut(part, 32)] for part in cut(a, 128)]
    return add_in_order(add_in_order(part) for part in parts)


TANH_ABOVE = np.array([
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
], "float32")  # fmt: skip
TANH_BELOW = np.array([
    1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03,
], "float32")  # fmt: skip
TANH_LIMIT, TANH_SMALL = np.float32(7.99881172180175781), np.float32(0.0004)


def horner(coefficients: Array, x: Array) -> Array:
    """Return a polynomial's value at x; the first coefficient belongs to the highest power."""
    return reduce(lambda value, c: value * x + c, coefficients[1:], coefficients[0])


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent of x, bit-identical to XLA's tanh."""
    held = np.clip(x, -TANH_LIMIT, TANH_LIMIT)
    q = held * held
    quotient = held * horner(TANH_ABOVE, q) / horner(TANH_BELOW, q)
    near_one = np.where(np.abs(x) < 20, quotient, np.copysign(np.float32(1), x))
    return np.where(np.abs(x) < TANH_SMALL, x, near_one)


EXP_COEFFICIENTS = np.array([
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
], "float32")  # fmt: skip
EXP_LOWEST, LOG2_OF_E, LN2, LN2_REST = np.array(
    [-87.8, 1.44269502, 0.693359375, -2.12194440e-4], "float32"
)


def exp(x: Array) -> Array:
    """Return the exponential of x <= 0, bit-identical to XLA's exp."""
    x = np.maximum(x, EXP_LOWEST)
    k = np.floor(np.float32(0.5) + x * LOG2_OF_E)  # at least -127
    r = (x - LN2 * k) - LN2_REST * k
    e_to_r = 1 + (r + horner(EXP_COEFFICIENTS, r) * (r * r))
    return flush(e_to_r * ((k.astype("int32") + 127) << 23).view("float32"))


def forward(x: Array, h: Array, w: Array, u: Array, b: Array) -> Array:
    """Return the hidden state h_t = tanh((x_t W + b) + h_{t-1} U)."""
    return tanh((multiply(x, w) + b) + multiply(h, u))


def backward(x: Array, before: Array, h: Array, u: Array, dh: Array) -> tuple[Array, ...]:
    """Return d = dh (1 - h h), the gradient dh_{t-1}, and one timestep's terms of dW, dU and db."""
    d = flush(dh * (1 - h * h))
    dh = multiply(d, u.T)
    dw, db = sum_products(x, d), sum_images(d)
    du = sum_products(before, d)
    return d, dh, dw, du, db


def predict(weights: list[Array], x: Array) -> tuple[list[Array], Array]:
    """Return the hidden states (the first is 0) and the logits of x (timesteps, n, features)."""
    w, u, b, v, c = weights
    h = [np.zeros((x.shape[1], len(u)), "float32")]
    for x_t in x:
        h.append(forward(x_t, h[-1], w, u, b))
    return h, multiply(h[-1], v) + c


def differentiate_loss(z: Array, y: Array) -> tuple[Array, float]:
    """Return the gradient of the mean loss with respect to the logits z, and the sum of losses."""
    a, label = np.float32(1) / np.float32(len(y)), np.eye(10, dtype="float32")[y]
    shifted = z - z.max(axis=1, keepdims=True)
    e = exp(shifted)
    s = add_in_order(e.T)[:, None]
    loss = np.log(s)[:, 0] - (label * shifted).sum(axis=1)
    return flush((a * (1 / s)) * e - a * label), float(loss.sum())


def step(weights: list[Array], x: Array, y: Array, rate: Array) -> tuple[dict[str, Array], float]:
    """Take one step of SGD; return all computed arrays by name, and the sum of the losses."""
    h, z = predict(weights, x)
    g, loss = differentiate_loss(z, y)
    dv, dc = sum_products(h[-1], g), sum_images(g)
    dh, d, terms = [multiply(g, weights[3].T)], list[Array](), list[list[Array]]()
    for t in reversed(range(len(x))):
        d_t, dh_t, *those = backward(x[t], h[t], h[t + 1], weights[1], dh[-1])
        d, dh, terms = [*d, d_t], [*dh, dh_t], [*terms, those]
    dw, du, db = (add_in_order(parts) for parts in zip(*terms, strict=True))
    gradients = {"dw": dw, "du": du, "db": db, "dv": dv, "dc": dc}
    new = [w - flush(dw * rate) for w, dw in zip(weights, gradients.values(), strict=True)]
    arrays = {"h": np.stack(h[1:]), "z": z, "g": g, "d": np.stack(d[::-1])}
    arrays |= {"dh": np.stack(dh[-2::-1])} | gradients
    return arrays | dict(zip(["w'", "u'", "b'", "v'", "c'"], new, strict=True)), loss


def get_weights(arrays: dict[str, Array]) -> list[Array]:
    """Return the updated weights, which are among the arrays that `step` has returned."""
    return [arrays[name] for name in ("w'", "u'", "b'", "v'", "c'")]


def digest(arrays: Iterable[Array]) -> str:
    """Return one SHA-256 of the shapes, types and little-endian values of all arrays, in order."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(f"{array.shape}{array.dtype.name}".encode() + array.astype("<f4").tobytes())
    return sha256.hexdigest()
