"""Test that the figures of the data and of the training show the given numbers."""

import numpy as np
import pandas as pd
import pytest
from helpers.drawn import labels_by_color, only_image
from matplotlib.colors import to_hex

from mnist_rnn.figures.captioned import BLUE, DARK, LIGHT, ORANGE
from mnist_rnn.figures.training import (
    draw_balance,
    draw_confusion,
    draw_curves,
    draw_mistakes,
    draw_samples,
    draw_timesteps,
)

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("close_figures")]


@pytest.fixture
def images():
    """Return 120 random images."""
    return np.random.default_rng(0).integers(0, 256, (120, 28, 28), "uint8")


def test_samples_are_the_first_ten_images_of_each_digit(images):
    y = np.arange(120) * 7 % 10
    ax = draw_samples(images, y).figure.axes[0]
    drawn = only_image(ax).reshape(10, 28, 10, 28).swapaxes(1, 2)
    for digit in range(10):
        np.testing.assert_array_equal(drawn[digit], images[y == digit][:10])
    assert ax.images[0].cmap.name == "gray_r"  # ink is dark
    assert not ax.axison


def test_bars_show_the_share_of_each_digit_and_the_legend_explains_the_colours():
    y_train = np.repeat(np.arange(10), np.arange(1, 11))
    y_test = np.repeat(np.arange(10), np.arange(11, 1, -1))
    drawn = draw_balance(y_train, y_test)
    ax = drawn.figure.axes[0]
    assert labels_by_color(ax.get_legend()) == {DARK: "training images", LIGHT: "test images"}
    assert [label.get_text() for label in ax.get_xticklabels()] == [*map(str, range(10))]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("digit", "share (%)")
    for bars, y, color in zip(ax.containers, (y_train, y_test), (DARK, LIGHT), strict=True):
        assert {to_hex(bar.get_facecolor()) for bar in bars} == {color}
        for digit, bar in enumerate(bars):
            assert bar.get_height() == pytest.approx(100 * (y == digit).mean())
            assert bar.get_x() + bar.get_width() / 2 == pytest.approx(digit, abs=0.25)
    assert drawn.caption.endswith("from 1.8% to 18.2%.")


def test_each_row_is_drawn_as_an_area_whose_height_shows_the_ink(images):
    image = images[0].copy()
    image[[0, 1, 27]] = 0
    drawn = draw_timesteps(image)
    left, right = drawn.figure.axes
    np.testing.assert_array_equal(only_image(left), image)
    assert left.images[0].get_extent() == [0.5, 28.5, 28.5, 0.5]  # row 1 is at the top
    assert left.images[0].cmap.name == "gray_r"
    assert len(right.collections) == 28
    for timestep, (area, row) in enumerate(zip(right.collections, image, strict=True), 1):
        corners = area.get_paths()[0].vertices
        for feature, ink in enumerate(row, 1):
            heights = corners[corners[:, 0] == feature, 1]
            assert heights.max() == timestep
            assert heights.min() == pytest.approx(timestep - 0.9 * ink / 255)
        assert to_hex(area.get_facecolor()) == DARK
    assert (left.get_title(), right.get_title()) == (
        "the digit",
        "rows of the digit, from top to bottom",
    )
    assert (left.get_xlabel(), left.get_ylabel()) == ("column (feature)", "row (timestep)")
    assert right.get_xlabel() == "feature"
    assert (right.get_xlim(), right.get_ylim()) == ((1, 28), (28.5, -0.5))  # row 1 is at the top
    assert drawn.caption.endswith(
        "first row with ink is row 3, and the last row with ink is row 27."
    )


CURVE = pd.DataFrame({"loss": [0.6, 0.5, 0.3], "accuracy": [0.8, 0.7, 0.9]}, index=[1, 2, 3])
HISTORY = {"loss": [0.5, 0.4, 0.25], "accuracy": [0.85, 0.9, 0.95]}


def test_curves_have_the_right_epochs_and_values_and_colours():
    published = {"a": CURVE, "b": CURVE / 2, "c": CURVE / 3}
    drawn = draw_curves(HISTORY, published)
    for ax, name in zip(drawn.figure.axes, HISTORY, strict=True):
        *theirs, ours = ax.get_lines()
        for line, (claim, curve) in zip(theirs, published.items(), strict=True):
            assert (line.get_label(), line.get_color()) == (claim, ORANGE)
            assert line.get_xdata().tolist() == [1, 2, 3]
            assert line.get_ydata().tolist() == curve[name].tolist()
        assert [line.get_marker() for line in theirs] == ["o", "d", "o"]
        assert (ours.get_label(), ours.get_color()) == ("this run", BLUE)
        assert list(ours.get_xdata()) == [1, 2, 3]
        assert list(ours.get_ydata()) == HISTORY[name]
        assert [text.get_text() for text in ax.get_legend().get_texts()] == [*published, "this run"]
        handles = ax.get_legend().legend_handles
        assert [line.get_color() for line in handles] == [ORANGE, ORANGE, ORANGE, BLUE]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", f"training {name}")


def test_caption_of_the_curves_states_the_first_and_last_values():
    caption = draw_curves(HISTORY, {"a": CURVE, "b": CURVE / 2}).caption
    assert "this run over 3 epochs, with a training loss from 0.50 to 0.250" in caption
    assert "and a training accuracy from 85.0% to 95.0%. Orange: " in caption
    first = "The training loss of `a` goes from 0.6 to 0.3. "
    assert f"{first}The training accuracy of `a` goes from 80.0% to 90.0%. The" in caption
    without = draw_curves(HISTORY, {"a": CURVE.assign(accuracy=np.nan)}).caption
    assert f"{first}Training loss and" in without
    assert "No curve was published for this configuration. " in draw_curves(HISTORY, {}).caption


def test_curve_of_one_epoch_has_one_tick():
    for ax in draw_curves({"loss": [1.0], "accuracy": [0.5]}, {}).figure.axes:
        low, high = ax.get_xlim()
        assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]


def test_confusion_matrix_has_a_row_per_label_and_a_column_per_prediction():
    random = np.random.default_rng(0)
    y, answers = random.integers(0, 10, (2, 500))
    counts = np.array([[((y == d) & (answers == a)).sum() for a in range(10)] for d in range(10)])
    drawn = draw_confusion(answers, y)
    ax, scale = drawn.figure.axes
    said = {text.get_position(): int(text.get_text()) for text in ax.texts}
    assert said == {(a, d): counts[d, a] for d in range(10) for a in range(10)}
    mistakes = counts * (1 - np.eye(10, dtype=int))
    np.testing.assert_array_equal(only_image(ax), mistakes)
    assert ax.images[0].cmap.name == "Blues"  # cells with more mistakes are darker
    assert ax.images[0].get_clim() == (0, mistakes.max())
    assert (ax.get_xlabel(), ax.get_ylabel(), scale.get_ylabel()) == (
        "predicted digit",
        "label",
        "mistakes",
    )
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels] == [*map(str, range(10))]
    assert f"contains the {np.trace(counts)} of 500 images" in drawn.caption
    assert f"with {mistakes.max()} of {mistakes.sum()} misclassified images" in drawn.caption


def test_numbers_are_white_only_in_dark_cells():
    answers, y = np.repeat([[1, 2, 3], [0, 0, 0]], [10, 7, 6], axis=1)
    texts = draw_confusion(answers, y).figure.axes[0].texts
    assert {text.get_position() for text in texts if text.get_color() == "w"} == {(1, 0), (2, 0)}


def test_all_equally_frequent_mistakes_are_listed():
    answers, y = np.repeat([[2, 5, 7], [7, 9, 1]], [3, 3, 2], axis=1)
    expected = "3 of 8 misclassified images each, are 7 classified as 2, 9 classified as 5."
    assert draw_confusion(answers, y).caption.endswith(expected)
    one = draw_confusion(answers[-1:], y[-1:])
    assert one.caption.endswith("1 of 1 misclassified images each, are 1 classified as 7.")
    none = draw_confusion(y[:0], y[:0])
    assert none.caption.endswith("0 of 0 misclassified images each, are none.")


def test_mistakes_are_drawn_in_order_of_their_predicted_probability(images):
    """Use 15 images of a 7, of which 14 are misclassified with increasing probabilities."""
    probabilities = np.zeros((15, 10))
    probabilities[:, 1], probabilities[0, 7] = np.linspace(0.5, 0.99, 15), 1
    probabilities[3:, 2] = probabilities[3:, 1] + 0.001
    drawn = draw_mistakes(images[:15], np.full(15, 7), probabilities)
    assert len(drawn.figure.axes) == 12
    for ax, index in zip(drawn.figure.axes, range(14, 2, -1), strict=True):
        np.testing.assert_array_equal(only_image(ax), images[index])
        assert ax.get_title() == f"predicted 2 ({probabilities[index, 2]:.1%})\nlabel 7"
    assert drawn.caption.endswith("The network classifies " + ", ".join(12 * ["7 as 2"]) + ".")
    for place, ax in enumerate(drawn.figure.axes):
        assert ax.get_subplotspec().get_geometry() == (2, 6, place, place)
    none = draw_mistakes(images[:1], np.array([7]), probabilities[:1])
    assert none.caption.endswith("The network classifies no image wrongly.")
    seven = draw_mistakes(images[:8], np.full(8, 7), probabilities[:8])
    # The figure is twice as high with two rows of images.
    assert [drawn.figure.get_figheight() for drawn in (none, seven)] == [2, 4]
