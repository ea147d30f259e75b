"""Compare the metrics with values that were computed by hand."""

import numpy as np
import pytest

from mnist_rnn.records.metrics import confident_mistakes, find_mistakes, measure_loss

pytestmark = pytest.mark.quick


def predicted(*pairs):
    """Return the probabilities `pairs` of the digits 0 and 1, and zeros for all other digits."""
    return np.pad(np.array(pairs, "float32"), ((0, 0), (0, 8)))


def test_the_loss_equals_a_value_computed_by_hand():
    probabilities, y = (
        predicted((0.75, 0.25), (0.5, 0.5), (0.25, 0.75)),
        np.array([0, 1, 1], "uint8"),
    )
    assert measure_loss(probabilities, y) == round(-(2 * np.log(0.75) + np.log(0.5)) / 3, 6)
    # As in Keras, the loss stays finite if the predicted probability of the label is zero.
    assert measure_loss(predicted((1, 0)), y[1:2]) == pytest.approx(-np.log(1e-7))
    # Probabilities are at most 1 - 1e-7, which changes the sixth decimal of this mean.
    assert measure_loss(np.array([[1.0], [np.exp(-2 * 0.10000046)]]), np.array([0, 0])) == 0.100001


def test_the_misclassified_images_equal_a_list_made_by_hand():
    probabilities = predicted((0.9, 0.1), (0.6, 0.4), (0.2, 0.8), (0.3, 0.7))
    assert find_mistakes(probabilities, np.array([0, 1, 0, 1])) == {1: 0, 2: 1}
    assert find_mistakes(probabilities, np.array([0, 0, 1, 1])) == {}
    assert confident_mistakes(probabilities, np.array([0, 1, 0, 0]), 2).tolist() == [2, 3]
    assert confident_mistakes(probabilities, np.array([0, 0, 1, 1]), 2).tolist() == []
