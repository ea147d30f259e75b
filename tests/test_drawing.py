"""What a drawing becomes: in NumPy, with which test_page.py compares the page."""

import numpy as np
import pytest
from drawing import BOX, FULL, MIDDLE, center_strokes
from scipy import ndimage

from mnist_rnn.experiment.inputs import scale

pytestmark = pytest.mark.quick

SIDE = 252

SEVEN = [(0.27, 0.2), (0.72, 0.2), (0.45, 0.85)]


def place(stroke, zoom=1.0, right=0.0, down=0.0):
    return [(SIDE * (zoom * x + right), SIDE * (zoom * y + down)) for x, y in stroke]


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
    """What `center_strokes` promises is what the data have."""
    images = scale(mnist[1][0])
    assert extent(images).max() == BOX
    assert np.median(extent(images)) == BOX
    assert abs(middles(images) - MIDDLE).max() < 1
    np.testing.assert_allclose(middles(images).mean(axis=0), MIDDLE, atol=0.02)


@pytest.mark.parametrize(
    "moved", [{}, {"zoom": 0.3}, {"zoom": 0.5, "right": 0.4, "down": 0.5}], ids=str
)
def test_a_drawn_digit_is_centred_in_a_box_of_20(moved):
    image = center_strokes([place(SEVEN, **moved)], SIDE)
    assert (image.shape, image.dtype) == ((28, 28), np.float32)
    assert (image.min(), image.max()) == (0, 1)
    assert extent(image[None])[0] in (BOX, BOX + 1)  # the box may begin between two pixels
    np.testing.assert_allclose(middles(image[None])[0], MIDDLE, atol=0.05)
    np.testing.assert_allclose(image, center_strokes([place(SEVEN)], SIDE), atol=1e-4)


def test_proportions_stay():
    bar = center_strokes([[(0.5, 0.1), (0.5, 0.9)]], 1)
    assert (bar > 0).any(axis=1).sum() >= BOX
    assert (bar > 0).any(axis=0).sum() <= 5


def test_drawn_digits_have_as_much_ink_as_mnists(mnist):
    images = scale(mnist[1][0])
    ink = images.sum(axis=(1, 2))
    low, high = np.quantile(ink, [0.05, 0.95])
    assert low < center_strokes([place(SEVEN)], SIDE).sum() < high


def test_no_digit_of_mnist_is_taken_for_a_full_pad(mnist):
    (x_train, _), (x_test, _) = mnist
    most = max(images.sum(axis=(1, 2)).max() for images in (x_train, x_test)) / 255
    assert most < FULL * BOX**2
