"""Test the analysis of a trained network with hand-computed examples."""

import numpy as np
import pytest
from helpers.runs import TRAIN, end, finish, papermill_command, start, start_papermill
from helpers.samples import answers

from mnist_rnn.analysis import trained_network
from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.experiment.inputs import scale


@pytest.fixture(scope="module")
def digits(mnist):
    x_test, y_test = mnist[1]
    return scale(x_test), y_test


def test_accuracy_after_each_row_and_decision_rows_equal_hand_computed_values():
    probabilities = np.concatenate([answers(3, 7), answers(7, 3, 7), answers(*[1] * 27, 2)])
    accuracy = trained_network.accuracy_by_row(probabilities[:2], np.array([7, 7]))
    assert accuracy.tolist() == [0.5, 0.5] + [1.0] * 26
    assert trained_network.decision_rows(probabilities).tolist() == [2, 3, 28]
    assert trained_network.decision_rows(answers(5)).tolist() == [1]
    x = np.zeros((2, 28, 28), "float32")
    x[0, [4, 20], 3] = x[1, 27, 0] = 0.1
    assert trained_network.last_ink_rows(x).tolist() == [21, 28]


def test_accuracies_of_partly_blank_images_are_those_of_numpy(model, digits):
    x, y = (part[:150] for part in digits)
    weights = Weights(*model.get_weights())
    accuracies = trained_network.accuracy_if_blank(model, x, y)
    for row in (1, 14, 28):
        blanked = np.where(np.arange(28)[:, None] < row, x, 0)
        last = compute_probabilities(weights, compute_states(weights, blanked)[:, -1])
        assert accuracies[row - 1] == (last.argmax(axis=1) == y).mean()


@pytest.mark.slow
def test_notebook_04_can_analyse_another_model(tmp_path):
    """Run 04_reading.ipynb with a badly trained model, and with a file that doesn't exist."""
    finish(start_papermill({"units": 8, "epochs": 1, "train_size": 2000}, tmp_path), tmp_path)
    (own,) = tmp_path.rglob("*.keras")
    notebook, output = TRAIN.with_name("04_reading.ipynb"), tmp_path / "out.ipynb"
    for model, said in (
        (own, "simple_rnn-8-sgd-epochs_1-train_size_2000, seed 0: "),
        ("no.keras", "no.keras: expected a model in a .keras file, got no file"),
    ):
        command = papermill_command({"model": model, "test_size": 100}, output, notebook)
        status, printed = end(start(command))
        assert said in printed
        assert status == (model != own)
