"""Train with Keras's `fit`; the order of the images is drawn from the seed."""

import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.inputs import Examples, epoch_order
from mnist_rnn.experiment.network import count_steps


def fit(
    model: keras.Model,
    examples: Examples,
    config: Configuration,
    first_epoch: int,
    *callbacks: keras.callbacks.Callback,
) -> None:
    """Train the model in place from `first_epoch`, counted from 0, to the last epoch."""
    model.fit(
        batches(examples, config, first_epoch),
        initial_epoch=first_epoch,
        epochs=config.epochs,
        steps_per_epoch=count_steps(config),
        callbacks=[*callbacks],
        shuffle=False,  # `batches` has already shuffled the images
        verbose=0,
    )


def batches(examples: Examples, config: Configuration, first_epoch: int) -> tf.data.Dataset:
    """Return all batches from `first_epoch` to the last epoch, in the order of `epoch_order`.

    The images in memory are not shuffled; the pipeline gathers images for ten batches at a time.
    The pipeline has a single thread, which leaves the CPU cores to the training step.
    """
    epochs = range(first_epoch, config.epochs)
    orders = np.stack([epoch_order(config.seed, epoch, len(examples.x)) for epoch in epochs])
    x, y, size = tf.constant(examples.x), tf.constant(examples.y), config.batch_size

    def slice_batches(indices: tf.Tensor) -> tf.data.Dataset:
        some_x, some_y = tf.gather(x, indices), tf.gather(y, indices)
        starts = tf.data.Dataset.range(0, tf.size(indices, "int64"), config.batch_size)
        return starts.map(lambda i: (some_x[i : i + size], some_y[i : i + size]))

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return (
        tf.data.Dataset.from_tensor_slices(orders.astype("int32"))
        .flat_map(lambda order: tf.data.Dataset.from_tensor_slices(order).batch(10 * size))
        .flat_map(slice_batches)
        .with_options(options)
    )
