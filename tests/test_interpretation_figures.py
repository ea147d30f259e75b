"""Test that the figures about the trained network draw the given numbers."""

import numpy as np
import pytest
from helpers.drawn import only_image
from helpers.samples import answers
from matplotlib.colors import to_hex

from mnist_rnn.figures.captioned import BLUE, ORANGE
from mnist_rnn.figures.interpretation import (
    draw_examples,
    draw_late,
)

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("close_figures")]
ROWS = np.arange(1, 29)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((40, 28, 28)).astype("float32")
PROBABILITIES = RANDOM.dirichlet(np.full(10, 0.1), (40, 28))
LABELS = RANDOM.permutation(np.arange(40) % 10)


def require_pair(left, right, image, probabilities, label):
    """Check an image, its probabilities, and the dots that mark the predicted digits."""
    np.testing.assert_array_equal(only_image(left), image)
    np.testing.assert_array_equal(only_image(right), probabilities)
    assert left.get_aspect() == 1
    for ax in (left, right):
        assert ax.images[0].get_extent()[2:] == [28.5, 0.5]  # row 1 is at the top
        assert ax.images[0].cmap.name == "gray_r"
    assert right.images[0].get_clim() == (0, 1)
    named = probabilities.argmax(axis=1)
    (dots,) = right.collections
    assert dots.get_offsets().tolist() == np.stack([named, ROWS], axis=1).tolist()
    colors = [BLUE if answer == label else ORANGE for answer in named]
    assert [*map(to_hex, dots.get_facecolors())] == colors


def test_each_gallery_shows_its_images_in_order():
    late = np.concatenate(
        [*[answers(*[3] * 26, 1, 2)] * 5, answers(*[2] * 27, 1), *[answers(2)] * 2]
    )
    late[:5, -1] *= np.array([0.5, 0.7, 0.9, 0.8, 0.6])[:, None]
    blank = IMAGES[:8].copy()
    blank[:2, 27] = 0
    first = [LABELS.tolist().index(digit) for digit in range(10)]
    for draw, data, shown in (
        (draw_examples, (IMAGES, PROBABILITIES, LABELS), first),
        (draw_late, (blank, late, np.full(8, 2)), (2, 3, 1, 4, 0)),
    ):
        drawn = draw(*data)
        axes = [ax for ax in drawn.figure.axes if ax.get_visible()]
        for left, right, index in zip(axes[::2], axes[1::2], shown, strict=True):
            image, rows, label = (part[index] for part in data)
            require_pair(left, right, image, rows, label)
            answer = rows[-1].argmax()
            assert left.get_title(loc="left") == f"label {label}, predicted {answer}"
    none = draw_late(IMAGES[:1], answers(2), np.array([2]))
    assert "changes the prediction of no image" in none.caption
