"""Test that the figures about the trained network draw the given numbers."""

import numpy as np
import pytest
from helpers.drawn import labels_by_color, only_image
from helpers.samples import answers
from matplotlib.colors import to_hex

from mnist_rnn.analysis.trained_network import decision_rows
from mnist_rnn.figures.captioned import BLUE, DARK, LIGHT, ORANGE
from mnist_rnn.figures.interpretation import (
    draw_accuracy,
    draw_confident_mistakes,
    draw_doubts,
    draw_example,
    draw_examples,
    draw_late,
    draw_means,
    draw_rows,
    draw_trajectories,
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
    last = PROBABILITIES[:, -1]
    wrong = np.flatnonzero(last.argmax(axis=1) != LABELS)
    late = np.concatenate([*[answers(*[3] * 26, 1, 2)] * 5, answers(*[2] * 27, 1), answers(2)])
    late[:5, -1] *= np.array([0.5, 0.7, 0.9, 0.8, 0.6])[:, None]
    blank = IMAGES[:7].copy()
    blank[:2, 27] = 0
    first = [LABELS.tolist().index(digit) for digit in range(10)]
    hardest = sorted(wrong, key=lambda index: -last[index].max())[:15]
    for draw, data, shown in (
        (draw_examples, (IMAGES, PROBABILITIES, LABELS), first),
        (draw_confident_mistakes, (IMAGES, PROBABILITIES, LABELS), hardest),
        (draw_late, (blank, late, np.full(7, 2)), (2, 3, 1, 4, 0)),
    ):
        drawn = draw(*data)
        axes = [ax for ax in drawn.figure.axes if ax.get_visible()]
        for left, right, index in zip(axes[::2], axes[1::2], shown, strict=True):
            image, rows, label = (part[index] for part in data)
            require_pair(left, right, image, rows, label)
            answer = rows[-1].argmax()
            assert left.get_title(loc="left") == f"label {label}, predicted {answer}"
    assert "7 test images, 5 are misclassified after row 27 but not" in drawn.caption
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


def test_a_wrong_prediction_is_counted_in_the_bar_of_its_probability():
    """Draw five misclassified images of a 7; for two, 7 is the second most probable digit."""
    last = np.zeros((6, 10))
    for index, (answer, highest, second) in enumerate(
        [(7, 0.95, 1), (1, 0.15, 7), (1, 0.62, 7), (1, 0.65, 3), (1, 0.91, 3), (1, 0.99, 4)]
    ):
        last[index, [answer, second]] = highest, 1 - highest if highest > 0.5 else highest - 0.05
    drawn = draw_doubts(np.stack([last] * 28, axis=1), np.full(6, 7))
    (ax,) = drawn.figure.axes
    second, lower = ({i: bar.get_height() for i, bar in enumerate(bars)} for bars in ax.containers)
    assert {at: count for at, count in second.items() if count} == {0: 1, 5: 1}
    assert {at: count for at, count in lower.items() if count} == {5: 1, 8: 2}
    assert [to_hex(bars[0].get_facecolor()) for bars in ax.containers] == [BLUE, LIGHT]
    assert "above 65%. The probability is above 90% for 40% of the wrong" in drawn.caption


@pytest.mark.parametrize("units", [1, 3])
def test_each_path_shows_the_mean_hidden_states_of_a_digit(units):
    y = np.arange(40) % 10
    scales = np.array([5, 2, 0.1])[:units]
    hidden = RANDOM.normal(size=(40, 28, units)) * scales * np.linspace(1, 9, 28)[:, None]
    axes = draw_trajectories(hidden, y).figure.axes
    flat = hidden.reshape(-1, units) - hidden.mean(axis=(0, 1))
    directions = np.linalg.svd(flat, full_matrices=False)[2][:2]
    for digit, ax in enumerate(axes):
        mean = (hidden[y == digit].mean(axis=0) - hidden.mean(axis=(0, 1))) @ directions.T
        path, *marks = ax.get_lines()[10:]
        for line, rows in zip([path, *marks], (slice(28), [0], [13], [27]), strict=True):
            # The sign of a principal component is arbitrary.
            expected = abs(mean[rows])
            np.testing.assert_allclose(abs(line.get_xydata())[:, : expected.shape[1]], expected)


def test_the_figure_of_rows_shows_the_ink_and_the_gradient_and_the_lost_accuracy():
    sensitivity = 10.0 ** RANDOM.permutation(np.linspace(-4, -2, 28 * 28)).reshape(28, 28)
    rows, bands = 0.9 - RANDOM.permutation(28) / 100, 0.9 - np.arange(7) / 10
    drawn = draw_rows(IMAGES, sensitivity, 0.9, rows, bands)
    ink, gradient, lost, scale = drawn.figure.axes
    np.testing.assert_array_equal(only_image(ink), IMAGES.mean(axis=0))
    np.testing.assert_array_equal(only_image(gradient), sensitivity)
    assert gradient.images[0].norm([1e-4, 1e-3, 1e-2]).tolist() == pytest.approx([0, 0.5, 1])
    assert scale.get_xlabel()
    four, one = lost.containers
    for bars, first, step, accuracies in ((four, 2.5, 4, bands), (one, 1, 1, rows)):
        for place, bar in enumerate(bars):
            assert bar.get_y() + bar.get_height() / 2 == pytest.approx(first + step * place)
            assert bar.get_width() == pytest.approx(100 * (0.9 - accuracies[place]))
    names = {LIGHT: "four blank rows", BLUE: "one blank row"}
    assert labels_by_color(lost.get_legend()) == names
    assert f"points (row {1 + rows.argmin()}). " in drawn.caption
    inner = IMAGES[:, 7:21].sum() / IMAGES.sum()
    assert f"rows 8 to 21 contain {inner:.0%} of the ink" in drawn.caption
