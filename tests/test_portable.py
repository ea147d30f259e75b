"""Test the code that computes the specified bits."""

import os
import platform
import runpy
from fractions import Fraction

import numpy as np
import pytest
from helpers.oracle import compare, draw_cases
from helpers.runs import run_python
from scipy import stats

from mnist_rnn.config import LAYERS, LEARNING_RATES, Configuration
from mnist_rnn.experiment import backend, layers, network, products
from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.initial_weights import draw_initial_weights, orthogonal
from mnist_rnn.experiment.optimization import OPTIMIZERS, power
from mnist_rnn.records import probe
from mnist_rnn.records.probe import probe_step
from mnist_rnn.system.errors import BackendError


@pytest.mark.parametrize("layer", LAYERS)
def test_our_initial_weights_have_the_distributions_of_keras(layer):
    """Use the Kolmogorov-Smirnov test at the significance level 1e-4."""
    keras.utils.set_random_seed(1)
    parts = [
        keras.Input((28, 28)),
        getattr(layers, LAYERS[layer].class_name).in_keras(128),
        keras.layers.Dense(10),
    ]
    theirs = keras.Sequential(parts).get_weights()
    ours = draw_initial_weights(Configuration(layer=layer, units=128, seed=1))
    assert [(w.shape, w.dtype) for w in ours] == [(w.shape, w.dtype) for w in theirs]
    for place in (2, 4):  # the biases
        np.testing.assert_array_equal(ours[place], theirs[place])
    for place in (0, 1, 3):  # the kernels
        drawn, keras_drawn = ours[place].ravel(), theirs[place].ravel()
        assert stats.ks_2samp(drawn, keras_drawn).pvalue > 1e-4
        assert abs(drawn.std() / keras_drawn.std() - 1) < 0.03


def test_rounding_in_numpy_qr_has_no_effect_on_the_initial_weights(monkeypatch):
    """Change the last bits of NumPy's QR decomposition, and expect the same initial weights."""
    qr = np.linalg.qr

    def rounded_otherwise(matrix):
        q, r = qr(matrix)
        return q * (1 + 2e-16 * np.sign(np.sin(np.arange(q.size).reshape(q.shape)))), r

    q = orthogonal(np.random.default_rng(0), 64, 64)
    monkeypatch.setattr(np.linalg, "qr", rounded_otherwise)
    assert np.array_equal(orthogonal(np.random.default_rng(0), 64, 64), q)


QUICK = 5


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if place < QUICK else pytest.mark.slow)
        for place, case in enumerate([*draw_cases(24), (1100, 49, 3), (9000, 16, 1), (60000, 1, 1)])
    ],
    ids=str,
)
def test_products_and_gradients_are_summed_in_the_specified_order(case):
    """Compare a network's products and gradients with those of the NumPy version in `by_hand`."""
    assert compare(*case) == []


def step(optimizer, gradients):
    variable = keras.Variable(np.array([1.0, 2.0], "float32"))
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
    return variable.numpy()


GRADIENTS = np.array([[0.1, -1e-5], [0.2, 3e-5], [-0.05, 1e-5]], "float32")


def test_our_rmsprop_follows_the_formula_of_keras_2():
    square, weights = np.zeros(2), np.array([1.0, 2.0])
    for gradient in GRADIENTS.astype("float64"):
        square = 0.9 * square + 0.1 * gradient**2
        weights = weights - 0.001 * gradient / (np.sqrt(square) + 1e-7)
    np.testing.assert_allclose(step(OPTIMIZERS["rmsprop"](0.001), GRADIENTS), weights, rtol=1e-6)


def test_our_adam_equals_the_adam_of_keras():
    """Take 60 steps, after which the power of beta_1 is small."""
    gradients = np.tile(GRADIENTS, (20, 1))
    theirs = step(keras.optimizers.Adam(), gradients)
    np.testing.assert_allclose(
        step(OPTIMIZERS["adam"](LEARNING_RATES["adam"]), gradients), theirs, rtol=1e-6
    )


@pytest.mark.parametrize("base", [0.9, 0.999])
def test_power_of_a_base_is_rounded_only_once(base):
    exponents = np.array([*range(1, 2000), 9380, 2**20 + 1])
    exact = [Fraction(float(np.float32(base))) ** int(n) for n in exponents[:300]]
    powers = np.array(power(base, tf.constant(exponents)))
    np.testing.assert_array_equal(powers[:300], [np.float32(float(number)) for number in exact])
    np.testing.assert_allclose(powers, np.float32(base).astype("float64") ** exponents, 1e-7, 1e-30)


def test_xla_flags_of_the_user_are_dropped(monkeypatch):
    """Set an unknown flag of XLA, which would end the process."""
    arm64 = "--xla_backend_extra_options=-aarch64-enable-mcr=false"
    unfused = {"x86_64": "--xla_cpu_max_isa=AVX", "aarch64": arm64, "arm64": arm64}
    ours = [
        "--xla_cpu_enable_platform_dependent_math=false",
        "--xla_cpu_experimental_ynn_fusion_type=-reduce",
        unfused[platform.machine()],
    ]
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX512 --no_such_flag")
    runpy.run_path(backend.__file__)
    assert os.environ["XLA_FLAGS"].split() == ours


def test_probe_detects_a_changed_learning_rate_and_a_changed_order_of_sums(monkeypatch):
    other = {"sgd": lambda rate: keras.optimizers.SGD(1.000001 * rate)}
    for changed in ((network, "OPTIMIZERS", network.OPTIMIZERS | other), (products, "PART", 128)):
        with monkeypatch.context() as patch:
            patch.setattr(*changed)
            assert probe_step().startswith("The weights after two training steps differ")


EARLY = "import tensorflow as tf; tf.function(lambda x: x * 2, jit_compile=True)(tf.ones(3))\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "variables", "problem"),
    [
        ("", "", {}, "None"),
        ("import tensorflow, keras", "", {}, "None"),
        ("", "", {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"}, "None"),
        (EARLY, "", {}, "The weights after two training steps differ"),
        ("", "", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "None"),
        ("", "", {"ONEDNN_MAX_CPU_ISA": "AVX"}, "The weights after two training steps differ"),
        ("", "", {"ONEDNN_MAX_CPU_ISA": "SSE41"}, "The weights after two training steps differ"),
        ("", "tf.config.run_functions_eagerly(True)", {}, "The weights after two training steps"),
        ("", "keras.config.set_floatx('float16')", {}, "Keras's floatx and dtype policy: "),
        ("", "keras.config.set_dtype_policy('mixed_float16')", {}, "Keras's floatx and dtype "),
    ],
)
def test_probe_detects_settings_that_change_the_weights(before, after, variables, problem):
    program = (
        f"{before}\n"
        "from mnist_rnn.experiment.backend import keras, tf\n"
        "from mnist_rnn.records.probe import probe_step\n"
        f"{after}\n"
        "print(probe_step())\n"
        "assert not keras.config.max_epochs() and not keras.config.max_steps_per_epoch()\n"
    )
    # The new process would inherit XLA_FLAGS from this process, so XLA_FLAGS is set to nothing.
    done = run_python(program, **{"XLA_FLAGS": ""} | variables)
    assert done.stdout.startswith(problem), done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("variable", "goes_on"), [(None, False), ("", False), ("1", True)])
def test_failed_probe_stops_the_run_or_is_recorded(
    variable, goes_on, environment, monkeypatch, capsys
):
    """Check that a run continues with MNIST_RNN_OTHER_BITS=1."""
    monkeypatch.setattr(probe, "probe_step", lambda: None)
    assert probe.require_bits(environment) == environment
    assert not environment.other_bits
    monkeypatch.setattr(probe, "probe_step", lambda: "Other bits.")
    if variable is not None:
        monkeypatch.setenv("MNIST_RNN_OTHER_BITS", variable)
    if goes_on:
        expected = environment.model_copy(update={"other_bits": True})
        assert probe.require_bits(environment) == expected
        assert capsys.readouterr().out == "Other bits.\n"
    else:
        with pytest.raises(
            BackendError, match=r"^Other bits\. To continue .* MNIST_RNN_OTHER_BITS=1"
        ):
            probe.require_bits(environment)


def test_user_settings_of_keras_have_no_effect_and_a_model_without_xla_is_rejected(tmp_path):
    """Enable TensorFlow's op determinism, which makes Keras turn XLA off and print a warning."""
    (tmp_path / "keras.json").write_text('{"backend": "jax", "floatx": "float16"}')
    program = (
        "from mnist_rnn.config import Configuration\n"
        "from mnist_rnn.experiment.backend import keras, tf\n"
        "from mnist_rnn.experiment.network import build_model\n"
        "print(keras.config.backend(), keras.config.floatx(), keras.config.dtype_policy().name)\n"
        "tf.config.experimental.enable_op_determinism()\n"
        "build_model(Configuration(units=2))\n"
    )
    done = run_python(program, KERAS_HOME=str(tmp_path), KERAS_BACKEND="jax")
    assert done.stdout == "tensorflow float32 float32\n", done.stderr
    assert "BackendError: jit_compile: expected True, got False" in done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX exists only on x86-64")
def test_cpu_without_avx_is_rejected_before_tensorflow_is_loaded():
    """Expect an error message. Without AVX, `import tensorflow` would end the process silently."""
    with pytest.raises(BackendError, match=r"needs AVX.*05_by_hand"):
        backend.require_avx({"AVX": False})
