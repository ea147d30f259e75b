"""The training of the default network in NumPy, with the bits of Keras and TensorFlow.

`notebooks/05_by_hand.ipynb` shows and explains these functions in this order;
`docs/specification.md` says the same without code. They need NumPy alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from itertools import count

import numpy as np

Arrays = list[np.ndarray]


def batches(
    x: np.ndarray, y: np.ndarray, seed: int, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All epochs' batches of images and labels, without end."""
    for epoch in count():
        order = np.random.default_rng([seed, epoch]).permutation(len(x))
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            yield x[chosen], y[chosen]


def draw_weights(seed: int, units: int) -> Arrays:
    """W (28, units), U (units, units), b (units,), V (units, 10) and c (10,)."""
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))

    def glorot_uniform(rows: int, columns: int) -> np.ndarray:
        limit = np.sqrt(6 / (rows + columns))
        return random.uniform(-limit, limit, (rows, columns))

    w = glorot_uniform(28, units)
    q, r = np.linalg.qr(random.standard_normal((units, units)))
    u = (q * np.sign(np.diag(r))).T.round(6)
    weights = w, u, np.zeros(units), glorot_uniform(units, 10), np.zeros(10)
    return [array.astype("float32") for array in weights]


def multiply_in_order(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product (n, m) of float32 a (n, k) and b (k, m): each element in order of k, by FMA."""
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


def move_off_halfway(
    s: np.ndarray, term: np.ndarray, total: np.ndarray, halfway: np.ndarray
) -> None:
    """Move these totals, which lie halfway between two float32, to the side of the exact sum."""
    x, y, z = s[halfway], term[halfway], total[halfway]
    part = z - x
    error = (x - (z - part)) + (y - part)  # x + y - z, exactly
    total[halfway] = np.where(error == 0, z, np.nextafter(z, np.copysign(np.inf, error)))


@cache
def library_keeps_the_rule(n: int, k: int, m: int) -> bool:
    """Whether NumPy's product of matrices (n, k) and (k, m) is that of multiply_in_order."""
    random = np.random.default_rng(0)
    for _ in range(1 + 1000 // (n * m)):  # a thousand sums or more
        a = random.standard_normal((n, k)).astype("float32")
        b = random.standard_normal((k, m)).astype("float32")
        if not np.array_equal(a @ b, multiply_in_order(a, b)):
            return False
    return True


def add_in_order(terms: Iterable[np.ndarray]) -> np.ndarray:
    """Arrays added one after the other."""
    return reduce(np.add, terms)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of float32 matrices a (n, k) and b (k, m), with the bits of the rule."""
    parts = []
    for start in range(0, len(b), 256):
        columns = np.ascontiguousarray(a[:, start : start + 256])
        rows = np.ascontiguousarray(b[start : start + 256])
        kept = library_keeps_the_rule(len(columns), *rows.shape)
        parts.append(columns @ rows if kept else multiply_in_order(columns, rows))
    return add_in_order(parts)


TANH_ABOVE = np.array([
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
], "float32")  # fmt: skip
TANH_BELOW = np.array([
    1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03,
], "float32")  # fmt: skip
TANH_LIMIT, TANH_SMALL = np.float32(7.99881172180175781), np.float32(0.0004)


def horner(coefficients: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The polynomial with these coefficients, that of the highest power first."""
    return reduce(lambda value, c: value * x + c, coefficients[1:], coefficients[0])


def tanh(x: np.ndarray) -> np.ndarray:
    """The hyperbolic tangent of float32, with XLA's bits."""
    held = np.clip(x, -TANH_LIMIT, TANH_LIMIT)
    square = held * held
    quotient = held * horner(TANH_ABOVE, square) / horner(TANH_BELOW, square)
    near_one = np.where(np.abs(x) < 20, quotient, np.copysign(np.float32(1), x))
    return np.where(np.abs(x) < TANH_SMALL, x, near_one)


EXP_COEFFICIENTS = np.array([
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
], "float32")  # fmt: skip
EXP_LOWEST, LOG2_OF_E, LN2, LN2_REST = np.array(
    [-87.8, 1.44269502, 0.693359375, -2.12194440e-4], "float32"
)


def exp(x: np.ndarray) -> np.ndarray:
    """The exponential of float32 x <= 0, with XLA's bits."""
    x = np.maximum(x, EXP_LOWEST)
    n = np.floor(np.float32(0.5) + x * LOG2_OF_E)  # -127 at least
    r = (x - LN2 * n) - LN2_REST * n
    e_to_r = 1 + (r + horner(EXP_COEFFICIENTS, r) * (r * r))
    power = e_to_r * ((n.astype("int32") + 127) << 23).view("float32")
    return np.where(power < np.float32(2**-126), np.float32(0), power)


def forward(weights: Arrays, x: np.ndarray) -> tuple[Arrays, np.ndarray]:
    """All hidden states, 29 arrays (n, units), and the logits (n, 10) of images (n, 28, 28)."""
    w, u, b, v, c = weights
    hidden = [np.zeros((len(x), len(u)), "float32")]
    for t in range(28):
        hidden.append(tanh((multiply(x[:, t], w) + b) + multiply(hidden[-1], u)))
    return hidden, multiply(hidden[-1], v) + c


def differentiate_loss(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient (n, 10) of the mean cross-entropy by the logits (n, 10), for labels (n,)."""
    powers = exp(logits - logits.max(axis=1, keepdims=True))
    total = add_in_order(powers.T)
    share = np.float32(1 / len(y))
    wanted = np.eye(10, dtype="float32")[y]
    return (share * (1 / total))[:, None] * powers - share * wanted


def multiply_images(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product (k, m) of a (n, k), transposed, and b (n, m): a sum over the n images."""
    starts = range(0, len(a), 128)
    return add_in_order([multiply(a[i : i + 128].T, b[i : i + 128]) for i in starts])


def add_images(d: np.ndarray) -> np.ndarray:
    """The sum (m,) of the rows of d (n, m)."""
    sums = [add_in_order(d[i : i + 32]) for i in range(0, len(d), 32)]
    return add_in_order([add_in_order(sums[i : i + 4]) for i in range(0, len(sums), 4)])


def backward(weights: Arrays, x: np.ndarray, hidden: Arrays, g: np.ndarray) -> Arrays:
    """The gradients by W, U, b, V and c, from the gradient g by the logits."""
    _, u, _, v, _ = weights
    of_hidden, terms = multiply(g, v.T), []
    for t in reversed(range(28)):
        d = of_hidden * (1 - hidden[t + 1] * hidden[t + 1])
        of_w, of_u = multiply_images(x[:, t], d), multiply_images(hidden[t], d)
        terms.append((of_w, of_u, add_images(d)))
        of_hidden = multiply(d, u.T)
    sums = [add_in_order(parts) for parts in zip(*terms, strict=True)]
    return [*sums, multiply_images(hidden[-1], g), add_images(g)]


def step(weights: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, Arrays, Arrays]:
    """The logits and the gradients of a batch, and the weights after a step of SGD on it."""
    hidden, logits = forward(weights, x)
    gradients = backward(weights, x, hidden, differentiate_loss(logits, y))
    rate = np.float32(0.01)
    updated = [w - gradient * rate for w, gradient in zip(weights, gradients, strict=True)]
    return logits, gradients, updated


def digest(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over the shape, the type and the little-endian values of each array, in order."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(f"{array.shape}{array.dtype.name}".encode() + array.astype("<f4").tobytes())
    return sha256.hexdigest()
