"""What makes the bits of a run the same on every CPU, part by part."""

import os
import platform
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from mnist_rnn.config import Configuration
from mnist_rnn.experiment import backend
from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.initial_weights import GATES, draw_initial_weights, orthogonal
from mnist_rnn.experiment.network import OPTIMIZERS
from mnist_rnn.experiment.optimization import cross_entropy, sum_row
from mnist_rnn.experiment.products import multiply, pad, read
from mnist_rnn.records.model_file import PLAIN_LAYERS


@pytest.mark.parametrize("layer", PLAIN_LAYERS)
def test_initial_weights_have_kerass_distribution(layer):
    """Kolmogorov-Smirnov, at 1e-4, which finds a scale of 1.2 times."""
    keras.utils.set_random_seed(1)
    layers = [keras.Input((28, 28)), PLAIN_LAYERS[layer](128), keras.layers.Dense(10)]
    theirs = keras.Sequential(layers).get_weights()
    ours = draw_initial_weights(Configuration(layer=layer, units=128, seed=1))
    assert [(w.shape, w.dtype) for w in ours] == [(w.shape, w.dtype) for w in theirs]
    for place in (2, 4):  # the biases
        np.testing.assert_array_equal(ours[place], theirs[place])
    for place in (0, 1, 3):  # the kernels
        drawn, kerass = ours[place].ravel(), theirs[place].ravel()
        assert stats.ks_2samp(drawn, kerass).pvalue > 1e-4
        assert stats.ks_2samp(1.2 * drawn, kerass).pvalue < 1e-4
        assert abs(drawn.std() / kerass.std() - 1) < 0.03


@pytest.mark.parametrize("layer", PLAIN_LAYERS)
def test_the_recurrent_kernel_is_orthogonal(layer):
    kernel = draw_initial_weights(Configuration(layer=layer, units=64))[1].astype("float64")
    assert kernel.shape == (64, 64 * GATES[layer])
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(64), atol=1e-5)


def test_each_seed_has_initial_weights_of_its_own():
    first, again, other = (draw_initial_weights(Configuration(seed=s)) for s in (0, 0, 1))
    assert all(map(np.array_equal, first, again))
    for place in (0, 1, 3):  # the kernels
        assert np.isclose(first[place], other[place]).mean() < 0.01


def test_the_last_bits_of_the_linear_algebra_do_not_show(monkeypatch):
    """As another kernel of the library would round: the weights are the same bits."""
    qr = np.linalg.qr

    def rounded_otherwise(matrix):
        q, r = qr(matrix)
        return q * (1 + 2e-16 * np.sign(np.sin(np.arange(q.size).reshape(q.shape)))), r

    q = orthogonal(np.random.default_rng(0), 64, 64)
    monkeypatch.setattr(np.linalg, "qr", rounded_otherwise)
    assert np.array_equal(orthogonal(np.random.default_rng(0), 64, 64), q)


def test_xla_rounds_a_product_before_it_adds():
    """The square of 1 + 2**-12 is 1 + 2**-11 + 2**-24: float32 rounds the last term away."""
    x = tf.fill([64], 1 + 2**-12)
    multiply_and_add = tf.function(lambda x, y: x * x + y, jit_compile=True)
    assert not np.any(multiply_and_add(x, tf.fill([64], -1 - 2**-11)))


def add_one_by_one(a, b):
    """The product of matrices: each term added with one rounding, then the parts of 256 terms."""
    parts = []
    for start in range(0, len(b), 256):
        part = np.zeros((len(a), b.shape[1]), "float32")
        for column, row in zip(a.T[start : start + 256], b[start : start + 256], strict=True):
            exact = np.outer(column.astype("longdouble"), row)
            part = (part + exact).astype("float32")
        parts.append(part)
    return sum(parts[1:], parts[0])


@pytest.mark.parametrize("n", [128, 96])
@pytest.mark.parametrize("columns", [10, 256, 512, 1024])
@pytest.mark.parametrize("rows", [40, 256, 512])
def test_products_are_added_one_by_one(rows, columns, n):
    """In the forward step, and in both gradients; 96 images are in the last batch of an epoch."""
    random = np.random.default_rng(0)
    shapes = (n, rows), (rows, columns), (n, columns)
    x, kernel, slope = (random.standard_normal(shape).astype("float32") for shape in shapes)

    @tf.function(jit_compile=True)
    def compute(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            product = multiply(x, kernel)
        return product, *tape.gradient(product, (x, kernel), slope)

    product, of_x, of_kernel = compute(tf.constant(x), tf.constant(kernel))
    np.testing.assert_array_equal(product, add_one_by_one(x, kernel))
    np.testing.assert_array_equal(of_x, add_one_by_one(slope, kernel.T))
    np.testing.assert_array_equal(of_kernel, add_one_by_one(x.T, slope))


def test_a_product_of_any_size_is_a_product():
    """A sum of 300 terms is cut into unequal parts; the layer's kernel is a variable."""
    random = np.random.default_rng(0)
    shapes = (5, 300), (300, 290), (5, 290)
    x, kernel, slope = (random.standard_normal(shape).astype("float32") for shape in shapes)
    inputs, variable = tf.constant(x), tf.Variable(kernel)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        product = multiply(inputs, variable)
    of_x, of_kernel = tape.gradient(product, (inputs, variable), slope)
    np.testing.assert_allclose(product, x @ kernel, atol=1e-4)
    np.testing.assert_allclose(of_x, slope @ kernel.T, atol=1e-4)
    np.testing.assert_allclose(of_kernel, x.T @ slope, atol=1e-4)


@pytest.mark.parametrize("n", [128, 96])
@pytest.mark.parametrize("units", [256, 512])
def test_all_timesteps_in_one_product_are_added_one_by_one(units, n):
    """The kernel's gradient is added a timestep at a time, from the last one to the first."""
    random = np.random.default_rng(0)
    shapes = (28, n, 28), (28, units), (28, n, units)
    x, kernel, slope = (random.standard_normal(shape).astype("float32") for shape in shapes)

    @tf.function(jit_compile=True)
    def compute(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            product = read(*pad(x, kernel))
        return product, tape.gradient(product, kernel, slope)

    product, of_kernel = compute(tf.constant(x), tf.constant(kernel))
    np.testing.assert_array_equal(product, [add_one_by_one(rows, kernel) for rows in x])
    timesteps = [add_one_by_one(x[t].T, slope[t]) for t in reversed(range(28))]
    np.testing.assert_array_equal(of_kernel, sum(timesteps[1:], timesteps[0]))


def test_a_row_is_added_from_left_to_right():
    """Terms so different in size that each order of adding them has a sum of its own."""
    random = np.random.default_rng(0)
    x = (random.standard_normal((1000, 10)) * 10.0 ** random.integers(-4, 5, (1000, 10))).astype(
        "float32"
    )
    expected = x[:, 0]
    for column in range(1, 10):
        expected = expected + x[:, column]
    by_xla = tf.function(sum_row, jit_compile=True)
    np.testing.assert_array_equal(by_xla(x), expected)


def differentiate(loss, y, logits):
    """The loss, and its gradient by the logits."""
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(y, logits)
    return value, tape.gradient(value, logits)


def test_no_sum_of_a_row_is_left_to_the_compiler():
    """It would add as many terms at once as the CPU's vectors hold. The maximum may be."""

    def count_reductions(function):
        arguments = tf.zeros(96, "int32"), tf.zeros((96, 10))
        compiled = tf.function(function, jit_compile=True)
        program = compiled.experimental_get_compiler_ir(*arguments)(stage="hlo")
        return len(re.findall(r"f32\[96\]\S* reduce\(.*dimensions=\{1\}", program))

    assert count_reductions(lambda y, x: differentiate(cross_entropy, y, x)) == 1
    assert (
        count_reductions(lambda y, x: cross_entropy(y, x) + tf.reduce_mean(tf.reduce_sum(x, 1)))
        == 2
    )


def test_the_loss_is_kerass_cross_entropy():
    random = np.random.default_rng(0)
    logits = tf.constant(random.normal(0, 5, (96, 10)), "float32")
    y = random.integers(0, 10, 96)
    value, gradient = differentiate(cross_entropy, y, logits)
    of_keras = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected, slope = differentiate(of_keras, y, logits)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)
    np.testing.assert_allclose(gradient, slope, atol=1e-7)


def step(optimizer, gradients):
    variable = keras.Variable(np.array([1.0, 2.0], "float32"))
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
    return variable.numpy()


GRADIENTS = np.array([[0.1, -1e-5], [0.2, 3e-5], [-0.05, 1e-5]], "float32")


def test_rmsprop_of_keras_2_by_hand():
    square, weights = np.zeros(2), np.array([1.0, 2.0])
    for gradient in GRADIENTS.astype("float64"):
        square = 0.9 * square + 0.1 * gradient**2
        weights = weights - 0.001 * gradient / (np.sqrt(square) + 1e-7)
    np.testing.assert_allclose(step(OPTIMIZERS["rmsprop"](), GRADIENTS), weights, rtol=1e-6)


def test_a_model_without_xla_is_refused():
    """Keras itself only warns."""
    program = (
        "from mnist_rnn.config import Configuration\n"
        "from mnist_rnn.experiment.backend import tf\n"
        "from mnist_rnn.experiment.network import build_model\n"
        "tf.config.experimental.enable_op_determinism()\n"
        "build_model(Configuration(units=2))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "BackendError: jit_compile: expected True, got False" in done.stderr


def test_keras_runs_on_tensorflow_even_if_the_user_has_chosen_another_backend():
    program = "from mnist_rnn.experiment.backend import keras; print(keras.config.backend())"
    variables = os.environ | {"KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.stdout == "tensorflow\n", done.stderr


def test_xla_gets_our_flags_alone(monkeypatch):
    """A flag that XLA does not know would end the process, its reason unseen."""
    arm64 = "--xla_backend_extra_options=-aarch64-enable-mcr=false"
    unfused = {"x86_64": "--xla_cpu_max_isa=AVX", "aarch64": arm64, "arm64": arm64}
    ours = ["--xla_cpu_enable_platform_dependent_math=false", unfused[platform.machine()]]
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX512 --no_such_flag")
    runpy.run_path(backend.__file__)
    assert os.environ["XLA_FLAGS"].split() == ours
