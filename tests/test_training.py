import os
import subprocess
import sys

import numpy as np
import pytest

from mnist_rnn.config import Configuration
from mnist_rnn.data import scale
from mnist_rnn.evaluation import measure, weights_sha256
from mnist_rnn.model import build_model, set_seed
from mnist_rnn.training import batches, epoch_order, largest_divisor, train

SMALL = Configuration(units=8, epochs=2, train_size=1000)


@pytest.fixture(scope="module")
def examples(mnist):
    (x_train, y_train), _ = mnist
    return scale(x_train[: SMALL.train_size]), y_train[: SMALL.train_size]


def trained(config, examples):
    set_seed(config.seed)
    model = build_model(config)
    return train(model, *examples, config), model.get_weights()


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


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
def test_training_is_kerass_own_step_batch_by_batch(optimizer, examples):
    config = SMALL.model_copy(update={"optimizer": optimizer})
    training, weights = trained(config, examples)
    set_seed(config.seed)
    model = build_model(config)
    x, y = examples
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
            assert training.history[name][epoch] == pytest.approx(mean, abs=1e-5)
    for ours, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
def test_a_seed_gives_the_same_bits_again(cell, examples):
    config = SMALL.model_copy(update={"cell": cell, "dropout": 0.2})
    digests = [weights_sha256(trained(config, examples)[1]) for _ in range(2)]
    other = config.model_copy(update={"seed": 1})
    assert digests[0] == digests[1] != weights_sha256(trained(other, examples)[1])


def test_threads_do_not_change_the_bits():
    program = """
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist, scale
from mnist_rnn.evaluation import measure, weights_sha256
from mnist_rnn.model import build_model, set_seed
from mnist_rnn.training import train
config = Configuration(units=256, epochs=1, train_size=6000, dropout=0.2)
(x, y), _ = load_mnist()
set_seed(0)
model = build_model(config)
train(model, scale(x[:6000]), y[:6000], config)
print()
print(weights_sha256(model.get_weights()))
"""
    digests = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ
            | {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split()[-1]
        for threads in (1, 2, 4)
    ]
    assert len(digests[0]) == 64
    assert digests[0] == digests[1] == digests[2]


def test_the_last_batch_of_an_epoch_counts(examples):
    """1000 = 7 * 128 + 104: an epoch is eight steps."""
    set_seed(0)
    model = build_model(SMALL)
    train(model, *examples, SMALL)
    assert int(model.optimizer.iterations) == SMALL.epochs * 8


@pytest.mark.parametrize(("number", "expected"), [(469, 67), (8, 8), (997, 1), (1, 1), (200, 100)])
def test_largest_divisor(number, expected):
    assert largest_divisor(number, at_most=100) == expected
