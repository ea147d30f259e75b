"""Test the sizes, the equations and the dropout of the network, and the saved model."""

import json
import os
import re
import zipfile

import numpy as np
import pytest
from scipy.special import softmax

from mnist_rnn.config import LAYERS, Configuration, count_parameters
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.experiment.network import build_model, predict
from mnist_rnn.figures.layers import draw_layers
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.model_file import MEMBERS, load_model, save_model
from mnist_rnn.system.errors import ExperimentError

TINY = Configuration(units=2)


def read_by_hand(weights, x):
    """Compute the predicted probabilities in NumPy with the equations of SimpleRNN."""
    kernel, recurrent_kernel, bias, dense_kernel, dense_bias = weights
    hidden = np.zeros((len(x), len(bias)), "float32")
    for timestep in range(x.shape[1]):
        hidden = np.tanh(x[:, timestep] @ kernel + hidden @ recurrent_kernel + bias)
    return softmax(hidden @ dense_kernel + dense_bias, axis=1)


@pytest.mark.parametrize(
    ("layer", "units", "parameters"),
    [
        ("simple_rnn", 256, 75_530),
        ("simple_rnn", 512, 512 * (28 + 512 + 1) + 5_130),
        ("lstm", 256, 294_410),
        ("gru", 256, 3 * 256 * (28 + 256 + 2) + 2_570),
    ],
)
def test_networks_have_the_published_numbers_of_parameters(layer, units, parameters):
    config = Configuration(layer=layer, units=units)
    assert build_model(config).count_params() == count_parameters(config) == parameters


def test_the_network_computes_the_equations_of_simple_rnn(mnist):
    model = build_model(Configuration(units=16, seed=3))
    x = scale(mnist[1][0][:1100])
    expected = read_by_hand(model.get_weights(), x)
    for answers in (model(x), predict(model, x)):
        np.testing.assert_allclose(softmax(answers, axis=1), expected, atol=1e-5)


def test_dropout_equals_the_dropout_of_keras_layers():
    """Check that dropout removes the same columns at all timesteps, and scales the others."""
    drop = build_model(Configuration(units=1, dropout=0.25, seed=5)).layers[0]
    x = np.ones((1000, 28, 28), "float32")
    dropped = np.array(drop(x, training=True))
    cell = keras.layers.SimpleRNNCell(1, dropout=0.25, seed=5)
    assert np.array_equal(dropped, np.repeat(cell.get_dropout_mask(x[:, :1]), 28, axis=1))
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)}
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert np.array_equal(drop(x, training=False), x)


@pytest.mark.parametrize("layer", ["simple_rnn", "gru", "lstm"])
def test_a_loaded_model_ends_with_a_softmax_layer(layer, mnist, tmp_path):
    config = Configuration(layer=layer, units=3, dropout=0.2)
    model = build_model(config)
    save_model(model, config, tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert weights_sha256(again.get_weights()) == weights_sha256(model.get_weights())
    kinds = [LAYERS[layer].class_name, "Dense", "Activation"]
    assert [type(part).__name__ for part in again.layers] == kinds
    names = [part.name for part in (again, *again.layers)]
    assert names == ["rnn", layer, "dense", "activation"]
    assert again.layers[0].dropout == 0.2
    x = scale(mnist[1][0][:100])
    expected = softmax(predict(model, x), axis=1)
    np.testing.assert_allclose(again(x), expected, atol=1e-6)


def test_a_model_that_contains_code_is_rejected(tmp_path):
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(lambda x: x + 1)(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "hostile.keras")
    with pytest.raises(ExperimentError, match=r"not a model that can be read safely.*Lambda"):
        load_model(tmp_path / "hostile.keras")


@pytest.mark.parametrize(
    "member", ["../escaped.txt", "/tmp/escaped.txt", "assets/code.py", "config.json"]
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_model_file_with_unexpected_members_is_rejected(member, tmp_path):
    """Add an unexpected file, or a second config.json, to the archive of a model."""
    path = tmp_path / "models" / "model.keras"
    save_model(build_model(TINY), TINY, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "escaped")
    with pytest.raises(ExperimentError, match=f"expected .* got .*{re.escape(member)}"):
        load_model(path)
    assert sorted(os.listdir(tmp_path)) == ["models"]


def test_a_model_that_needs_too_much_memory_is_rejected(tmp_path):
    """Write an archive whose directory states that a member has 2^29 + 1 bytes."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for member in MEMBERS:
            archive.writestr(member, "")
        archive.filelist[0].file_size = 2**29 + 1
    with pytest.raises(ExperimentError, match="with at most 536,870,912 bytes"):
        load_model(path)


def test_a_model_with_a_class_from_another_package_is_rejected(tmp_path):
    """Name subprocess.Popen as the class in a model's file, and expect that no process starts."""
    path = tmp_path / "model.keras"
    save_model(build_model(TINY), TINY, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config |= {"module": "subprocess", "class_name": "Popen", "registered_name": None}
    config["config"] = {"args": ["touch", str(tmp_path / "escaped")]}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, content)
    with pytest.raises(ExperimentError, match="Could not locate class 'Popen'"):
        load_model(path)
    assert not (tmp_path / "escaped").exists()


def test_drawing_the_layers_needs_no_installation_of_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    draw_layers(build_model(Configuration(units=4)), tmp_path / "model.png")
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
