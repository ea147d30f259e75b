"""Test the analysis of a trained network with hand-computed examples."""

import numpy as np
import pytest
from helpers.runs import TRAIN, end, finish, papermill_command, start, start_papermill
from helpers.samples import answers

from mnist_rnn.analysis import trained_network
from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.figures.interpretation import draw_late


@pytest.fixture(scope="module")
def digits(mnist):
    x_test, y_test = mnist[1]
    return scale(x_test), y_test


def test_network_of_one_unit_follows_the_equations_of_a_simple_rnn():
    weights = Weights(
        *map(np.float32, ([[2.0]], [[0.5]], [0.1], [[1.0] + [0.0] * 9], [0.0, 1.0] + [0.0] * 8))
    )
    hidden = compute_states(weights, np.array([[[0.3], [0.0]]], "float32"))
    h1 = np.tanh(2 * 0.3 + 0.1)
    np.testing.assert_allclose(hidden[0, :, 0], [h1, np.tanh(0.5 * h1 + 0.1)], rtol=1e-6)
    probability = compute_probabilities(weights, hidden)[0, 0]
    powers = np.exp([h1, 1.0] + [0.0] * 8)
    np.testing.assert_allclose(probability, powers / powers.sum(), rtol=1e-6)


def test_accuracy_after_each_row_equals_hand_computed_values():
    probabilities = np.concatenate([answers(3, 7), answers(7, 3, 7)])
    accuracy = trained_network.accuracy_by_row(probabilities, np.array([7, 7]))
    assert accuracy.tolist() == [0.5, 0.5] + [1.0] * 26


@pytest.mark.parametrize(
    ("digits", "row"), [((5,), 1), ((5, 3), 2), ((3, 3, 5, 3), 4), ((1,) * 27 + (2,), 28)]
)
def test_prediction_does_not_change_after_the_decision_row(digits, row):
    assert trained_network.decision_rows(answers(*digits)).tolist() == [row]


def test_last_row_with_ink_is_found():
    x = np.zeros((2, 28, 28), "float32")
    x[0, [4, 20], 3] = x[1, 27, 0] = 0.1
    assert trained_network.last_ink_rows(x).tolist() == [21, 28]


def test_table_of_decisions_equals_a_hand_computed_table():
    images = [answers(digit) for digit in range(10)] + [answers(*[4] * 9, 2), answers(*[4] * 27, 2)]
    table = trained_network.tabulate_decisions(np.concatenate(images), np.array([*range(10), 2, 2]))
    assert table.loc[2].tolist() == [10, 28, 1, 100]
    assert table.loc[3].tolist() == [1, 1, 0, 100]


def test_caption_counts_predictions_that_become_right_or_wrong_in_the_last_row():
    late, lost, early = [1] * 27 + [2], [2] * 27 + [1], map(answers, range(10))
    probabilities = np.concatenate([*[answers(*late)] * 5, answers(*lost), *early])
    images = np.zeros((16, 28, 28), "float32")
    images[:, 9, 3] = images[0, 27, 3] = 1
    caption = draw_late(images, probabilities, np.array([2] * 6 + list(range(10)))).caption
    assert "Of 16 test images, 5 are misclassified after row 27" in caption
    assert "Row 28 is blank in 4 of these 5 images." in caption
    assert "1 test images are misclassified after row 28 but not after row 27" in caption


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
    x = np.zeros((1, 28, 28), "float32")
    x[0, 10, 6] = 1
    moved = [np.argwhere(images).tolist() for images in disturbed(x, "shifted by 2 px")]
    assert moved == [[[0, 12, 6]], [[0, 8, 6]], [[0, 10, 8]], [[0, 10, 4]]]
    at_the_edge = np.zeros_like(x)
    at_the_edge[0, 0, 5] = 1
    assert not disturbed(at_the_edge, "shifted by 1 px")[1].any()
    # A counter-clockwise rotation moves the left side of an image down.
    left = np.zeros_like(x)
    left[0, 13:15, 4] = 1
    there, back = (images[0].sum(axis=1).argmax() for images in disturbed(left, "rotated by 30"))
    assert there > 15
    assert back < 13
    for name, place in (
        ("read from the bottom up", [0, 17, 6]),
        ("read from left to right", [0, 6, 10]),
        ("read from right to left", [0, 21, 10]),
    ):
        (images,) = disturbed(x, name)
        assert np.argwhere(images).tolist() == [place]


def test_noise_depends_on_the_seed_and_noisy_pixels_are_clipped_to_0_and_1():
    x = np.full((4, 28, 28), 0.5, "float32")
    name = "noise of standard deviation 0.1"
    (noisy,), (again,), (other,) = (disturbed(x, name, seed) for seed in (1, 1, 2))
    assert noisy.std() == pytest.approx(0.1, rel=0.05)
    assert np.array_equal(noisy, again)
    assert not np.array_equal(noisy, other)
    (wild,) = disturbed(x, "noise of standard deviation 0.3")
    assert (wild.min(), wild.max(), wild.dtype) == (0, 1, np.float32)


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


def test_prediction_after_each_row_is_that_of_the_equations(model, digits):
    x = digits[0][:3]
    weights = Weights(*model.get_weights())
    expected = compute_probabilities(weights, compute_states(weights, x))
    given = trained_network.predict_after_each_row(model, x)
    np.testing.assert_allclose(given, expected, atol=1e-5)


def count_right(weights, x, y):
    """Return the share of images whose last hidden state gives the label, by NumPy."""
    last = compute_states(weights, np.ascontiguousarray(x))[:, -1]
    return (compute_probabilities(weights, last).argmax(axis=1) == y).mean()


def test_accuracy_without_rows_is_that_of_blank_rows(model, digits):
    x, y = (part[:200] for part in digits)
    weights, given = Weights(*model.get_weights()), x.copy()
    bands = slice(0, 12), slice(13, 14), slice(16, 28)
    expected = []
    for band in bands:
        kept = np.array([not band.start <= row < band.stop for row in range(28)])
        expected.append(count_right(weights, x * kept[:, None], y))
    assert len(set(expected)) == 3
    assert trained_network.accuracy_without(model, x, y, bands).tolist() == expected
    assert trained_network.accuracy(model, x, y) == count_right(weights, x, y) < 1
    assert np.array_equal(x, given)  # the images themselves are not changed


def test_table_of_disturbances_has_the_mean_accuracy_of_each(model, digits):
    x, y = (part[:150] for part in digits)
    weights = Weights(*model.get_weights())
    expected = {}
    for name, images in trained_network.disturb(x, 3):
        expected.setdefault(name, []).append(count_right(weights, images, y))
    table = trained_network.tabulate_disturbances(model, x, y, 3)
    assert table.columns.tolist() == ["accuracy (%)"]
    assert table.index.name == "images"
    means = [(name, round(100 * np.mean(shares), 1)) for name, shares in expected.items()]
    assert [*table["accuracy (%)"].items()] == means
    assert {name: len(shares) for name, shares in expected.items()} == (
        {"as they are": 1}
        | {f"shifted by {n} px, mean of four directions": 4 for n in (1, 2, 3, 4)}
        | {f"rotated by {angle}°, mean of both directions": 2 for angle in (10, 20, 30)}
        | {f"noise of standard deviation {size}": 1 for size in (0.1, 0.2, 0.3)}
        | {"read from the bottom up": 1, "read from left to right": 1, "read from right to left": 1}
    )


def test_shifts_and_rotations_have_the_size_in_their_names():
    """Rotate a spot near the middle, counter-clockwise first; expect its centre of mass there."""
    x = np.zeros((1, 28, 28), "float32")
    x[0, 12:15, 19:22] = 1  # its centre is 6.5 to the right of the middle, and half a row above
    where = np.arange(28) - 13.5
    for angle in (10, 20, 30):
        turned = disturbed(x, f"rotated by {angle}°")
        assert [images.shape for images in turned] == [(1, 28, 28)] * 2
        for images, sign in zip(turned, (1, -1), strict=True):
            a = np.radians(sign * angle)
            right = (images[0].sum(axis=0) @ where) / images.sum()
            up = -(images[0].sum(axis=1) @ where) / images.sum()
            expected = 6.5 * np.cos(a) - 0.5 * np.sin(a), 6.5 * np.sin(a) + 0.5 * np.cos(a)
            assert (right, up) == pytest.approx(expected, abs=0.05)
            assert 0 < images[images > 0].min() < images.max() <= 1  # linear interpolation
    for n in (1, 2, 3, 4):
        moved = [np.argwhere(images)[0].tolist() for images in disturbed(x, f"shifted by {n} px")]
        moves = ((n, 0), (-n, 0), (0, n), (0, -n))
        assert moved == [[0, 12 + down, 19 + right] for down, right in moves]
    for deviation in (0.1, 0.2, 0.3):
        (noisy,) = disturbed(x + 0.5 - x, f"noise of standard deviation {deviation}")
        inner = (noisy > 0) & (noisy < 1)
        assert inner.mean() > 0.85
        noise = np.random.default_rng(0).normal(0, deviation, x.shape)
        assert noisy[inner] == pytest.approx(0.5 + noise[inner], abs=1e-6)


def test_separation_equals_a_hand_computed_one():
    """Put two points of each class at its mean, 3 to either side; the means are 10 apart."""
    y = np.arange(20) % 10
    points = np.stack([10.0 * y, np.where(np.arange(20) < 10, 3, -3)], axis=1)
    between = np.sqrt(np.mean([(10 * digit - 45) ** 2 for digit in range(10)]))
    assert trained_network.separation(points, y) == pytest.approx(between / 3)


def test_table_of_decisions_has_its_columns_and_its_share_of_images():
    """Decide ten images of a 4 after rows 1 to 10; each last answer has a probability of 0.8766."""
    probabilities = np.concatenate(
        [answers(*[7] * before, 4) for before in range(10)] + [answers(d) for d in range(10)]
    )
    probabilities = np.where(probabilities == 1, 0.8766, probabilities).astype("float32")
    y = np.array([4] * 10 + list(range(10)))
    table = trained_network.tabulate_decisions(probabilities, y)
    assert table.index.name == "digit"
    assert table.loc[4].to_dict() == {
        "row after which half of the images are decided": 5,
        "row after which 90% of the images are decided": 9,
        "images decided only after row 28": 0,
        "mean probability of the label (%)": 87.7,
    }
    assert table.dtypes.map(str).tolist() == ["int64", "int64", "int64", "float64"]
