"""Test that the figures about the trained network draw the given numbers."""

import numpy as np
import pytest
from helpers.drawn import only_image
from helpers.samples import answers
from matplotlib.colors import to_hex

from mnist_rnn.analysis.trained_network import decision_rows
from mnist_rnn.figures.captioned import BLUE, DARK, ORANGE
from mnist_rnn.figures.interpretation import (
    draw_accuracy,
    draw_example,
    draw_examples,
    draw_late,
    draw_means,
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


def test_an_image_is_drawn_beside_its_predicted_probabilities():
    drawn = draw_example(IMAGES[0], answers(3, 3, 7)[0], 7)
    require_pair(*drawn.figure.axes[:2], IMAGES[0], answers(3, 3, 7)[0], 7)
    assert "The most probable digit is 3 from row 1, 7 from row 3. " in drawn.caption


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
    assert "8 test images, 5 are misclassified after row 27 but not" in drawn.caption
    assert "Row 28 is blank in 2 of these 5 images" in drawn.caption
    assert "1 test images are misclassified after row 28 but not" in drawn.caption
    none = draw_late(IMAGES[:1], answers(2), np.array([2]))
    assert "changes the prediction of no image" in none.caption


def test_each_panel_shows_the_mean_probabilities_of_one_label():
    drawn = draw_means(IMAGES, PROBABILITIES, LABELS)
    rows, medians = decision_rows(PROBABILITIES), []
    for digit, ax in enumerate(drawn.figure.axes):
        mean = PROBABILITIES[digit == LABELS].sum(axis=0) / (digit == LABELS).sum()
        np.testing.assert_allclose(only_image(ax), mean)
        (frame,), (line,) = ax.patches, ax.get_lines()
        assert frame.get_xy() == (digit - 0.5, 0.5)
        medians.append(int(np.median(rows[digit == LABELS])))
        assert line.get_ydata() == [medians[-1] - 0.5] * 2
    assert f"first rows below the line are {', '.join(map(str, medians))}." in drawn.caption


def test_accuracy_curves_are_in_percent_and_the_caption_states_where_they_cross_levels():
    by_row, if_blank = np.linspace(0, 0.9, 28), np.linspace(0.1, 1, 28)
    drawn = draw_accuracy(by_row, if_blank, 10)
    grey, blue = drawn.figure.axes[0].get_lines()
    for line, curve, color in ((grey, if_blank, DARK), (blue, by_row, BLUE)):
        assert line.get_ydata().tolist() == (100 * curve).tolist()
        assert line.get_color() == color
    assert "curve reaches 50% at row 16, 90% at row 28. Grey" in drawn.caption
    assert "curve reaches 50% at row 13, 90% at row 25, 97% at row 28." in drawn.caption
    assert drawn.caption.endswith("At row 21, the accuracies are 67% (blue) and 77% (grey).")
    assert "reaches at most 45%. Grey" in draw_accuracy(by_row / 2, if_blank, 10).caption
