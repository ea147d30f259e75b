"""Keras and TensorFlow, imported without their start-up notices.

TensorFlow 2.21 writes notices (no GPU, oneDNN in use) to the process's standard error before its
own log level takes effect; in a notebook they would look like a wall of warnings. An import that
fails still raises.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_stderr_discarded() -> Iterator[None]:
    """Send what native code writes to file descriptor 2 to nowhere."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# One thread an operation: operations run side by side instead, which is faster here (`halves`).
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
with native_stderr_discarded():
    import keras
    import tensorflow as tf

__all__ = ["keras", "tf"]


def device() -> str:
    """Where TensorFlow computes: the GPU's name, or CPU."""
    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "CPU"


def threads() -> int:
    """Operations that TensorFlow may run side by side; TF_NUM_INTEROP_THREADS sets them."""
    return tf.config.threading.get_inter_op_parallelism_threads() or int(
        os.environ.get("TF_NUM_INTEROP_THREADS") or os.cpu_count()
    )
