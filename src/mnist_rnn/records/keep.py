"""What a run keeps: its state while it trains, then its record and its model."""

from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.checkpoints import Checkpoint, State
from mnist_rnn.experiment.network import predict
from mnist_rnn.experiment.training import Examples
from mnist_rnn.records.environment import Environment, what_decides_bits
from mnist_rnn.records.metrics import find_mistakes, measure, to_probabilities
from mnist_rnn.records.model_file import save_model, weights_sha256
from mnist_rnn.records.record import History, Record, run_path, write_record


def open_checkpoint(config: Configuration, environment: Environment) -> Checkpoint:
    """The checkpoint of this run; it belongs to its configuration, data, code and versions."""
    owner = {"config": config.model_dump(), "data": DATA_SHA256} | what_decides_bits(environment)
    return Checkpoint(run_path(config, ".checkpoint"), owner)


def keep_run(
    config: Configuration,
    model: keras.Model,
    state: State,
    training: Examples,
    test: Examples,
    environment: Environment,
) -> Record:
    """Measure a trained model, and write the model and the record, which is returned."""
    answers = [to_probabilities(predict(model, examples.x)) for examples in (training, test)]
    record = Record(
        config=config,
        parameters=model.count_params(),
        history=History.model_validate(state.history),
        train=measure(answers[0], training.y),
        test=measure(answers[1], test.y),
        mistakes=find_mistakes(answers[1], test.y),
        weights_sha256=weights_sha256(model.get_weights()),
        data_sha256=DATA_SHA256,
        seconds=state.seconds,
        environment=environment,
    )
    save_model(model, config, run_path(config, ".keras"))
    write_record(record)
    return record
