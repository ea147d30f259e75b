"""Test that the figures of the data and of the training show the given numbers."""

import numpy as np
import pandas as pd
import pytest
from helpers.drawn import only_image

from mnist_rnn.figures.captioned import BLUE, ORANGE
from mnist_rnn.figures.training import (
    draw_confusion,
    draw_curves,
    draw_mistakes,
)

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("close_figures")]
IMAGES = np.random.default_rng(0).integers(0, 256, (120, 28, 28), "uint8")


def test_curves_have_the_right_epochs_and_values_and_colours():
    history = {"loss": [0.5, 0.4, 0.25], "accuracy": [0.85, 0.9, 0.95]}
    curve = pd.DataFrame({"loss": [0.6, 0.5, 0.3], "accuracy": [0.8, 0.7, 0.9]}, index=[1, 2, 3])
    published = {"a": curve, "b": curve / 2}
    drawn = draw_curves(history, published)
    for ax, name in zip(drawn.figure.axes, history, strict=True):
        *theirs, ours = ax.get_lines()
        for line, (claim, values) in zip(theirs, published.items(), strict=True):
            assert (line.get_label(), line.get_color()) == (claim, ORANGE)
            assert line.get_xydata().tolist() == [*map(list, values[name].items())]
        assert ours.get_color() == BLUE
        assert ours.get_xydata().tolist() == [*map(list, enumerate(history[name], 1))]
    assert "over 3 epochs, with a training loss from 0.50 to 0.250" in drawn.caption
    assert "accuracy of `a` goes from 80.0% to 90.0%." in drawn.caption
    assert "No curve was published" in draw_curves(history, {}).caption


def test_confusion_matrix_has_a_row_per_label_and_a_column_per_prediction():
    y, answers = np.random.default_rng(0).integers(0, 10, (2, 500))
    counts = np.array([[((y == d) & (answers == a)).sum() for a in range(10)] for d in range(10)])
    drawn = draw_confusion(answers, y)
    ax, _ = drawn.figure.axes
    said = {text.get_position(): int(text.get_text()) for text in ax.texts}
    assert said == {(a, d): counts[d, a] for d in range(10) for a in range(10)}
    mistakes = counts * (1 - np.eye(10, dtype=int))
    np.testing.assert_array_equal(only_image(ax), mistakes)
    assert f"contains the {np.trace(counts)} of 500 images" in drawn.caption
    assert f"with {mistakes.max()} of {mistakes.sum()} misclassified images" in drawn.caption
    answers, y = np.repeat([[2, 5, 7], [7, 9, 1]], [3, 3, 2], axis=1)
    assert draw_confusion(answers, y).caption.endswith("are 7 classified as 2, 9 classified as 5.")
    assert draw_confusion(y[:0], y[:0]).caption.endswith("are none.")


def test_mistakes_are_drawn_in_order_of_their_predicted_probability():
    """Use 15 images of a 7, of which 14 are misclassified with increasing probabilities."""
    probabilities = np.zeros((15, 10))
    probabilities[:, 2], probabilities[0, 7] = np.linspace(0.5, 0.99, 15), 1
    drawn = draw_mistakes(IMAGES[:15], np.full(15, 7), probabilities)
    for ax, index in zip(drawn.figure.axes, range(14, 2, -1), strict=True):
        np.testing.assert_array_equal(only_image(ax), IMAGES[index])
        assert ax.get_title() == f"predicted 2 ({probabilities[index, 2]:.1%})\nlabel 7"
    none = draw_mistakes(IMAGES[:1], np.array([7]), probabilities[:1])
    assert none.caption.endswith("no image wrongly.")
