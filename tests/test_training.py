import time

import numpy as np
import pytest

from mnist_rnn.backend import keras, tf
from mnist_rnn.config import Configuration
from mnist_rnn.data import scale
from mnist_rnn.errors import TrainingError
from mnist_rnn.evaluation import measure, weights_sha256
from mnist_rnn.model import CELLS, build_model, count_steps, largest_divisor, set_seed
from mnist_rnn.training import batches, epoch_order


def test_each_epoch_has_an_order_of_its_own():
    orders = [epoch_order(seed, epoch, 1000) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(1000)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert np.array_equal(epoch_order(1, 1, 1000), orders[3])


def test_an_epoch_shows_each_example_once_with_its_label():
    config = Configuration(batch_size=4, epochs=2)
    x, y = np.arange(10, dtype="float32").reshape(-1, 1, 1), np.arange(10, dtype="uint8")
    shown = [(xs.numpy().ravel(), ys.numpy()) for xs, ys in batches(x, y, config)]
    assert [len(ys) for _, ys in shown] == [4, 4, 2, 4, 4, 2]
    assert all(np.array_equal(xs, ys) for xs, ys in shown)
    for epoch in (0, 1):
        labels = np.concatenate([ys for _, ys in shown[3 * epoch : 3 * epoch + 3]])
        assert np.array_equal(labels, epoch_order(config.seed, epoch, 10))


def build_in_keras(config):
    """The network of `build_model` with Keras's own layers and training step, nothing set."""
    set_seed(config.seed)
    layers = [CELLS[config.cell](config.units), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((28, 28)), *layers])
    model.compile(config.optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("cell", "optimizer", "batch_size"),
    [
        ("simple_rnn", "sgd", 128),
        ("simple_rnn", "sgd", 333),  # halves of 167 and 166, and a last batch of one
        ("gru", "rmsprop", 128),
        ("lstm", "adam", 128),
    ],
)
def test_training_is_kerass_own_step_batch_by_batch(cell, optimizer, batch_size, small, mnist, run):
    changes = {"cell": cell, "optimizer": optimizer, "batch_size": batch_size, "dropout": 0.0}
    config = small.model_copy(update=changes)
    trained, state = run(config)
    x, y = scale(mnist[0][0][: config.train_size]), mnist[0][1][: config.train_size]
    model = build_in_keras(config)
    for epoch in range(config.epochs):
        order = epoch_order(config.seed, epoch, len(x))
        before = []  # what each batch's step starts from
        for start in range(0, len(x), config.batch_size):
            some = order[start : start + config.batch_size]
            before.append(measure(model.predict_on_batch(x[some]), y[some]))
            model.train_on_batch(x[some], y[some])
        sizes = [sum(map(sum, metrics.confusion_matrix)) for metrics in before]
        for name in ("loss", "accuracy"):
            mean = np.average([getattr(metrics, name) for metrics in before], weights=sizes)
            assert state.history[name][epoch] == pytest.approx(mean, abs=1e-5)
    for ours, expected in zip(trained.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_a_step_has_the_gradient_of_kerass_step(small, mnist):
    """One step of plain SGD with learning rate 1 moves the weights by the gradient."""
    config = small.model_copy(update={"dropout": 0.0})
    x, y = scale(mnist[0][0][:101]), mnist[0][1][:101]
    steps = []
    for build in (build_model, build_in_keras):
        set_seed(config.seed)
        model = build(config)
        model.optimizer.learning_rate = 1.0
        before = model.get_weights()
        model.train_step((tf.constant(x), tf.constant(y)))
        steps.append([b - a for b, a in zip(before, model.get_weights(), strict=True)])
    for ours, expected in zip(*steps, strict=True):
        assert abs(expected).max() > 0.01
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_each_half_of_a_batch_drops_other_inputs(small):
    """Keras moves the random state of a layer's dropout once for each mask that it draws."""
    model = build_model(small)
    state = model.layers[0].cell.seed_generator.state
    before = np.array(state)
    model.train_step((tf.ones((4, 28, 28)), tf.zeros(4, "uint8")))
    assert np.array_equal(np.array(state) - before, [0, 2])


@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
def test_a_seed_gives_the_same_bits_again(cell, small, run):
    config = small.model_copy(update={"cell": cell})
    digests = [weights_sha256(run(config)[0].get_weights()) for _ in range(2)]
    other = config.model_copy(update={"seed": 1})
    assert digests[0] == digests[1] != weights_sha256(run(other)[0].get_weights())


def test_the_last_batch_of_an_epoch_counts(small, run):
    """1000 = 7 * 128 + 104: an epoch is eight steps."""
    model, state = run(small)
    assert count_steps(small) == 8
    assert int(model.optimizer.iterations) == small.epochs * 8
    assert state.epochs == small.epochs


@pytest.mark.parametrize(("number", "expected"), [(469, 67), (8, 8), (997, 1), (1, 1), (200, 100)])
def test_largest_divisor(number, expected):
    assert largest_divisor(number, at_most=100) == expected


def test_a_run_that_does_not_learn_fails_with_its_reason(small, run, make_checkpoint):
    config = small.model_copy(update={"learning_rate": 1e6})
    with pytest.raises(TrainingError, match=r"did not learn: its loss .* is \d+\.\d+, and was 2\."):
        run(config)
    assert not make_checkpoint(config).path.exists()


def test_a_loss_that_is_not_a_number_fails_with_its_reason(small, run, make_checkpoint):
    config = small.model_copy(update={"learning_rate": 1e38})
    with pytest.raises(TrainingError, match="The loss became nan in epoch 1"):
        run(config)
    assert not make_checkpoint(config).path.exists()


def test_a_clock_set_back_does_not_matter(small, run, monkeypatch):
    _, expected = run(small)
    hours = iter(range(0, -1_000_000, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    _, state = run(small)
    assert state.history == expected.history
    assert 0 < state.seconds < 60
