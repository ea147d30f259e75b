"""The one training loop."""

import math
import sys
import time
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from mnist_rnn.config import Configuration
from mnist_rnn.errors import TrainingError
from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.checkpoints import MEASURES, Checkpoint, State
from mnist_rnn.experiment.draws import epoch_order
from mnist_rnn.experiment.network import count_steps, predict
from mnist_rnn.experiment.optimization import cross_entropy

BAR = "{n:4d} of {total} epochs |{bar:25}| {elapsed}, {remaining} to go{postfix}"
KEPT = "Each finished epoch is kept: a run that is stopped goes on from there when it is run again."


class Examples(NamedTuple):
    """Scaled images x, float32 (n, timesteps, features), and their labels y (n,)."""

    x: np.ndarray
    y: np.ndarray


def train(
    model: keras.Model,
    training: Examples,
    test: Examples,
    config: Configuration,
    checkpoint: Checkpoint,
) -> State:
    """Fit the model in place, from the last epoch that `checkpoint` has kept.

    The test errors after each epoch are counted and kept; nothing is chosen by them.

    Raises:
        TrainingError: training was interrupted, the loss is no longer a number, or the network
            did not learn.
    """
    untrained_loss = sample_loss(model, training)
    model.optimizer.build(model.trainable_variables)
    start = State({name: [] for name in MEASURES}, 0.0, get_variables(model))
    state = checkpoint.read() or start
    set_variables(model, state.variables)
    print(f"Epochs finished before: {state.epochs}. {KEPT}")
    if state.epochs < config.epochs:
        try:
            state = fit(model, training, test, config, checkpoint, state)
        except KeyboardInterrupt:
            raise TrainingError(f"Stopped. {KEPT}") from None
    trained_loss = sample_loss(model, training)
    if not trained_loss < untrained_loss:
        checkpoint.discard()
        raise TrainingError(
            "The network did not learn: its loss on the first training images is "
            f"{trained_loss:.4g}, and was {untrained_loss:.4g} before training."
        )
    return state


def fit(
    model: keras.Model,
    training: Examples,
    test: Examples,
    config: Configuration,
    checkpoint: Checkpoint,
    state: State,
) -> State:
    """Train the epochs that `state` lacks; the arguments are those of `train`."""
    with tqdm(total=config.epochs, initial=state.epochs, bar_format=BAR, file=sys.stdout) as bar:
        keeper = EpochKeeper(checkpoint, state, test, bar)
        model.fit(
            batches(training, config, state.epochs),
            initial_epoch=state.epochs,
            epochs=config.epochs,
            steps_per_epoch=count_steps(config),
            callbacks=[keeper],
            shuffle=False,  # `batches` has its own order
            verbose=0,
        )
    return keeper.state


class EpochKeeper(keras.callbacks.Callback):
    """After each epoch: checks its loss, counts test errors, keeps the state, moves the bar."""

    def __init__(self, checkpoint: Checkpoint, state: State, test: Examples, bar: tqdm) -> None:
        """Take up the run where `state` has it."""
        super().__init__()
        self.checkpoint, self.state, self.test, self.bar = checkpoint, state, test, bar
        self.start = time.perf_counter() - state.seconds

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Do all that; raise TrainingError if the loss is not finite."""
        if not math.isfinite(logs["loss"]):
            self.checkpoint.discard()
            raise TrainingError(f"The loss became {logs['loss']} in epoch {epoch + 1}.")
        answers = predict(self.model, self.test.x).argmax(axis=1)
        measured = logs | {"test_errors": int((answers != self.test.y).sum())}
        history = {name: [*self.state.history[name], measured[name]] for name in MEASURES}
        seconds = time.perf_counter() - self.start
        self.state = State(history, seconds, get_variables(self.model))
        self.checkpoint.write(self.state)
        self.bar.set_postfix_str("loss {loss:.4f}, accuracy {accuracy:.4f}".format(**logs), False)
        self.bar.update()


def get_variables(model: keras.Model) -> list[np.ndarray]:
    """All that the next step depends on: weights, the dropout's random state, the optimizer's."""
    return [np.array(variable) for variable in (*model.variables, *model.optimizer.variables)]


def set_variables(model: keras.Model, values: list[np.ndarray]) -> None:
    """Give the model and its optimizer what `get_variables` returned."""
    variables = (*model.variables, *model.optimizer.variables)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def sample_loss(model: keras.Model, examples: Examples) -> float:
    """The cross-entropy of the first 1000 examples."""
    return float(cross_entropy(examples.y[:1000], predict(model, examples.x[:1000])))


def batches(examples: Examples, config: Configuration, first_epoch: int = 0) -> tf.data.Dataset:
    """All batches of the epochs from the first on, in the order that `epoch_order` gives.

    Only indices are shuffled; images are gathered from tensors in memory, those of ten batches at
    once. One thread of its own keeps the pipeline out of the way of the training step.
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
