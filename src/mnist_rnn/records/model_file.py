"""The model that a run leaves: Keras's own file, which `keras` alone loads."""

import zipfile
from pathlib import Path

from mnist_rnn.config import FEATURES, NUM_CLASSES, TIMESTEPS, Configuration
from mnist_rnn.errors import ModelError
from mnist_rnn.experiment.backend import keras
from mnist_rnn.files import replacing

PLAIN_LAYERS = {
    "simple_rnn": keras.layers.SimpleRNN,
    "gru": keras.layers.GRU,
    "lstm": keras.layers.LSTM,
}
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def as_plain_keras(model: keras.Model, config: Configuration) -> keras.Sequential:
    """The network with its weights in Keras's plain layers, with softmax as the last one.

    All get names, since Keras would number those of the process.
    """
    network = keras.Sequential(
        [
            keras.Input((TIMESTEPS, FEATURES)),
            PLAIN_LAYERS[config.layer](config.units, dropout=config.dropout, name=config.layer),
            keras.layers.Dense(NUM_CLASSES, name="dense"),
            keras.layers.Activation("softmax", name="activation"),
        ],
        name="rnn",
    )
    network.set_weights(model.get_weights())
    return network


def save_model(model: keras.Model, config: Configuration, path: Path) -> None:
    """Write the network, with its weights, in Keras's plain layers."""
    with replacing(path) as temporary:
        as_plain_keras(model, config).save(temporary)


def load_model(path: Path) -> keras.Model:
    """The model that `save_model` wrote; nothing in the file is executed.

    Raises:
        ModelError: the file is damaged, has other members than a model's, or carries code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
        if members != MEMBERS:
            raise ModelError(f"{path}: expected {sorted(MEMBERS)} inside, got {sorted(members)}")
        return keras.models.load_model(path, safe_mode=True)
    except (zipfile.BadZipFile, ValueError, TypeError, KeyError, OSError) as error:
        raise ModelError(f"{path} is not a model that can be read safely: {error}") from error
