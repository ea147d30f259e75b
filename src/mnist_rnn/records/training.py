"""Train a model from its last checkpoint, and write a checkpoint after each epoch."""

import math
import sys
import time

import numpy as np
from tqdm import tqdm

from mnist_rnn.config import Configuration
from mnist_rnn.errors import TrainingError
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.fit import fit
from mnist_rnn.experiment.inputs import Examples
from mnist_rnn.experiment.network import build_model, predict
from mnist_rnn.experiment.optimization import cross_entropy
from mnist_rnn.records.checkpoint import Checkpoint, State, weights_sha256
from mnist_rnn.records.run import History

BAR = "{n:4d} of {total} epochs |{bar:25}| {elapsed}, {remaining} to go{postfix}"
KEPT = "Each finished epoch is saved, and a stopped run continues after its last saved epoch."
# `find_changed` ignores these attributes, because Keras itself changes them.
PASSING = {"name", "built", "train_function", "test_function", "predict_function"}
PASSING |= {"stop_training", "stop_evaluating", "stop_predicting"}
AGAIN = "Run the cells again, starting at the heading *Parameters*."


def describe_inputs(config: Configuration, training: Examples, test: Examples) -> dict[str, object]:
    """Return the configuration of a run and the digests of its examples, as JSON values."""
    return {
        "config": config.model_dump(),
        "training": weights_sha256(training),
        "test": weights_sha256(test),
    }


def train(
    model: keras.Model,
    training: Examples,
    test: Examples,
    config: Configuration,
    checkpoint: Checkpoint,
) -> State:
    """Train the model in place from the last checkpoint, and return the state of the run.

    Test errors are counted after each epoch, but have no influence on the training.

    Raises:
        TrainingError: the arguments belong to different runs, the model was changed before,
            training was interrupted, the loss was not finite, or the loss did not fall.
    """
    own = describe_inputs(config, training, test).items() <= checkpoint.owner.items()
    if not own or model.configuration != config:
        raise TrainingError(
            f"The model, the checkpoint or the images belong to another run. {AGAIN}"
        )
    if changed := find_changed(model, config):
        raise TrainingError(
            f"The model was changed after the call of `build_model`: {', '.join(changed)}. {AGAIN}"
        )
    untrained_loss = sample_loss(model, training)
    start = State(
        {name: [] for name in History.model_fields}, 0.0, get_variables(model), checkpoint.owner
    )
    state = checkpoint.read(start.variables) or start
    set_variables(model, state.variables)
    print(f"Epochs already finished: {state.epochs}. {KEPT}")
    if state.epochs < config.epochs:
        with tqdm(
            total=config.epochs, initial=state.epochs, bar_format=BAR, file=sys.stdout
        ) as bar:
            keeper = EpochKeeper(checkpoint, state, test, bar)
            try:
                fit(model, training, config, state.epochs, keeper)
            except KeyboardInterrupt:
                raise TrainingError(f"Stopped. {KEPT}") from None
        state = keeper.state
    trained_loss = sample_loss(model, training)
    if not trained_loss < untrained_loss:
        checkpoint.discard()
        raise TrainingError(
            "The network did not learn: its loss on the first training images is "
            f"{trained_loss:.4g}, and was {untrained_loss:.4g} before training."
        )
    return state


def find_changed(model: keras.Model, config: Configuration) -> list[str]:
    """Return the names of the parts in which the model differs from a new model.

    The optimizers of both models are built, so that their variables can be compared.
    """
    parts = []
    for each in (model, build_model(config)):
        each.optimizer.build(each.trainable_variables)
        compiled = each.get_compile_config() | {"optimizer": None}
        xla, eager = each.jit_compile, each.run_eagerly
        limits = [(v.trainable, v.constraint, v.regularizer) for v in each.variables]
        parts.append(
            {
                "weights": weights_sha256(np.array(variable) for variable in each.variables),
                "layers": ([*map(describe_settings, each.layers)], limits),
                "optimizer": describe_settings(each.optimizer),
                "optimizer's variables": weights_sha256(map(np.array, each.optimizer.variables)),
                "loss": each.loss,
                "compilation": (describe_settings(each), compiled, xla, eager),
            }
        )
    given, fresh = parts
    return [name for name in given if given[name] != fresh[name]]


def describe_settings(part: object) -> tuple[type, dict[str, object]]:
    """Return the type of a model, a layer or an optimizer, and its attributes that change results.

    Numbers and strings are returned unchanged. A function is replaced by its name, and any other
    object by its type.
    """
    settings: dict[str, object] = {}
    for name, value in vars(part).items():
        if not name.startswith("_") and name not in PASSING:
            plain = value is None or isinstance(value, bool | int | float | str | tuple)
            settings[name] = value if plain else getattr(value, "__qualname__", type(value))
    return type(part), settings


class EpochKeeper(keras.callbacks.Callback):
    """A callback that evaluates the model and saves the state of the run after each epoch."""

    def __init__(self, checkpoint: Checkpoint, state: State, test: Examples, bar: tqdm) -> None:
        """Set the state from which the run continues."""
        super().__init__()
        self.checkpoint, self.state, self.test, self.bar = checkpoint, state, test, bar
        self.start = time.perf_counter() - state.seconds

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Check the loss, count test errors, write the checkpoint, and update the progress bar.

        Raises:
            TrainingError: the loss is not finite.
        """
        if not math.isfinite(logs["loss"]):
            self.checkpoint.discard()
            raise TrainingError(f"The loss became {logs['loss']} in epoch {epoch + 1}.")
        answers = predict(self.model, self.test.x).argmax(axis=1)
        measured = logs | {
            "test_errors": int((answers != self.test.y).sum()),
            "weights_sha256": weights_sha256(self.model.get_weights()),
        }
        history = {
            name: [*self.state.history[name], measured[name]] for name in History.model_fields
        }
        seconds = time.perf_counter() - self.start
        self.state = State(history, seconds, get_variables(self.model), self.checkpoint.owner)
        self.checkpoint.write(self.state)
        self.bar.set_postfix_str("loss {loss:.4f}, accuracy {accuracy:.4f}".format(**logs), False)
        self.bar.update()


def get_variables(model: keras.Model) -> list[np.ndarray]:
    """Return copies of all variables of the model and its optimizer."""
    return [np.array(variable) for variable in (*model.variables, *model.optimizer.variables)]


def set_variables(model: keras.Model, values: list[np.ndarray]) -> None:
    """Set all variables of the model and its optimizer to values from `get_variables`."""
    variables = (*model.variables, *model.optimizer.variables)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def sample_loss(model: keras.Model, examples: Examples) -> float:
    """Return the mean cross-entropy of the first 1000 examples, in nats."""
    return float(cross_entropy(examples.y[:1000], predict(model, examples.x[:1000])))
