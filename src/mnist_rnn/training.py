"""The one training loop."""

import sys
import time
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from mnist_rnn.backend import keras, tf
from mnist_rnn.config import Configuration

BAR = "{n:4d} of {total} epochs |{bar:25}| {elapsed}, {remaining} to go{postfix}"


class Training(NamedTuple):
    """What `train` reports: Keras's history (loss and accuracy, a value an epoch) and the time."""

    history: dict[str, list[float]]
    seconds: float


def train(
    model: keras.Model, x_train: np.ndarray, y_train: np.ndarray, config: Configuration
) -> Training:
    """Fit the model in place.

    Args:
        model: as `build_model` made it for this configuration.
        x_train: float32 (n, timesteps, features).
        y_train: labels (n,).
        config: gives epochs, batch_size and the seed of the order.
    """
    steps = -(-len(x_train) // config.batch_size)
    model.steps_per_execution = largest_divisor(steps, at_most=100)
    start = time.perf_counter()
    with tqdm(total=config.epochs, bar_format=BAR, file=sys.stdout) as bar:

        def advance(_epoch: int, logs: dict[str, float]) -> None:
            bar.set_postfix_str("loss {loss:.4f}, accuracy {accuracy:.4f}".format(**logs), False)
            bar.update()

        history = model.fit(
            batches(x_train, y_train, config),
            epochs=config.epochs,
            steps_per_epoch=steps,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=advance)],
            shuffle=False,
            verbose=0,
        )
    return Training(history.history, time.perf_counter() - start)


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order in which an epoch shows the n training examples; another one each epoch."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def batches(x: np.ndarray, y: np.ndarray, config: Configuration) -> tf.data.Dataset:
    """All batches of all epochs, in the order that `epoch_order` gives.

    Only indices are shuffled; each batch is gathered from tensors in memory. One thread of its
    own keeps the pipeline out of the way of the training step.
    """
    orders = np.stack([epoch_order(config.seed, epoch, len(x)) for epoch in range(config.epochs)])
    x, y = tf.constant(x), tf.constant(y)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return (
        tf.data.Dataset.from_tensor_slices(orders.astype("int32"))
        .flat_map(lambda order: tf.data.Dataset.from_tensor_slices(order).batch(config.batch_size))
        .map(lambda indices: (tf.gather(x, indices), tf.gather(y, indices)))
        .with_options(options)
    )


def largest_divisor(number: int, at_most: int) -> int:
    """The largest divisor of `number` up to `at_most`: steps that one call of TensorFlow takes."""
    return max(divisor for divisor in range(1, at_most + 1) if number % divisor == 0)
