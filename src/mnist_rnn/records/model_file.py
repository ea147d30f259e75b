"""Save models as Keras files that load without our code, and read such files safely."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np

from mnist_rnn.config import FEATURES, LAYERS, NUM_CLASSES, TIMESTEPS, Configuration
from mnist_rnn.experiment import layers
from mnist_rnn.experiment.backend import keras
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.run import Run, read_run
from mnist_rnn.system.errors import ExperimentError
from mnist_rnn.system.files import read_regular, replacing
from mnist_rnn.system.paths import shown

MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
LARGEST_MODEL = 1 << 29  # bytes, both for the file and for its unpacked content


def as_plain_keras(model: keras.Model, config: Configuration) -> keras.Sequential:
    """Return a copy of the network that consists of Keras's own layers and ends with a softmax.

    All layers get explicit names, because Keras's automatic names depend on earlier layers.
    """
    recurrent = getattr(layers, LAYERS[config.layer].class_name)
    network = keras.Sequential(
        [
            keras.Input((TIMESTEPS, FEATURES)),
            recurrent.in_keras(config.units, dropout=config.dropout, name=config.layer),
            keras.layers.Dense(NUM_CLASSES, name="dense"),
            keras.layers.Activation("softmax", name="activation"),
        ],
        name="rnn",
    )
    network.set_weights(model.get_weights())
    return network


def save_model(model: keras.Model, config: Configuration, path: Path) -> None:
    """Write the weights of `model` to a `.keras` file, as a network of Keras's own layers."""
    plain = as_plain_keras(model, config)
    with replacing(path) as temporary:
        plain.save(temporary)


def load_model(path: Path) -> keras.Model:
    """Return the model in a file that `save_model` wrote, without executing code from the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(read_regular(path, LARGEST_MODEL))) as archive:
            sizes = sorted((member.filename, member.file_size) for member in archive.infolist())
        members = [name for name, _ in sizes]
        if members != MEMBERS or sum(size for _, size in sizes) > LARGEST_MODEL:
            raise ValueError(
                f"expected the members {MEMBERS} with at most {LARGEST_MODEL:,} bytes, got {sizes}"
            )
        return keras.models.load_model(path, safe_mode=True)
    except Exception as error:  # Keras and h5py raise many kinds of errors for a damaged file
        raise ExperimentError(f"{path} is not a model that can be read safely: {error}") from error


def load_run(path: Path, layer: str | None = None) -> tuple[Run, list[np.ndarray]]:
    """Return the record and the weights of a trained model.

    Args:
        path: the model's `.keras` file, in the same folder as its record.
        layer: the name of the only accepted layer; by default, every layer is accepted.
    """
    # Unlike the methods of `Path`, these functions return False if the name is too long.
    if path.suffix != ".keras" or not os.path.isfile(path):
        got = "another file" if os.path.exists(path) else "no file"
        raise ExperimentError(f"{shown(path)}: expected a model in a .keras file, got {got}")
    run = read_run(path.with_suffix(".json"))
    if layer and run.config.layer != layer:
        raise ExperimentError(f"{shown(path)}: expected a {layer}, got a {run.config.layer}")
    weights = load_model(path).get_weights()
    digest = weights_sha256(weights)
    if digest != run.weights_sha256:
        raise ExperimentError(
            f"{shown(path)}: expected the weights of its record, with the SHA-256 "
            f"{run.weights_sha256[:12]}..., got weights with the SHA-256 {digest[:12]}..."
        )
    return run, weights
