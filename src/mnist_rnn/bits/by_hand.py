"""Implement docs/specification.md in NumPy; the weights are bit-identical to TensorFlow's.

This file needs only NumPy, and `notebooks/05_by_hand.ipynb` explains its functions. Each line of
code up to `step` corresponds to a line of the programs for JAX and PyTorch in `implementations/`.
`exchange` returns a copy of this module in which functions are replaced by others.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from importlib.util import find_spec, module_from_spec
from itertools import count
from types import ModuleType
from typing import Any

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


def fma(a: Array, b: Array, s: Array) -> Array:
    """Return a b + s for float32 arrays, rounded once."""
    term = np.multiply(a, b, dtype="float64")  # exact
    total = np.add(s, term)
    halfway = np.bitwise_and(total.view("int64"), 2**29 - 1) == 2**28
    if halfway.any():
        move_off_halfway(np.broadcast_to(s, total.shape), term, total, halfway)
    return total.astype("float32")


def move_off_halfway(s: Array, term: Array, total: Array, halfway: Array) -> None:
    """Move each total that is halfway between two float32 numbers towards the exact sum."""
    x, y, z = s[halfway].astype("float64"), term[halfway], total[halfway]
    part = z - x
    error = (x - (z - part)) + (y - part)  # x + y - z without rounding error
    total[halfway] = np.where(error == 0, z, np.nextafter(z, np.copysign(np.inf, error)))


def multiply_in_order(a: Array, b: Array) -> Array:
    """Return the matrix product of a and b; the terms of a sum are added from first to last."""
    s = np.zeros((len(a), b.shape[1]), "float32")
    for k in range(len(b)):
        s = fma(a[:, k, None], b[k], s)
    return s


@cache
def library_keeps_the_rule(n: int, k: int, m: int) -> bool:
    """Return whether `@` for shapes (n, k) and (k, m) gives the bits of `multiply_in_order`.

    With fewer than 1,000 sums, the evidence would be weak.
    """
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(shape).astype("float32") for shape in ((n, k), (k, m)))
    return n * m >= 1000 and np.array_equal(a @ b, multiply_in_order(a, b))


def flush(x: Array) -> Array:
    """Return x; numbers below 2^-126 in magnitude are replaced by zeros of the same sign."""
    return x * (np.abs(x) >= np.float32(2**-126))


def times(a: Array, b: Array) -> Array:
    """Return the elementwise product of a and b, with small numbers replaced by zeros."""
    return flush(a * b)


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


def multiply_transposed(a: Array, b: Array) -> Array:
    """Return the matrix product of a and b^T."""
    return multiply(a, b.T)


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
EXP_LOWEST, EXP_HIGHEST, LOG2_OF_E, LN2, LN2_REST = np.array(
    [-87.8, 88.8, 1.44269502, 0.693359375, -2.12194440e-4], "float32"
)


def exp(x: Array) -> Array:
    """Return the exponential of x, bit-identical to XLA's exp."""
    x = np.clip(x, EXP_LOWEST, EXP_HIGHEST)
    k = np.clip(np.floor(np.float32(0.5) + x * LOG2_OF_E), -127, 127)
    r = (x - LN2 * k) - LN2_REST * k
    e_to_r = 1 + (r + horner(EXP_COEFFICIENTS, r) * (r * r))
    return flush(e_to_r * ((k.astype("int32") + 127) << 23).view("float32"))


class Arrays(dict[tuple[str, int | None], Array]):
    """The arrays of a training step by name and timestep, in the order of their computation.

    Timesteps are counted from 1. The timestep is None for an array that belongs to no timestep.
    """

    def keep(self, name: str, t: int | None, array: Array) -> Array:
        """Add an array, and return it."""
        self[name, t] = array
        return array

    def over_time(self, name: str) -> list[Array]:
        """Return the arrays of this name at the timesteps 1, 2, ..."""
        return [self[name, t] for t in sorted(t for key, t in self if key == name and t)]

    def stack(self) -> dict[str, Array]:
        """Return the arrays by name; the first axis of an array with timesteps is the timestep."""
        return {
            name: array if t is None else np.stack(self.over_time(name))
            for (name, t), array in self.items()
            if t != 0
        }


def add_products(x: Array, h: Array, w: Array, u: Array, b: Array) -> Array:
    """Return (x_t W + b) + h_{t-1} U."""
    return (multiply(x, w) + b) + multiply(h, u)


def forward(arrays: Arrays, t: int, x: Array, w: Array, u: Array, b: Array) -> None:
    """Compute the hidden state h_t = tanh((x_t W + b) + h_{t-1} U)."""
    arrays.keep("h", t, tanh(add_products(x, arrays["h", t - 1], w, u, b)))


def differentiate_tanh(dh: Array, h: Array) -> Array:
    """Return dh (1 - h h), the gradient with respect to the argument of h = tanh(...)."""
    return times(dh, 1 - h * h)


def backward(arrays: Arrays, t: int, u: Array) -> None:
    """Compute d_t = dh_t (1 - h_t h_t), and the gradient dh_{t-1} = d_t U^T."""
    d = arrays.keep("d", t, differentiate_tanh(arrays["dh", t], arrays["h", t]))
    arrays.keep("dh", t - 1, multiply_transposed(d, u))


def dense(h: Array, v: Array, c: Array) -> Array:
    """Return h V + c."""
    return multiply(h, v) + c


def read_rows(arrays: Arrays, weights: Sequence[Array], x: Array, layer: str) -> Array:
    """Compute the states after each row, which begin with zeros, and return the logits."""
    w, u, b, v, c = weights
    arrays["h", 0] = arrays["cell", 0] = np.zeros((x.shape[1], len(u)), "float32")
    for t, x_t in enumerate(x, 1):
        LAYERS[layer][0](arrays, t, x_t, w, u, b)
    return arrays.keep("z", None, dense(arrays["h", len(x)], v, c))


def predict(
    weights: Sequence[Array], x: Array, layer: str = "simple_rnn"
) -> tuple[list[Array], Array]:
    """Return the hidden states (the first is 0) and the logits of x (timesteps, n, features)."""
    arrays = Arrays()
    z = read_rows(arrays, weights, x, layer)
    return [arrays["h", 0], *arrays.over_time("h")], z


def differentiate_softmax(a: Array, e: Array, s: Array, label: Array) -> Array:
    """Return (a (1 / s)) e - a [j = y] for a = 1 / n and the sum s of the exponentials e."""
    return flush((a * (1 / s)) * e - a * label)


def differentiate_loss(z: Array, y: Array) -> tuple[Array, float]:
    """Return the gradient of the mean loss with respect to the logits z, and the sum of losses."""
    a, label = 1 / np.array(len(y), "float32"), np.eye(10, dtype="float32")[y]
    shifted = z - z.max(axis=1, keepdims=True)
    e = exp(shifted)
    s = add_in_order(e.T)[:, None]
    loss = np.log(s)[:, 0] - (label * shifted).sum(axis=1)
    return differentiate_softmax(a, e, s, label), float(loss.sum())


def sum_over_time(a: Sequence[Array], b: Sequence[Array]) -> Array:
    """Return the sum of the products a_t^T b_t, added from the last timestep to the first."""
    return add_in_order(sum_products(*pair) for pair in zip(a[::-1], b[::-1], strict=True))


def sum_images_over_time(d: Sequence[Array]) -> Array:
    """Return the sum of the rows of all d_t, added from the last timestep to the first."""
    return add_in_order(sum_images(d_t) for d_t in d[::-1])


def descend(w: Array, gradient: Array, rate: Array) -> Array:
    """Return the weights after a step of SGD."""
    return w - times(gradient, rate)


def step(
    weights: Sequence[Array],
    x: Array,
    y: Array,
    rate: Array,
    layer: str = "simple_rnn",
    optimizer: str = "sgd",
    k: int = 0,
    means: Mapping[str, Array] | None = None,
    dropout: float = 0,
    seed: int = 0,
    arrays: Arrays | None = None,
) -> tuple[dict[str, Array], float]:
    """Take a step after `k` others; return all computed arrays by name, and the sum of the losses.

    `means` are the moving means of Adam and RMSprop before the step, which begin with zeros.
    """
    arrays = Arrays() if arrays is None else arrays
    if dropout:
        x = x * arrays.keep("kept", None, draw_kept(dropout, seed, k, x.shape[1:]))
    z = read_rows(arrays, weights, x, layer)
    h = [arrays["h", 0], *arrays.over_time("h")]
    g, loss = differentiate_loss(z, y)
    g = arrays.keep("g", None, g)
    arrays.keep("dv", None, sum_products(h[-1], g))
    arrays.keep("dc", None, sum_images(g))
    arrays.keep("dh", len(x), multiply_transposed(g, weights[3]))
    for t in range(len(x), 0, -1):
        LAYERS[layer][1](arrays, t, weights[1])
    d, dx = arrays.over_time("d"), arrays.over_time("dx")  # only a GRU has dx
    arrays.keep("dw", None, sum_over_time([*x], dx or d))
    arrays.keep("du", None, sum_over_time(h[:-1], d))
    db = [sum_images_over_time(each) for each in (dx, d) if each]
    arrays.keep("db", None, np.stack(db) if dx else db[0])
    for name, w in zip("wubvc", weights, strict=True):
        arrays.keep(f"{name}'", None, update(arrays, optimizer, name, w, rate, means or {}, k + 1))
    return arrays.stack(), loss


def get_weights(arrays: Mapping[str, Array]) -> list[Array]:
    """Return the updated weights, which are among the arrays that `step` has returned."""
    return [arrays[name] for name in ("w'", "u'", "b'", "v'", "c'")]


def digest(arrays: Iterable[Array]) -> str:
    """Return one SHA-256 of the shapes, types and little-endian values of all arrays, in order."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(f"{array.shape}{array.dtype.name}".encode() + array.astype("<f4").tobytes())
    return sha256.hexdigest()


def exchange(**functions: Any) -> ModuleType:
    """Return a copy of this module in which functions are replaced, as in `tanh=np.tanh`."""
    spec: Any = find_spec(__name__)
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    vars(copy).update(functions)
    return copy


# The rest of this file implements section 6 of the specification.


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + exp(-x))


def differentiate_sigmoid(ds: Array, s: Array) -> Array:
    """Return (ds s) (1 - s), the gradient with respect to the argument of s = sigmoid(...)."""
    return times(times(ds, s), 1 - s)


def forward_lstm(arrays: Arrays, t: int, x: Array, w: Array, u: Array, b: Array) -> None:
    """Compute the gates i, f, g and o, the state c_t = f c_{t-1} + i g, and h_t = o tanh(c_t)."""
    i, f, g, o = np.split((multiply(x, w) + multiply(arrays["h", t - 1], u)) + b, 4, 1)
    gates = [sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)]
    i, f, g, o = np.split(arrays.keep("gates", t, np.concatenate(gates, 1)), 4, 1)
    cell = arrays.keep("cell", t, times(f, arrays["cell", t - 1]) + times(i, g))
    arrays.keep("h", t, times(o, tanh(cell)))


def backward_lstm(arrays: Arrays, t: int, u: Array) -> None:
    """Compute the gradients of c_t and of the gates' arguments, and pass them on to t - 1."""
    (i, f, g, o), dh = np.split(arrays["gates", t], 4, 1), arrays["dh", t]
    tanh_c, passed = tanh(arrays["cell", t]), arrays.get(("dpassed", t), ZERO)
    dc = arrays.keep("dcell", t, passed + differentiate_tanh(times(dh, o), tanh_c))
    d = [
        differentiate_sigmoid(times(dc, g), i),
        differentiate_sigmoid(times(dc, arrays["cell", t - 1]), f),
        differentiate_tanh(times(dc, i), g),
        differentiate_sigmoid(times(dh, tanh_c), o),
    ]
    arrays.keep("d", t, np.concatenate(d, 1))
    arrays.keep("dpassed", t - 1, times(dc, f))
    arrays.keep("dh", t - 1, multiply_transposed(arrays["d", t], u))


def forward_gru(arrays: Arrays, t: int, x: Array, w: Array, u: Array, b: Array) -> None:
    """Compute h_{t-1} U + b_1, the gates z, r and g, and h_t = z h_{t-1} + (1 - z) g."""
    before = arrays["h", t - 1]
    hu = arrays.keep("hu", t, multiply(before, u) + b[1])
    (xz, xr, xg), (hz, hr, hg) = (np.split(a, 3, 1) for a in (multiply(x, w) + b[0], hu))
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    gates = np.concatenate([z, r, tanh(xg + times(r, hg))], 1)
    z, _, g = np.split(arrays.keep("gates", t, gates), 3, 1)
    arrays.keep("h", t, times(z, before) + times(1 - z, g))


def backward_gru(arrays: Arrays, t: int, u: Array) -> None:
    """Compute the gradients of x_t W and of h_{t-1} U, and the gradient dh_{t-1}."""
    (z, r, g), dh = np.split(arrays["gates", t], 3, 1), arrays["dh", t]
    dz = differentiate_sigmoid(times(dh, arrays["h", t - 1]) - times(dh, g), z)
    dg = differentiate_tanh(times(dh, 1 - z), g)
    dr = differentiate_sigmoid(times(dg, np.split(arrays["hu", t], 3, 1)[2]), r)
    dx = arrays.keep("dx", t, np.concatenate([dz, dr, dg], 1))
    dz, dr, dg = np.split(dx, 3, 1)
    d = arrays.keep("d", t, np.concatenate([dz, dr, times(dg, r)], 1))
    arrays.keep("dh", t - 1, times(dh, z) + multiply_transposed(d, u))


LAYERS = {
    "simple_rnn": (forward, backward),
    "gru": (forward_gru, backward_gru),
    "lstm": (forward_lstm, backward_lstm),
}
ZERO, EPSILON, NINE_TENTHS, TENTH, THOUSANDTH = np.array([0, 1e-7, 0.9, 0.1, 0.001], "float32")


def power(base: float, exponent: int) -> np.float32:
    """Return float32(base) ** exponent, computed in double precision and rounded."""
    result, factor = 1.0, float(np.float32(base))
    while exponent:
        result *= factor if exponent % 2 else 1
        factor, exponent = factor * factor, exponent // 2
    return np.float32(result)


def update(
    arrays: Arrays,
    optimizer: str,
    name: str,
    w: Array,
    rate: Array,
    means: Mapping[str, Array],
    k: int,
) -> Array:
    """Compute the moving means m and v, and return the weights after step k, counted from 1."""
    dw, m, v = arrays[f"d{name}", None], *(means.get(mean + name, ZERO) for mean in "mv")
    if optimizer == "sgd":
        return descend(w, dw, rate)
    if optimizer == "adam":
        m = arrays.keep(f"m{name}'", None, m + times(dw - m, TENTH))
        v = arrays.keep(f"v{name}'", None, v + times(times(dw, dw) - v, THOUSANDTH))
        rate = rate * np.sqrt(1 - power(0.999, k)) / (1 - power(0.9, k))
        return w - flush(times(m, rate) / (np.sqrt(v) + EPSILON))
    v = times(NINE_TENTHS, v) + times(TENTH, times(dw, dw))
    v = arrays.keep(f"v{name}'", None, v)
    return w - flush(times(rate, dw) / (np.sqrt(v) + EPSILON))


def philox(counter: Iterable[int], key: Iterable[int]) -> tuple[int, int, int, int]:
    """Return four random 32-bit numbers from the Philox generator of Salmon and others (2011)."""
    (a, b, c, d), (p, q) = counter, key
    for _ in range(10):
        one, two = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (two >> 32) ^ b ^ p, two % 2**32, (one >> 32) ^ d ^ q, one % 2**32
        p, q = (p + 0x9E3779B9) % 2**32, (q + 0xBB67AE85) % 2**32
    return a, b, c, d


def draw_kept(dropout: float, seed: int, k: int, shape: tuple[int, ...]) -> Array:
    """Return the factors (n, features) of the pixels in step k: 0, or 1 / (1 - dropout)."""
    *key, third, fourth = philox((seed % (2**31 - 2), 0, k, 0), (0x3EC8F720, 0x02461E29))
    number = shape[0] * shape[1]
    blocks = [philox((j, 0, third, fourth), key) for j in range(-(-number // 4))]
    digits = np.array(blocks, "uint32").ravel()[:number] >> np.uint32(9)
    uniform = ((digits | np.uint32(127 << 23)).view("float32") - 1).reshape(shape)
    return np.where(uniform < np.float32(dropout), np.float32(0), np.float32(1 / (1 - dropout)))
