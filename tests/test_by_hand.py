"""Compare the NumPy version in 05_by_hand.ipynb with exact arithmetic and with XLA."""

import sys
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from helpers.samples import list_plain
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.implementations import FOLDER, train
from mnist_rnn.config import Configuration
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import epoch_order
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.run import read_first_steps

KNOWN = read_first_steps()


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def to_float32(exact):
    """Return the float32 number nearest to a fraction. If two are nearest, return the even one."""
    near = np.float32(float(exact))
    candidates = [np.nextafter(near, np.float32(side)) for side in (-np.inf, np.inf)] + [near]
    return min(candidates, key=lambda c: (abs(Fraction(float(c)) - exact), c.view("uint32") & 1))


def add_exactly(column, row):
    """Add products in order, and round the exact sum to float32 after each addition."""
    s = np.float32(0)
    for a, b in zip(column, row, strict=True):
        s = to_float32(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(s)))
    return s


# Many sums of products of these numbers lie midway between two float32 numbers.
SHORT = st.builds(
    lambda digits, exponent: float(np.float32(digits) * np.float32(2.0) ** exponent),
    st.sampled_from([0, 1, -1, 3, -5, 1 + 2**-23, 1 + 2**-20, 2**24 - 1, 1 - 2**-24]),
    st.integers(-30, 30),
)


@settings(deadline=None, max_examples=300)
@given(arrays("float32", (2, 6), elements=SHORT))
def test_a_product_is_a_chain_of_fused_multiply_adds(terms):
    product = by_hand.multiply_in_order(terms[:1], terms[1:].T)
    assert product.item() == add_exactly(*terms)


@pytest.mark.parametrize("shape", [(3, 28, 5), (2, 256, 7), (4, 300, 3), (1, 520, 2)])
def test_long_sums_are_cut_into_parts_of_256_terms(shape):
    n, k, m = shape
    a, b = normal(n, k), normal(k, m, seed=1)
    parts = [(a[:, i : i + 256], b[i : i + 256]) for i in range(0, k, 256)]
    products = [[[add_exactly(p, q) for q in cols.T] for p in rows] for rows, cols in parts]
    expected = np.float32(products[0])
    for product in products[1:]:
        expected = expected + np.float32(product)
    np.testing.assert_array_equal(by_hand.multiply(a, b), expected)


def test_numpy_products_are_used_only_if_numpy_adds_in_the_specified_order(monkeypatch):
    """Reverse the specified order of addition, and expect that NumPy's product is not used."""
    in_order = by_hand.multiply_in_order
    monkeypatch.setattr(by_hand, "multiply_in_order", lambda a, b: in_order(a[:, ::-1], b[::-1]))
    for n, k, m in [(128, 28, 256), (2, 256, 10)]:
        by_hand.library_keeps_the_rule.cache_clear()
        a, b = normal(n, k), normal(k, m, seed=1)
        product = by_hand.multiply(a, b)
        np.testing.assert_array_equal(product, in_order(a[:, ::-1], b[::-1]))
        assert not np.array_equal(product, in_order(a, b))
    by_hand.library_keeps_the_rule.cache_clear()


def compile_xla(function):
    from mnist_rnn.experiment.backend import tf

    return tf.function(function, jit_compile=True)


def test_tanh_and_exp_are_bit_identical_to_xla():
    """Try a million float32 numbers, and numbers next to the limits of tanh and exp."""
    from mnist_rnn.experiment.backend import tf

    patterns = np.random.default_rng(0).integers(0, 2**32, 500_000, dtype="uint32")
    usual = np.random.default_rng(1).uniform(-12, 12, 500_000).astype("float32")
    edges = np.float32([0, 0.0004, 7.9988117, 20, 87.8, 87.33655, 87.68311])
    edges = np.concatenate([np.nextafter(edges, np.float32(side)) for side in (-99, 99)] + [edges])
    x = np.concatenate([patterns.view("float32"), usual, edges, -edges])
    x = x[np.isfinite(x)]
    np.testing.assert_array_equal(by_hand.tanh(x), compile_xla(tf.tanh)(x))
    x = -np.abs(x)
    np.testing.assert_array_equal(by_hand.exp(x), compile_xla(tf.exp)(x))


@pytest.mark.parametrize(("seed", "units"), [(0, 256), (3, 40)])
def test_initial_weights_and_image_order_equal_those_of_the_training_code(seed, units):
    ours = by_hand.draw_weights(seed, units)
    theirs = draw_initial_weights(Configuration(seed=seed, units=units))
    assert weights_sha256(ours) == weights_sha256(theirs) == by_hand.digest(ours)
    x = np.arange(70)
    shown = list(islice(by_hand.batches(x[None], x, seed, 32), 6))
    assert [len(y) for _, y in shown] == [32, 32, 6] * 2
    for epoch in range(2):
        order = np.concatenate([y for _, y in shown[3 * epoch : 3 * epoch + 3]])
        np.testing.assert_array_equal(order, epoch_order(seed, epoch, 70))


LONG = "sgd", "200-units", "300-units", "batch-300", "batch-1"
STEPS = [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in list_plain()]


@pytest.mark.parametrize("name", STEPS)
def test_the_first_training_steps_have_the_committed_digest(name):
    program = [sys.executable, FOLDER / "rnn_numpy.py"]
    assert train(program, KNOWN[name].config).last == KNOWN[name].sha256
