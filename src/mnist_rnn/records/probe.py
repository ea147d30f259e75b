"""Take two training steps, and check that this process computes the specified bits."""

import os

import numpy as np

from mnist_rnn.config import FEATURES, NUM_CLASSES, Configuration
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.experiment.network import build_model
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.environment import Environment
from mnist_rnn.system.errors import BackendError

PROBE = Configuration(units=300, batch_size=70, train_size=70, dropout=0.2)
ROWS = 3  # rows per image; with 28 rows, compilation would take far longer
SPECIFIED = "829d052adf188c0d3a59cb7d04d99cb32be89d91948592e9ef7a4e648de5278d"


def require_bits(environment: Environment) -> Environment:
    """Return the environment if two training steps give the specified bits.

    If the bits differ and the variable `MNIST_RNN_OTHER_BITS` is set, the run continues. It prints
    the problem, and `other_bits` is true in the returned environment.
    """
    if not (problem := probe_step()):
        return environment
    if not os.environ.get("MNIST_RNN_OTHER_BITS"):
        raise BackendError(f"{problem} To continue anyway, set MNIST_RNN_OTHER_BITS=1.")
    print(problem)
    return environment.model_copy(update={"other_bits": True})


def probe_step() -> str | None:
    """Return the problem as a sentence, or None if two training steps give the specified bits."""
    types = keras.config.floatx(), keras.config.dtype_policy().name
    if types != ("float32", "float32"):
        return f"Keras's floatx and dtype policy: expected float32 for both, got {types}."
    if train_probe() != SPECIFIED:
        return (
            "The weights after two training steps differ from the specified weights. Likely "
            "causes: TensorFlow was used before mnist_rnn was imported, a setting of TensorFlow or "
            "ONEDNN_MAX_CPU_ISA was changed, the CPU has no AVX2 and FMA, or package versions "
            "differ from requirements.lock. "
            "In a notebook, restart the kernel and import mnist_rnn first."
        )
    return None


def train_probe() -> str:
    """Return the digest of the weights after two training steps on artificial images."""
    model = build_model(PROBE, ROWS)
    pixels = np.arange(PROBE.batch_size * ROWS * FEATURES) ** 2 % 256
    x = scale(pixels.astype("uint8").reshape(-1, ROWS, FEATURES))
    y = np.arange(PROBE.batch_size) % NUM_CLASSES
    for _ in range(2):
        model.train_on_batch(x, y)
    return weights_sha256(model.get_weights())
