"""Test what a run computes, what it writes, and that a stopped run continues."""

import hashlib
import os
import pickle
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, product

import numpy as np
import pytest
from helpers.runs import finish, outcome, read_until, start_papermill, start_plain

from mnist_rnn.config import LAYERS, LEARNING_RATES, Configuration
from mnist_rnn.experiment import layers
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import epoch_order, load_examples
from mnist_rnn.experiment.network import build_model, predict
from mnist_rnn.records import probe, training
from mnist_rnn.records.checkpoint import Checkpoint, State, weights_sha256
from mnist_rnn.records.metrics import find_mistakes, measure_loss
from mnist_rnn.records.model_file import load_run
from mnist_rnn.records.run import read_run, read_runs, run_path
from mnist_rnn.records.training import EpochKeeper, train
from mnist_rnn.system.errors import ExperimentError, OutputError
from mnist_rnn.system.paths import ROOT


def build_in_keras(config):
    """Return a network of Keras's own layers that has the initial weights of `build_model`."""
    recurrent = getattr(layers, LAYERS[config.layer].class_name).in_keras
    parts = [recurrent(config.units), keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((28, 28)), *parts])
    model.set_weights(draw_initial_weights(config))
    model.compile(config.optimizer, "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    ("layer", "optimizer", "batch_size"),
    [
        ("simple_rnn", "sgd", 128),  # the last batch of an epoch has 104 examples
        pytest.param("simple_rnn", "sgd", 333, marks=pytest.mark.slow),  # one example
        pytest.param("gru", "adam", 250, marks=pytest.mark.slow),
        pytest.param("lstm", "adam", 250, marks=pytest.mark.slow),
    ],
)
def test_a_run_agrees_with_keras_in_every_batch(layer, optimizer, batch_size, small, results):
    changes = {"layer": layer, "optimizer": optimizer, "batch_size": batch_size, "dropout": 0.0}
    config = Configuration(**small.model_dump(exclude={*changes, "learning_rate"}) | changes)
    run, trained, probabilities = train(config)
    (x, y), test = load_examples(config)
    model = build_in_keras(config)
    for epoch in range(config.epochs):
        order = epoch_order(config.seed, epoch, len(x))
        before = []  # number of images, loss and accuracy of each batch
        for start in range(0, len(x), config.batch_size):
            some = order[start : start + config.batch_size]
            answers = model.predict_on_batch(x[some])
            right = (answers.argmax(axis=1) == y[some]).mean()
            before.append((len(some), measure_loss(answers, y[some]), right))
            model.train_on_batch(x[some], y[some])
        sizes, *measured = zip(*before, strict=True)
        for name, values in zip(("loss", "accuracy"), measured, strict=True):
            mean = np.average(values, weights=sizes)
            assert getattr(run.history, name)[epoch] == pytest.approx(mean, abs=1e-5)
    for ours, expected in zip(trained.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    np.testing.assert_allclose(probabilities, predict(model, test.x), atol=1e-4)
    assert run.train_loss == pytest.approx(measure_loss(predict(model, x), y), abs=1e-4)
    assert run.test_loss == pytest.approx(measure_loss(predict(model, test.x), test.y), abs=1e-4)
    assert run.train_errors == pytest.approx(len(find_mistakes(predict(model, x), y)), abs=3)
    assert run.mistakes == find_mistakes(probabilities, test.y)
    assert len(run.mistakes) == run.history.test_errors[-1]
    assert len(set(run.history.weights_sha256)) == config.epochs
    path = run_path(config, ".json", results)
    assert (results / "latest").read_text() == run.name
    assert sorted(os.listdir(path.parent)) == ["seed-0.json", "seed-0.keras"]
    assert read_run(path) == load_run(path.with_suffix(".keras"))[0] == run
    assert run.weights_sha256 == weights_sha256(trained.get_weights())


def test_a_run_that_does_not_learn_stops_with_a_reason(small, results, monkeypatch):
    monkeypatch.setattr(training, "fit", lambda *_: None)
    with pytest.raises(ExperimentError, match=r"did not learn: its loss .* is \d\S+, and was 2\."):
        train(small)
    assert not [path for path in results.rglob("*") if path.is_file()]


def test_an_infinite_loss_stops_the_run_and_removes_its_checkpoint(small, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    checkpoint.write(STATE)
    keeper = EpochKeeper(checkpoint, build_model(small), None, False, None)
    with pytest.raises(ExperimentError, match="The loss became nan in epoch 3"):
        keeper.on_epoch_end(2, {"loss": float("nan")})
    assert not checkpoint.path.exists()


def test_training_in_another_copy_of_the_repository_is_rejected(small, tmp_path, monkeypatch):
    (tmp_path / "src" / "mnist_rnn").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExperimentError, match=rf"runs in {tmp_path}, but uses the code in {ROOT}"):
        train(small)


# ---- Stopped runs


def interrupt(history):
    raise KeyboardInterrupt


def fail_to_write(run):
    raise OutputError("No space left on device")


def test_a_run_that_is_stopped_twice_equals_an_uninterrupted_run(small, results, monkeypatch):
    """Interrupt the run as JupyterLab does, and then fill the disk.

    Only the first part has other bits. An old record stays until the new one is written.
    """
    monkeypatch.setattr(probe, "probe_step", lambda: None)  # its steps would be compiled each time
    alone = train(small).run
    path = run_path(small, ".json", results)
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setenv("MNIST_RNN_OTHER_BITS", "1")
        patch.setattr(probe, "probe_step", lambda: "Other bits.")
        with pytest.raises(ExperimentError, match=r"^Stopped\. .* continues after its last"):
            train(small, interrupt)
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(training, "write_run", fail_to_write)
        with pytest.raises(OutputError):
            train(small, seen.append)
    assert path.read_text() == "old"
    run = train(small, seen.append).run
    assert outcome(run) == outcome(read_run(path)) == outcome(alone)
    assert run.environment.other_bits
    assert [len(history["loss"]) for history in seen] == [2, 3]


HISTORY = {"loss": [0.5, 0.25], "accuracy": [0.75, 1 / 3], "test_errors": [9, 7]}
HISTORY |= {"weights_sha256": ["0" * 64, "1" * 64]}
STATE = State(HISTORY, 1.5, False, [np.arange(3.0), np.ones(2)])


def test_a_checkpoint_keeps_its_state_and_belongs_to_one_run(tmp_path, caplog):
    Checkpoint(tmp_path / "checkpoint", {"data": "1", "config": {}}).write(STATE)
    again = Checkpoint(tmp_path / "checkpoint", {"config": {}, "data": "1"}).read()
    assert again[:3] == STATE[:3]
    assert [a.tolist() for a in again.variables] == [a.tolist() for a in STATE.variables]
    assert Checkpoint(tmp_path / "checkpoint", {"data": "2"}).read() is None
    assert "belongs to another run" in caplog.text


class Pickled:
    """An object that fails the test when it is read from a pickle."""

    def __reduce__(self):
        return pytest.fail, ("a checkpoint's pickle was read",)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "shortened": lambda path: os.truncate(path, path.stat().st_size - 9),
    "one bit": lambda path: path.write_bytes(
        (content := path.read_bytes())[:99] + bytes([content[99] ^ 1]) + content[100:]
    ),
    "a pickle": lambda path: path.write_bytes(
        hashlib.sha256(content := pickle.dumps(Pickled())).digest() + content
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_renamed(damage, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    checkpoint.write(STATE)
    assert checkpoint.read()
    damage(checkpoint.path)
    assert checkpoint.read() is None
    assert os.listdir(tmp_path) == ["checkpoint.damaged"]


def test_a_damaged_checkpoint_that_cannot_be_renamed_does_not_stop_the_run(tmp_path, caplog):
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    checkpoint.path.write_text("damaged")
    (tmp_path / "checkpoint.damaged").mkdir()
    assert checkpoint.read() is None
    assert "can't be renamed" in caplog.text


def test_a_full_disk_neither_damages_the_checkpoint_nor_stops_the_run(tmp_path, fill_disk, caplog):
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    checkpoint.write(STATE)
    fill_disk()
    checkpoint.write(STATE._replace(seconds=9.0))
    assert caplog.messages[0].endswith("No space left on device. The run continues.")
    assert checkpoint.read().seconds == STATE.seconds


def test_a_kill_during_a_write_keeps_the_previous_checkpoint(tmp_path):
    """Kill the process by SIGKILL before the new file replaces the old file."""
    program = """
import os, pickle, sys
checkpoint, state = pickle.load(sys.stdin.buffer)
checkpoint.write(state)
os.fsync = lambda _: os.kill(os.getpid(), 9)
checkpoint.write(state._replace(seconds=9.0))
"""
    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=pickle.dumps((checkpoint, STATE)), timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert checkpoint.read().seconds == STATE.seconds


def kill_at_random(parameters, results, moments, start=start_plain):
    """Kill a run after each number of seconds in `moments`, and then let the run finish.

    Returns the finished run and the number of kills.
    """
    killed = 0
    for moment in moments:
        process = start(parameters, results)
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
    return finish(start(parameters, results), results), killed


@pytest.mark.slow
def test_a_run_that_is_killed_at_random_moments_equals_an_uninterrupted_run(tmp_path):
    """Expect equal records and no partial files."""
    parameters = {"units": 64, "epochs": 60, "train_size": 3000, "dropout": 0.2}
    expected = finish(start_plain(parameters, tmp_path / "alone"), tmp_path / "alone")
    moments = [random.Random(4).uniform(6, 14) for _ in range(3)]
    record, killed = kill_at_random(parameters, tmp_path / "killed", moments)
    assert killed == 3
    assert outcome(record) == outcome(expected)
    left = os.listdir(run_path(record.config, "", tmp_path / "killed").parent)
    whole = {file for file in left if not file.startswith(".")}
    assert whole == {"rnn-mnist.png", "seed-0.json", "seed-0.keras"}


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_papermill_continues_a_run_that_a_signal_stopped(stop, tmp_path):
    parameters = {"units": 64, "epochs": 400, "train_size": 2000}
    process = start_papermill(parameters, tmp_path)
    read_until(process, "5 of 400 epochs")
    process.send_signal(stop)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert read_runs(tmp_path) == ([], [])
    again = start_papermill(parameters, tmp_path)
    output = read_until(again, "Epochs already finished: ")
    os.killpg(again.pid, signal.SIGKILL)
    again.communicate()
    assert "Epochs already finished: 0." not in output


@pytest.mark.trial
def test_a_hundred_killed_runs_equal_uninterrupted_runs(tmp_path):
    """Train all layers with all optimizers, two runs at a time. Kill each run up to five times."""
    networks = [
        {"layer": layer, "optimizer": optimizer, "dropout": 0.2}
        for layer, optimizer in product(LAYERS, LEARNING_RATES)
    ] + [{"dropout": 0.0}]
    base = {"units": 16, "epochs": 20, "train_size": 2000}
    randomly = random.Random(0)
    jobs = []
    for number, network in zip(range(100), cycle(networks), strict=False):
        moments = [randomly.uniform(3, 10) for _ in range(randomly.randint(1, 5))]
        jobs.append((base | network, tmp_path / str(number), moments))
    alone = [(base | network, tmp_path / f"alone-{i}", []) for i, network in enumerate(networks)]
    with ThreadPoolExecutor(2) as pool:
        expected = list(pool.map(lambda job: outcome(kill_at_random(*job)[0]), alone))
        ended = list(pool.map(lambda job: kill_at_random(*job), jobs))
    for (record, _), wanted in zip(ended, cycle(expected), strict=False):
        assert outcome(record) == wanted
    assert sum(killed for _, killed in ended) >= 100
