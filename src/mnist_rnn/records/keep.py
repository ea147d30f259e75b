"""Write the files of a run: the checkpoint, the record and the model.

During training, a run writes `seed-N.checkpoint` in `outputs/runs/CONFIGURATION`. After training,
`keep_run` writes the record `seed-N.json` and the model `seed-N.keras`. The notebook then deletes
the checkpoint.
"""

import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256, load_mnist
from mnist_rnn.errors import TrainingError
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.inputs import Examples, scale
from mnist_rnn.experiment.network import predict
from mnist_rnn.paths import require_own_folder
from mnist_rnn.records.checkpoint import Checkpoint, State, weights_sha256
from mnist_rnn.records.digest import LOADED_SHA256, digest_code
from mnist_rnn.records.environment import Environment, what_decides_bits
from mnist_rnn.records.metrics import find_mistakes, measure_loss, to_probabilities
from mnist_rnn.records.model_file import save_model
from mnist_rnn.records.run import History, Run, run_path, write_run
from mnist_rnn.records.training import AGAIN, describe_inputs


def open_checkpoint(
    config: Configuration, training: Examples, test: Examples, environment: Environment
) -> Checkpoint:
    """Return the checkpoint of a run, after checking the examples and the loaded code.

    Raises:
        ExperimentError: the working directory is in another copy of the repository.
        TrainingError: the examples don't belong to the configuration, or the code was changed after
            the kernel had loaded it.
    """
    require_own_folder()
    require_mnist(config, training, test)
    if digest_code() != LOADED_SHA256:
        raise TrainingError(
            "The code in src/mnist_rnn/experiment was changed after this kernel had loaded it. "
            "Restart the kernel, and run all cells."
        )
    owner = describe_inputs(config, training, test) | what_decides_bits(environment)
    return Checkpoint(run_path(config, ".checkpoint"), owner)


def require_mnist(config: Configuration, training: Examples, test: Examples) -> None:
    """Raise TrainingError if the examples are not the MNIST examples of the configuration."""
    (x_train, y_train), (x_test, y_test) = load_mnist()
    size = config.train_size
    for name, given, x, y in (
        ("training", training, x_train[:size], y_train[:size]),
        ("test", test, x_test, y_test),
    ):
        if not (np.array_equal(given.x, scale(x)) and np.array_equal(given.y, y)):
            raise TrainingError(
                f"{name}: expected the first {len(y):,} {name} images of MNIST, got other images. "
                f"{AGAIN}"
            )


def keep_run(
    config: Configuration,
    model: keras.Model,
    state: State,
    training: Examples,
    test: Examples,
    environment: Environment,
) -> Run:
    """Evaluate a trained model, write the model and its record, and return the record.

    Raises:
        TrainingError: the arguments belong to different runs.
    """
    require_mnist(config, training, test)
    inputs = describe_inputs(config, training, test) | what_decides_bits(environment)
    trained = weights_sha256(model.get_weights()) == state.history["weights_sha256"][-1]
    if state.owner != inputs or state.epochs != config.epochs or not trained:
        raise TrainingError(f"The parameters are not those of the trained model. {AGAIN}")
    probabilities = [to_probabilities(predict(model, examples.x)) for examples in (training, test)]
    run = Run(
        config=config,
        parameters=model.count_params(),
        history=History.model_validate(state.history),
        train_loss=measure_loss(probabilities[0], training.y),
        train_errors=int((probabilities[0].argmax(axis=1) != training.y).sum()),
        test_loss=measure_loss(probabilities[1], test.y),
        mistakes=find_mistakes(probabilities[1], test.y),
        data_sha256=DATA_SHA256,
        seconds=state.seconds,
        environment=environment,
    )
    path = run_path(config, ".keras")
    save_model(model, config, path)
    write_run(run)
    return run
