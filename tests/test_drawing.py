"""MNIST's digits are what the pad makes drawings into; test_page.py shows that it does."""

import re

import numpy as np
import pytest
from scipy import ndimage

from mnist_rnn.experiment.draws import scale
from mnist_rnn.paths import ROOT

pytestmark = pytest.mark.quick

SOURCE = (ROOT / "src" / "mnist_rnn" / "pad" / "drawing.js").read_text()
BOX, MIDDLE, FULL = (
    float(re.search(rf"^const {name} = ([\d.]+);", SOURCE, flags=re.MULTILINE)[1])
    for name in ("BOX", "MIDDLE", "FULL")
)


def extent(images):
    """The longer side of the ink's bounding box, for each image."""
    sides = []
    for axis in (1, 2):
        inked = (images > 0).any(axis=axis)
        sides.append(28 - inked[:, ::-1].argmax(axis=1) - inked.argmax(axis=1))
    return np.maximum(*sides)


def middles(images):
    return np.array([ndimage.center_of_mass(image) for image in images])


def test_mnists_digits_are_centred_in_a_box_of_20(mnist):
    images = scale(mnist[1][0])
    assert extent(images).max() == BOX
    assert np.median(extent(images)) == BOX
    assert abs(middles(images) - MIDDLE).max() < 1
    np.testing.assert_allclose(middles(images).mean(axis=0), MIDDLE, atol=0.02)


def test_no_digit_of_mnist_is_taken_for_a_full_pad(mnist):
    (x_train, _), (x_test, _) = mnist
    most = max(images.sum(axis=(1, 2)).max() for images in (x_train, x_test)) / 255
    assert most < FULL * BOX**2
