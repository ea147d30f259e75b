"""The one training loop."""

import math
import sys
import time

import numpy as np
from tqdm import tqdm

from mnist_rnn.backend import keras, tf
from mnist_rnn.checkpoints import Checkpoint, State
from mnist_rnn.config import Configuration
from mnist_rnn.errors import TrainingError
from mnist_rnn.evaluation import cross_entropy
from mnist_rnn.model import count_steps

BAR = "{n:4d} of {total} epochs |{bar:25}| {elapsed}, {remaining} to go{postfix}"
KEPT = "Each finished epoch is kept: a run that is stopped goes on from there when it is run again."


def train(
    model: keras.Model,
    x_train: np.ndarray,
    y_train: np.ndarray,
    config: Configuration,
    checkpoint: Checkpoint,
) -> State:
    """Fit the model in place, from the last epoch that `checkpoint` has kept.

    Args:
        model: as `build_model` made it for this configuration.
        x_train: float32 (n, timesteps, features).
        y_train: labels (n,).
        config: gives epochs, batch_size and the seed of the order.
        checkpoint: where the state is kept after each epoch.

    Raises:
        TrainingError: training was interrupted, the loss is no longer a number, or the network
            did not learn.
    """
    untrained_loss = sample_loss(model, x_train, y_train)
    model.optimizer.build(model.trainable_variables)
    state = checkpoint.read() or State({"loss": [], "accuracy": []}, 0.0, get_variables(model))
    set_variables(model, state.variables)
    try:
        state = fit(model, x_train, y_train, config, checkpoint, state)
    except KeyboardInterrupt:
        raise TrainingError(f"Stopped. {KEPT}") from None
    trained_loss = sample_loss(model, x_train, y_train)
    if not trained_loss < untrained_loss:
        checkpoint.discard()
        raise TrainingError(
            "The network did not learn: its loss on the first training images is "
            f"{trained_loss:.4g}, and was {untrained_loss:.4g} before training."
        )
    return state


def fit(
    model: keras.Model,
    x_train: np.ndarray,
    y_train: np.ndarray,
    config: Configuration,
    checkpoint: Checkpoint,
    state: State,
) -> State:
    """Train the epochs that `state` lacks; the arguments are those of `train`."""
    print(f"Epochs finished before: {state.epochs}. {KEPT}")
    if state.epochs == config.epochs:
        return state
    with tqdm(total=config.epochs, initial=state.epochs, bar_format=BAR, file=sys.stdout) as bar:
        keeper = EpochKeeper(checkpoint, state, bar)
        model.fit(
            batches(x_train, y_train, config, state.epochs),
            initial_epoch=state.epochs,
            epochs=config.epochs,
            steps_per_epoch=count_steps(config),
            callbacks=[keeper],
            shuffle=False,
            verbose=0,
        )
    return keeper.state


class EpochKeeper(keras.callbacks.Callback):
    """After each epoch: checks its loss, keeps the state of the run and moves the bar."""

    def __init__(self, checkpoint: Checkpoint, state: State, bar: tqdm) -> None:
        """Take up the run where `state` has it."""
        super().__init__()
        self.checkpoint, self.state, self.bar = checkpoint, state, bar
        self.start = time.perf_counter() - state.seconds

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Raise TrainingError if the loss is not finite."""
        if not math.isfinite(logs["loss"]):
            self.checkpoint.discard()
            raise TrainingError(f"The loss became {logs['loss']} in epoch {epoch + 1}.")
        history = {name: [*values, logs[name]] for name, values in self.state.history.items()}
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


def sample_loss(model: keras.Model, x_train: np.ndarray, y_train: np.ndarray) -> float:
    """The cross-entropy of the first 1000 training examples."""
    return cross_entropy(model.predict(x_train[:1000], batch_size=1000, verbose=0), y_train[:1000])


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order in which an epoch shows the n training examples; another one each epoch."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def batches(
    x: np.ndarray, y: np.ndarray, config: Configuration, first_epoch: int = 0
) -> tf.data.Dataset:
    """All batches of the epochs from the first on, in the order that `epoch_order` gives.

    Only indices are shuffled; each batch is gathered from tensors in memory. One thread of its
    own keeps the pipeline out of the way of the training step.
    """
    epochs = range(first_epoch, config.epochs)
    orders = np.stack([epoch_order(config.seed, epoch, len(x)) for epoch in epochs])
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
