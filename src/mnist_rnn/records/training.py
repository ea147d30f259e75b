"""Train a run from its last checkpoint to its record."""

import math
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from tqdm import tqdm

from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.fit import fit
from mnist_rnn.experiment.inputs import Examples, load_examples
from mnist_rnn.experiment.network import build_model, predict
from mnist_rnn.experiment.optimization import cross_entropy
from mnist_rnn.records.checkpoint import Checkpoint, State, weights_sha256
from mnist_rnn.records.environment import count_threads, describe_environment
from mnist_rnn.records.metrics import find_mistakes, measure_loss
from mnist_rnn.records.model_file import save_model
from mnist_rnn.records.probe import require_bits
from mnist_rnn.records.run import History, Run, find_first_steps, run_path, write_run
from mnist_rnn.system.errors import ExperimentError
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import LATEST, require_own_folder

BAR = "{n:4d} of {total} epochs |{bar:25}| {elapsed}, {remaining} to go{postfix}"
KEPT = "Each finished epoch is saved, and a stopped run continues after its last saved epoch."


class Finished(NamedTuple):
    """A finished run: its record, its model, and the probabilities (10000, 10) of test images."""

    run: Run
    model: keras.Model
    probabilities: np.ndarray


def train(config: Configuration, after_epoch: Callable[[dict], object] | None = None) -> Finished:
    """Train a run, write its record and its model, and return the finished run.

    A stopped run continues from its checkpoint `seed-N.checkpoint`, which is deleted at the end.
    The record `seed-N.json` and the model `seed-N.keras` are in the same folder,
    `outputs/runs/CONFIGURATION`. After each epoch, `after_epoch` is called with the history. Test
    errors are counted after each epoch, but have no influence on the training.

    Raises:
        ExperimentError: this process computes other bits, training was interrupted, the loss was
            not finite, the loss did not fall, or a file can't be written.
    """
    require_own_folder()
    environment = require_bits(describe_environment(count_threads()))
    training, test = load_examples(config)
    first_steps = find_first_steps(config)
    owner = {"config": config.model_dump(), "data": DATA_SHA256, "first steps": first_steps}
    checkpoint = Checkpoint(run_path(config, ".checkpoint"), owner)
    model = build_model(config)
    keeper = EpochKeeper(checkpoint, model, test, environment.other_bits, after_epoch)
    fit_from_checkpoint(model, training, config, keeper)
    state = keeper.state
    logits = [predict(model, examples.x).astype("float64") for examples in (training, test)]
    outputs = [softmax(each, axis=-1) for each in logits]
    run = Run(
        config=config,
        parameters=model.count_params(),
        history=History.model_validate(state.history),
        train_loss=measure_loss(outputs[0], training.y),
        train_errors=len(find_mistakes(outputs[0], training.y)),
        test_loss=measure_loss(outputs[1], test.y),
        mistakes=find_mistakes(outputs[1], test.y),
        data_sha256=DATA_SHA256,
        first_steps=first_steps,
        seconds=state.seconds,
        environment=environment.model_copy(update={"other_bits": state.other_bits}),
    )
    save_model(model, config, run_path(config, ".keras"))
    write_run(run)
    write_text(LATEST, run.name)
    checkpoint.discard()
    return Finished(run, model, outputs[1])


def fit_from_checkpoint(
    model: keras.Model, training: Examples, config: Configuration, keeper: "EpochKeeper"
) -> None:
    """Train the model in place to the last epoch."""
    untrained_loss = sample_loss(model, training)
    finished = keeper.restore()
    print(f"Epochs already finished: {finished}. {KEPT}")
    if finished < config.epochs:
        with tqdm(
            total=config.epochs, initial=finished, bar_format=BAR, file=sys.stdout
        ) as keeper.bar:
            try:
                fit(model, training, config, finished, keeper)
            except KeyboardInterrupt:
                raise ExperimentError(f"Stopped. {KEPT}") from None
    trained_loss = sample_loss(model, training)
    if not trained_loss < untrained_loss:
        keeper.checkpoint.discard()
        raise ExperimentError(
            "The network did not learn: its loss on the first training images is "
            f"{trained_loss:.4g}, and was {untrained_loss:.4g} before training."
        )


class EpochKeeper(keras.callbacks.Callback):
    """A callback that evaluates the model and saves the state of the run after each epoch."""

    bar: tqdm

    def __init__(
        self,
        checkpoint: Checkpoint,
        model: keras.Model,
        test: Examples,
        other_bits: bool,
        after_epoch: Callable[[dict], object] | None,
    ) -> None:
        """Set the state before the first epoch."""
        super().__init__()
        self.checkpoint, self.test, self.after_epoch = checkpoint, test, after_epoch
        self.set_model(model)
        history: dict[str, list] = {name: [] for name in History.model_fields}
        self.state = State(history, 0.0, other_bits, [])

    def restore(self) -> int:
        """Continue from the checkpoint, if there is one, and return the number of its epochs."""
        if saved := self.checkpoint.read():
            other_bits = saved.other_bits or self.state.other_bits
            self.state = saved._replace(other_bits=other_bits)
            for variable, value in zip(list_variables(self.model), saved.variables, strict=True):
                variable.assign(value)
        self.start = time.perf_counter() - self.state.seconds
        return len(self.state.history["loss"])

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Check the loss, count test errors, write the checkpoint, and update the progress bar."""
        if not math.isfinite(logs["loss"]):
            self.checkpoint.discard()
            raise ExperimentError(f"The loss became {logs['loss']} in epoch {epoch + 1}.")
        answers = predict(self.model, self.test.x).argmax(axis=1)
        measured = logs | {
            "test_errors": int((answers != self.test.y).sum()),
            "weights_sha256": weights_sha256(self.model.get_weights()),
        }
        history = {name: [*values, measured[name]] for name, values in self.state.history.items()}
        seconds = time.perf_counter() - self.start
        variables = [np.array(variable) for variable in list_variables(self.model)]
        self.state = State(history, seconds, self.state.other_bits, variables)
        self.checkpoint.write(self.state)
        self.bar.set_postfix_str("loss {loss:.4f}, accuracy {accuracy:.4f}".format(**logs), False)
        self.bar.update()
        if self.after_epoch:
            self.after_epoch(history)


def list_variables(model: keras.Model) -> list[keras.Variable]:
    """Return all variables of the model and its optimizer."""
    return [*model.variables, *model.optimizer.variables]


def sample_loss(model: keras.Model, examples: Examples) -> float:
    """Return the mean cross-entropy of the first 1000 examples, in nats."""
    x, y = (each[:1000] for each in examples)
    return float(cross_entropy(y, predict(model, x)))
