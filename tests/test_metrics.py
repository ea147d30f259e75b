import numpy as np
import pytest
from pydantic import ValidationError

from mnist_rnn.records.metrics import (
    Metrics,
    confident_mistakes,
    find_mistakes,
    measure,
    to_probabilities,
)

pytestmark = pytest.mark.quick


def beliefs(*pairs):
    """Probabilities for digits 0 and 1; the other eight are impossible."""
    return np.pad(np.array(pairs, "float32"), ((0, 0), (0, 8)))


def test_probabilities_are_in_double_precision():
    logits = np.array([[0, np.log(3)]], "float32")
    probabilities = to_probabilities(logits)
    assert probabilities.dtype == np.float64
    assert probabilities[0].tolist() == pytest.approx([0.25, 0.75])


def test_metrics_by_hand():
    metrics = measure(beliefs((0.75, 0.25), (0.5, 0.5), (0.25, 0.75)), np.array([0, 1, 1]))
    assert metrics.loss == round(-(2 * np.log(0.75) + np.log(0.5)) / 3, 6)
    assert (metrics.accuracy, metrics.errors) == (2 / 3, 1)
    assert metrics.confusion_matrix[0] == [1] + [0] * 9
    assert metrics.confusion_matrix[1] == [1, 1] + [0] * 8
    assert sum(map(sum, metrics.confusion_matrix)) == 3


def test_an_impossible_label_costs_what_keras_says():
    metrics = measure(beliefs((1, 0)), np.array([1]))
    assert metrics.loss == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"errors": 2}, "errors must be"),
        ({"accuracy": 0.25}, "accuracy must be"),
        ({"confusion_matrix": [[1]]}, "confusion_matrix must be"),
        ({"confusion_matrix": [[-1] * 10] * 10}, "confusion_matrix must be"),
        ({"loss": float("nan")}, "finite"),
        ({"loss": "0.1"}, "valid number"),
    ],
)
def test_metrics_that_contradict_themselves_are_refused(change, message):
    metrics = measure(beliefs((0.75, 0.25), (0.5, 0.5)), np.array([0, 1])).model_dump()
    with pytest.raises(ValidationError, match=message):
        Metrics(**metrics | change)


def test_mistakes_by_hand():
    probabilities = beliefs((0.9, 0.1), (0.6, 0.4), (0.2, 0.8))
    assert find_mistakes(probabilities, np.array([0, 1, 0])) == {1: 0, 2: 1}
    assert find_mistakes(probabilities, np.array([0, 0, 1])) == {}


def test_confident_mistakes_come_surest_first():
    probabilities = beliefs((0.9, 0.1), (0.6, 0.4), (0.2, 0.8), (0.3, 0.7))
    assert confident_mistakes(probabilities, np.array([0, 1, 0, 0]), 2).tolist() == [2, 3]
    assert confident_mistakes(probabilities, np.array([0, 0, 1, 1]), 2).tolist() == []
