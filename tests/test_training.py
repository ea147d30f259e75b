import sys
import time
from unittest.mock import Mock

import numpy as np
import pytest
from run import train_runs

from mnist_rnn.claims.originals import read_original
from mnist_rnn.config import Configuration
from mnist_rnn.errors import TrainingError
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.checkpoints import State
from mnist_rnn.experiment.draws import draw_initial_weights, epoch_order, scale
from mnist_rnn.experiment.network import build_model, count_steps, largest_divisor, predict
from mnist_rnn.experiment.training import Examples, batches, get_variables, train
from mnist_rnn.records import keep
from mnist_rnn.records.metrics import measure, to_probabilities
from mnist_rnn.records.model_file import PLAIN_LAYERS, weights_sha256


def test_each_epoch_has_an_order_of_its_own():
    orders = [epoch_order(seed, epoch, 1000) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(1000)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert np.array_equal(epoch_order(1, 1, 1000), orders[3])


def test_an_epoch_shows_each_example_once_with_its_label():
    config = Configuration(batch_size=4, epochs=2)
    x, y = np.arange(10, dtype="float32").reshape(-1, 1, 1), np.arange(10, dtype="uint8")
    shown = [(xs.numpy().ravel(), ys.numpy()) for xs, ys in batches(Examples(x, y), config)]
    assert [len(ys) for _, ys in shown] == [4, 4, 2, 4, 4, 2]
    assert all(np.array_equal(xs, ys) for xs, ys in shown)
    for epoch in (0, 1):
        labels = np.concatenate([ys for _, ys in shown[3 * epoch : 3 * epoch + 3]])
        assert np.array_equal(labels, epoch_order(config.seed, epoch, 10))


def build_in_keras(config):
    """The network of `build_model` as one writes it in Keras, from the same initial weights."""
    layers = [
        PLAIN_LAYERS[config.layer](config.units),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((28, 28)), *layers])
    model.set_weights(draw_initial_weights(config))
    model.compile(config.optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("layer", "optimizer", "batch_size", "steps"),
    [
        ("simple_rnn", "sgd", 128, 8),  # the last of an epoch's batches has 104 examples
        ("simple_rnn", "sgd", 333, 4),  # the last has one
        ("gru", "adam", 250, 4),
        ("lstm", "adam", 250, 4),
    ],
)
def test_training_is_kerass_step_batch_by_batch(
    layer, optimizer, batch_size, steps, small, examples, run
):
    changes = {"layer": layer, "optimizer": optimizer, "batch_size": batch_size, "dropout": 0.0}
    config = small.model_copy(update=changes)
    trained, state = run(config)
    assert count_steps(config) == steps
    assert int(trained.optimizer.iterations) == config.epochs * steps
    assert state.epochs == config.epochs
    (x, y), test = examples(config.train_size)
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
    errors = measure(to_probabilities(predict(trained, test.x)), test.y).errors
    assert state.history["test_errors"][-1] == errors


def test_a_batch_draws_its_dropout_once_and_a_prediction_none(small):
    """Keras moves the random state of dropout once for each mask that it draws."""
    model = build_model(small)
    state = model.layers[0].seed_generator.state
    before = np.array(state)
    x = np.ones((4, 28, 28), "float32")
    model.train_on_batch(x, np.zeros(4, "uint8"))
    predict(model, x)
    assert np.array_equal(np.array(state) - before, [0, 1])


@pytest.mark.parametrize(
    "layer",
    ["simple_rnn", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gru", "lstm"))],
)
def test_a_seed_gives_the_same_bits_again(layer, small, run, left_alone):
    config = small.model_copy(update={"layer": layer})
    other = config.model_copy(update={"seed": 1})
    first = left_alone if config == small else run(config)
    digests = [weights_sha256(model.get_weights()) for model, _ in (first, run(config), run(other))]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(("number", "expected"), [(469, 67), (8, 8), (997, 1), (1, 1), (200, 100)])
def test_largest_divisor(number, expected):
    assert largest_divisor(number, at_most=100) == expected


def test_a_run_that_does_not_learn_fails_with_its_reason(small, run, make_checkpoint):
    config = small.model_copy(update={"learning_rate": 1e6})
    with pytest.raises(TrainingError, match=r"did not learn: its loss .* is \d\S+, and was 2\."):
        run(config)
    assert not make_checkpoint(config).path.exists()


def test_a_loss_that_is_not_a_number_fails_with_its_reason(small, run, make_checkpoint):
    config = small.model_copy(update={"learning_rate": 1e38})
    model, checkpoint = build_model(config), make_checkpoint(config)
    model.optimizer.build(model.trainable_variables)
    history = {"loss": [2.0], "accuracy": [0.5], "test_errors": [99]}
    checkpoint.write(State(history, 1.0, get_variables(model)))
    with pytest.raises(TrainingError, match="The loss became nan in epoch 2"):
        run(config)
    assert not checkpoint.path.exists()


def test_a_clock_set_back_does_not_matter(small, run, left_alone, monkeypatch):
    hours = iter(range(0, -1_000_000, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    _, state = run(small)
    assert state.history == left_alone[1].history
    assert 0 < state.seconds < 60


def test_the_originals_code_from_our_start_trains_as_ours(
    mnist, make_checkpoint, tmp_path, monkeypatch
):
    """Without XLA, with Keras's own loss and feeding of batches."""
    (x_train, y_train), (x_test, y_test) = mnist
    x, y, data = x_train[:1000], y_train[:1000], tmp_path / "mnist.npz"
    np.savez(data, x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    monkeypatch.setattr("run.ORIGINALS", tmp_path / "originals")
    monkeypatch.setattr("run.LOGS", tmp_path)
    assert train_runs(["seeded-01"], {"seeded": sys.executable}, data, {"seeded": 2})
    theirs = read_original(tmp_path / "originals" / "seeded-01.json")
    config = Configuration(seed=1, epochs=2, train_size=1000)
    training, test = Examples(scale(x), y), Examples(scale(x_test), y_test)
    ours = train(build_model(config), training, test, config, make_checkpoint(config)).history
    assert ours["test_errors"] == theirs.test_errors
    assert ours["loss"] == pytest.approx(theirs.loss, abs=1e-5)


def test_a_run_whose_model_cannot_be_written_has_no_record(
    monkeypatch, environment, small, left_alone, examples
):
    monkeypatch.setattr(keep, "Record", lambda **_: None)
    monkeypatch.setattr(keep, "save_model", Mock(side_effect=OSError("No space left")))
    monkeypatch.setattr(keep, "write_record", lambda _: pytest.fail("a record without a model"))
    with pytest.raises(OSError, match="No space left"):
        keep.keep_run(small, *left_alone, *examples(small.train_size), environment)


def test_a_checkpoint_belongs_to_its_parameters_and_data(environment, small, monkeypatch):
    here = keep.open_checkpoint(small, environment).owner
    other = small.model_copy(update={"units": 9})
    assert keep.open_checkpoint(other, environment).owner != here
    monkeypatch.setattr(keep, "DATA_SHA256", "0" * 64)
    assert keep.open_checkpoint(small, environment).owner != here
