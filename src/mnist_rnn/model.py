"""The network: a recurrent layer reads a digit row by row, a dense layer names it."""

import math
import shutil
import sysconfig
import zipfile
from pathlib import Path

from mnist_rnn.backend import keras, tf
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ModelError
from mnist_rnn.files import replacing
from mnist_rnn.halves import HalvedSequential

TIMESTEPS, FEATURES, NUM_CLASSES = 28, 28, 10
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
CELLS = {
    "simple_rnn": keras.layers.SimpleRNN,
    "gru": keras.layers.GRU,
    "lstm": keras.layers.LSTM,
}


def set_seed(seed: int) -> None:
    """Seed all that draws random numbers, and make TensorFlow's operations deterministic.

    The same seed then gives the same weights, bit for bit, whatever the number of threads, as
    long as the CPU and the versions are the same. Call it before `build_model`.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def build_model(config: Configuration) -> keras.Sequential:
    """The compiled network: (batch, timesteps, features) = (n, 28, 28) to (n, 10) probabilities."""
    model = HalvedSequential(
        [
            keras.Input((TIMESTEPS, FEATURES)),
            # Unrolled, 28 timesteps are plain products; as a loop they take a tenth longer.
            CELLS[config.cell](config.units, dropout=config.dropout, unroll=True),
            keras.layers.Dense(NUM_CLASSES),
            keras.layers.Activation("softmax"),
        ],
        name="sequential",
    )
    optimizer = keras.optimizers.get(config.optimizer)
    if config.learning_rate is not None:
        optimizer.learning_rate = config.learning_rate
    model.compile(
        optimizer,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=largest_divisor(count_steps(config), at_most=100),
    )
    return model


def count_steps(config: Configuration) -> int:
    """Steps an epoch; the last batch may be smaller."""
    return math.ceil(config.train_size / config.batch_size)


def largest_divisor(number: int, at_most: int) -> int:
    """The largest divisor of `number` up to `at_most`: steps that one call of TensorFlow takes."""
    return max(divisor for divisor in range(1, at_most + 1) if number % divisor == 0)


def draw_model(model: keras.Model, path: Path) -> None:
    """Write a picture of the layers with their shapes, by the system's Graphviz or by pip's."""
    program = shutil.which("dot") or str(Path(sysconfig.get_path("scripts"), "graphviz-pure"))
    dot = keras.utils.model_to_dot(model, show_shapes=True, show_layer_names=True, dpi=100)
    with replacing(path) as temporary:
        dot.write(str(temporary), format="png", prog=program)


def save_model(model: keras.Model, path: Path) -> None:
    """Write the network, without the optimizer's state, in Keras's own format (`.keras`).

    What is written is a plain Sequential model, which Keras reads without this package.
    """
    network = keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers], name=model.name)
    with replacing(path) as temporary:
        network.save(temporary, include_optimizer=False)


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
