"""Test the analysis of a trained network with hand-computed examples."""

import numpy as np
import pytest
from helpers.runs import TRAIN, end, finish, papermill_command, start, start_papermill
from helpers.samples import answers

from mnist_rnn.analysis import trained_network
from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.experiment.backend import keras
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


def test_table_of_decisions_equals_a_hand_computed_table():
    """Decide ten images of a 4 after rows 1 to 10; each last answer has a probability of 0.8766."""
    probabilities = np.concatenate(
        [answers(*[7] * before, 4) for before in range(10)] + [answers(d) for d in range(10)]
    )
    probabilities = np.where(probabilities == 1, 0.8766, probabilities)
    table = trained_network.tabulate_decisions(probabilities, np.array([4] * 10 + [*range(10)]))
    assert table.loc[4].tolist() == [5, 9, 0, 87.7]
    assert table.loc[3].tolist() == [1, 1, 0, 87.7]


def test_separation_equals_a_hand_computed_one():
    """Put two points of each class at its mean, 3 to either side; the means are 10 apart."""
    y = np.arange(20) % 10
    points = np.stack([10.0 * y, np.where(np.arange(20) < 10, 3, -3)], axis=1)
    between = np.sqrt(np.mean([(10 * digit - 45) ** 2 for digit in range(10)]))
    assert trained_network.separation(points, y) == pytest.approx(between / 3)


def test_sensitivity_is_the_gradient_of_the_loss(model, digits, committed):
    """Use a misclassified image, because its gradients are large enough for single precision."""
    first = min(committed.mistakes)
    x, y = (part[first : first + 1] for part in digits)
    loss = keras.losses.sparse_categorical_crossentropy
    slopes = trained_network.sensitivity(model, x, y)
    for row, column in ((0, 3), (14, 14), (20, 9)):
        step = np.zeros_like(x)
        step[0, row, column] = 0.01
        rise = float(loss(y, model(x + step))[0] - loss(y, model(x - step))[0])
        assert slopes[row, column] == pytest.approx(abs(rise) / 0.02, rel=0.05, abs=1e-3)


def disturbed(x, name, seed=0):
    return [images for other, images in trained_network.disturb(x, seed) if other.startswith(name)]


def test_each_disturbance_changes_an_image_as_its_name_says():
    """Rotate a spot near the middle, counter-clockwise first; expect its centre of mass there."""
    x = np.zeros((1, 28, 28), "float32")
    x[0, 12:15, 19:22] = 1  # its centre is 6.5 to the right of the middle, and half a row above
    where = np.arange(28) - 13.5
    for angle in (10, 20, 30):
        for images, sign in zip(disturbed(x, f"rotated by {angle}°"), (1, -1), strict=True):
            a = np.radians(sign * angle)
            right = (images[0].sum(axis=0) @ where) / images.sum()
            up = -(images[0].sum(axis=1) @ where) / images.sum()
            expected = 6.5 * np.cos(a) - 0.5 * np.sin(a), 6.5 * np.sin(a) + 0.5 * np.cos(a)
            assert (right, up) == pytest.approx(expected, abs=0.05)
    for n in (1, 2, 3, 4):
        moved = [np.argwhere(images)[0].tolist() for images in disturbed(x, f"shifted by {n} px")]
        moves = ((n, 0), (-n, 0), (0, n), (0, -n))
        assert moved == [[0, 12 + down, 19 + right] for down, right in moves]
    for name, place in (
        ("read from the bottom up", [0, 13, 19]),
        ("read from left to right", [0, 19, 12]),
        ("read from right to left", [0, 6, 12]),
    ):
        assert np.argwhere(disturbed(x, name)[0])[0].tolist() == place
    (noisy,) = disturbed(x, "noise of standard deviation 0.1")
    noise = np.random.default_rng(0).normal(0, 0.1, x.shape)
    np.testing.assert_allclose(noisy, np.clip(x + noise, 0, 1), atol=1e-6)


def count_right(weights, x, y):
    """Return the share of images whose last hidden state gives the label, by NumPy."""
    last = compute_states(weights, np.ascontiguousarray(x))[:, -1]
    return (compute_probabilities(weights, last).argmax(axis=1) == y).mean()


def test_accuracies_of_disturbed_and_blank_images_are_those_of_numpy(model, digits):
    x, y = (part[:150] for part in digits)
    weights = Weights(*model.get_weights())
    table = trained_network.tabulate_disturbances(model, x, y, 3)["accuracy (%)"]
    for name, accuracy in table.items():
        images = disturbed(x, name, 3)
        mean = np.mean([count_right(weights, each, y) for each in images])
        assert accuracy == round(100 * mean, 1), name
    for band in (slice(0, 12), slice(13, 14), slice(16, 28)):
        kept = np.array([not band.start <= row < band.stop for row in range(28)])
        expected = count_right(weights, x * kept[:, None], y)
        assert trained_network.accuracy_without(model, x, y, [band]).tolist() == [expected]


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
