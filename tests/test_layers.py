"""Check the gradients of the layers against Keras, and the gradient of the loss against NumPy."""

import numpy as np
import pytest

from mnist_rnn.bits import by_hand
from mnist_rnn.config import LAYERS, Configuration
from mnist_rnn.experiment import layers
from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.network import build_network
from mnist_rnn.experiment.optimization import cross_entropy


def differentiate(network, loss, x, y):
    """Compute the loss and its gradients in a function that XLA compiles."""

    @tf.function(jit_compile=True)
    def compiled(x, y):
        with tf.GradientTape() as tape:
            value = loss(y, network(x, training=True))
        return value, tape.gradient(value, network.trainable_variables)

    value, gradients = compiled(tf.constant(x), tf.constant(y))
    return float(value), [np.array(gradient) for gradient in gradients]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_gradients_of_each_layer_equal_those_of_keras(layer):
    """Use larger weights than the initial weights, so that all gates have gradients."""
    batch_size = 300  # three parts, of which the last is filled with zeros
    random = np.random.default_rng(0)
    x = random.random((batch_size - 5, 28, 28), dtype="float32")
    y = random.integers(0, 10, len(x))
    ours = build_network(Configuration(layer=layer, units=20, batch_size=batch_size))
    plain = [getattr(layers, LAYERS[layer].class_name).in_keras(20), keras.layers.Dense(10)]
    theirs = keras.Sequential([keras.Input((28, 28)), *plain])
    weights = [0.3 * random.standard_normal(w.shape) for w in ours.get_weights()]
    for network in (ours, theirs):
        network.set_weights(weights)
    loss, gradients = differentiate(ours, cross_entropy, x, y)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected_loss, expected = differentiate(theirs, entropy, x, y)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    names = ["kernel", "recurrent kernel", "bias", "dense kernel", "dense bias"]
    for name, ours, theirs in zip(names, gradients, expected, strict=True):
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        assert error < 1e-5, f"the gradient of {layer}'s {name}"


def test_tensorflow_and_numpy_give_bit_identical_gradients_of_the_loss():
    """Use very different logits, so that the order of addition changes a sum of exponentials."""
    random = np.random.default_rng(0)
    z = (10 * random.standard_normal((96, 10))).astype("float32")
    y = random.integers(0, 10, 96)

    @tf.function(jit_compile=True)
    def gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = cross_entropy(y, z)
        return tape.gradient(loss, z)

    np.testing.assert_array_equal(gradient(tf.constant(z)), by_hand.differentiate_loss(z, y)[0])
