"""Test that a stopped run continues, and ends bit-identical to an uninterrupted run."""

import hashlib
import io
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, product

import numpy as np
import pytest
from helpers.runs import finish, outcome, read_until, start_papermill, start_plain

from mnist_rnn.bits.verify import compare_runs
from mnist_rnn.config import Configuration
from mnist_rnn.errors import TrainingError
from mnist_rnn.experiment.network import LAYERS
from mnist_rnn.records.checkpoint import Checkpoint, State, weights_sha256
from mnist_rnn.records.run import run_path

HISTORY = {"loss": [0.5, 0.25], "accuracy": [0.75, 1 / 3], "test_errors": [9, 7]}
HISTORY |= {"weights_sha256": ["0" * 64, "1" * 64]}
STATE = State(HISTORY, 1.5, [np.arange(3.0), np.ones(2)], {})


def keep(checkpoint, **values):
    """Write `STATE` to a checkpoint, with the fields in `values` replaced."""
    checkpoint.write(STATE._replace(owner=checkpoint.owner, **values))


class Killed(BaseException):
    """Simulate the kill of a process."""


def stop_after_writing(monkeypatch, error):
    """Make the next run raise an error after it has written its first checkpoint."""
    write = Checkpoint.write

    def write_and_stop(self, state):
        write(self, state)
        raise error

    monkeypatch.setattr(Checkpoint, "write", write_and_stop)


@pytest.mark.parametrize(
    ("layer", "optimizer"),
    [
        ("simple_rnn", "sgd"),
        pytest.param("gru", "adam", marks=pytest.mark.slow),
        pytest.param("lstm", "rmsprop", marks=pytest.mark.slow),
    ],
)
def test_run_that_is_resumed_twice_equals_an_uninterrupted_run(
    layer, optimizer, small, run, left_alone, make_checkpoint, monkeypatch, capsys
):
    """Interrupt the run as JupyterLab does, then kill the run, and then let the run finish."""
    config = small.model_copy(update={"layer": layer, "optimizer": optimizer})
    expected = left_alone if config == small else run(config)
    interrupted = KeyboardInterrupt, TrainingError, r"^Stopped\. .* continues after its last"
    for epochs, (stop, error, message) in enumerate((interrupted, (Killed, Killed, None)), 1):
        with monkeypatch.context() as patch:
            stop_after_writing(patch, stop)
            with pytest.raises(error, match=message):
                run(config)
        checkpoint = make_checkpoint(config)
        kept = checkpoint.read()
        assert kept.epochs == epochs
        checkpoint.write(kept._replace(seconds=kept.seconds + 1000))
    capsys.readouterr()
    finished = run(config)
    assert re.findall(r"(\d) of \d epochs", capsys.readouterr().out)[0] == "2"
    assert_same(finished, expected)
    assert 2000 < finished[1].seconds < 2100


def assert_same(run, expected):
    """Check that the models and the histories of two runs are bit-identical."""
    (model, state), (expected_model, expected_state) = run, expected
    assert state.history == expected_state.history
    assert weights_sha256(model.get_weights()) == weights_sha256(expected_model.get_weights())


def test_no_epoch_is_trained_again_if_only_the_record_is_missing(
    small, run, left_alone, kept_alone, make_checkpoint
):
    """Resume from the checkpoint after the last epoch of a run that wrote no record."""
    shutil.copy(kept_alone.path, make_checkpoint(small).path)
    kept = make_checkpoint(small).read()
    assert kept.epochs == small.epochs
    model, state = run(small)
    assert state.seconds == kept.seconds  # no epoch was trained again
    assert_same((model, state), left_alone)


def test_checkpoint_of_another_run_is_ignored(small, make_checkpoint, caplog):
    keep(make_checkpoint(small, data="1", code="2"))
    other = make_checkpoint(small, data="1", code="0")
    assert other.read() is None
    assert caplog.messages == [
        f"The checkpoint {other.path} belongs to another run, other code or other versions, "
        "and is ignored"
    ]
    assert make_checkpoint(small, code="2", data="1").read().history == HISTORY


def savez(*values):
    """Return the bytes of an .npz file that contains these arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, *values)
    return buffer.getvalue()


def test_the_digest_of_weights_does_not_depend_on_the_byte_order():
    weights = np.arange(3, dtype="<f4")
    assert weights_sha256([weights.astype(">f4")]) == weights_sha256([weights])


class Pickled:
    """An object that fails the test when it is read from a pickle."""

    def __reduce__(self):
        return pytest.fail, ("a checkpoint's pickle was read",)


PARTS = [np.array(values) for values in HISTORY.values()]
CONTENTS = {
    "nothing": lambda owner: b"",
    "text": lambda owner: b"text",
    "a broken archive": lambda owner: savez(owner)[:-30],
    "an array": lambda owner: (np.save(buffer := io.BytesIO(), PARTS[0]), buffer.getvalue())[1],
    "a pickle": lambda owner: savez(np.array([Pickled()])),
    "too little": lambda owner: savez(owner, 1.5, PARTS[0]),
    "no number": lambda owner: savez(owner, "soon", *PARTS, *STATE.variables),
    "epochs without a measure": lambda owner: savez(
        owner, 1.5, PARTS[0][:1], *PARTS[1:], *STATE.variables
    ),
    "too few variables": lambda owner: savez(owner, 1.5, *PARTS, STATE.variables[0]),
}


@pytest.mark.parametrize("make", CONTENTS.values(), ids=CONTENTS)
def test_checkpoint_with_wrong_content_is_renamed(make, small, make_checkpoint, caplog):
    """Write wrong content together with the correct digest of that content."""
    checkpoint = make_checkpoint(small)
    content = make(json.dumps(checkpoint.owner, sort_keys=True))
    checkpoint.path.write_bytes(hashlib.sha256(content).digest() + content)
    assert checkpoint.read(STATE.variables) is None
    assert "checkpoint is damaged and was renamed to checkpoint.damaged" in caplog.text
    assert os.listdir(checkpoint.path.parent) == ["checkpoint.damaged"]


def test_run_starts_from_the_beginning_if_its_checkpoint_has_too_few_variables(
    small, run, left_alone, make_checkpoint
):
    checkpoint = make_checkpoint(small)
    keep(checkpoint)
    assert_same(run(small), left_alone)
    assert os.listdir(checkpoint.path.parent) == ["checkpoint.damaged"]


def test_full_disk_neither_damages_the_last_checkpoint_nor_stops_the_run(
    small, run, make_checkpoint, fill_disk, caplog
):
    checkpoint = make_checkpoint(small)
    keep(checkpoint)
    fill_disk()
    keep(checkpoint, seconds=9.0)
    problem = f"{checkpoint.path} can't be written: No space left on device."
    assert caplog.messages == [f"{problem} The run continues."]
    assert checkpoint.read().seconds == STATE.seconds
    assert os.listdir(checkpoint.path.parent) == ["checkpoint"]
    checkpoint.discard()
    assert run(small)[1].epochs == small.epochs


def test_kill_during_a_write_keeps_the_previous_checkpoint(small, make_checkpoint, tmp_path):
    """Kill the process by SIGKILL before the new file replaces the old file."""
    program = """
import os, pickle, sys
checkpoint, state = pickle.load(sys.stdin.buffer)
checkpoint.write(state)
os.fsync = lambda _: os.kill(os.getpid(), 9)
checkpoint.write(state._replace(seconds=9.0))
"""
    checkpoint = make_checkpoint(small)
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps((checkpoint, STATE._replace(owner=checkpoint.owner))),
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    assert checkpoint.read().seconds == STATE.seconds


def kill_at_random(parameters, results, moments, start=start_plain, after=None):
    """Kill a run after each number of seconds in `moments`, and then let the run finish.

    The seconds are counted from the start of the process, or from the output line that contains
    `after`. Returns the finished run and the number of kills.
    """
    killed = 0
    for moment in moments:
        process = start(parameters, results)
        if after:
            read_until(process, after)
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
    return finish(start(parameters, results), results), killed


@pytest.mark.parametrize(
    "kills", [pytest.param(3, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.trial)]
)
def test_run_that_is_killed_at_random_moments_equals_an_uninterrupted_run(kills, tmp_path):
    """Kill each of two parallel runs several times. Expect equal records and no partial files.

    The second run is killed only after training has started.
    """
    parameters = {"units": 64, "epochs": 60, "train_size": 3000, "dropout": 0.2}
    expected = finish(start_plain(parameters, tmp_path / "alone"), tmp_path / "alone")

    def kill(name, latest, after):
        randomly = random.Random(4)
        moments = [randomly.uniform(latest / 4, latest) for _ in range(kills)]
        return kill_at_random(parameters, tmp_path / name, moments, after=after)

    ways = [("one", 8, None), ("other", 2, "Epochs already finished: ")]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda way: kill(*way), ways))
    assert sum(killed for _, killed in ended) == 2 * kills
    for (record, _), (name, *_) in zip(ended, ways, strict=True):
        assert outcome(record) == outcome(expected)
        left = os.listdir(run_path(record.config, "", tmp_path / name).parent)
        whole = {file for file in left if not file.startswith(".")}
        assert whole == {"rnn-mnist.png", "seed-0.json", "seed-0.keras"}


@pytest.mark.slow
def test_two_simultaneous_runs_of_one_configuration_are_equal(tmp_path):
    parameters = {"units": 16, "epochs": 10, "train_size": 2000, "dropout": 0.2}
    expected = finish(start_plain(parameters, tmp_path / "alone"), tmp_path / "alone")
    both = [start_plain(parameters, tmp_path / "both") for _ in range(2)]
    for process in both:
        assert outcome(finish(process, tmp_path / "both")) == outcome(expected)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_papermill_continues_a_run_that_a_signal_stopped(stop, tmp_path):
    parameters = {"units": 64, "epochs": 400, "train_size": 2000}
    checkpoint = run_path(Configuration(**parameters), ".checkpoint", tmp_path)
    process = start_papermill(parameters, tmp_path)
    output = read_until(process, "5 of 400 epochs")
    assert "a stopped run continues after its last saved epoch" in output
    process.send_signal(stop)
    start = time.monotonic()
    process.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert process.returncode != 0
    assert checkpoint.exists()
    assert not checkpoint.with_suffix(".json").exists()
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
        for layer, optimizer in product(LAYERS, ("sgd", "rmsprop", "adam"))
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
    same = sum(
        outcome(record) == wanted
        for (record, _), wanted in zip(ended, cycle(expected), strict=False)
    )
    kills = sum(killed for _, killed in ended)
    print(f"{same} of {len(jobs)} runs, killed {kills} times in all, ended like uninterrupted ones")
    assert same == len(jobs) == 100
    assert kills >= 100


@pytest.mark.trial
def test_default_run_that_is_killed_three_times_equals_the_committed_run(committed, tmp_path):
    record, killed = kill_at_random({}, tmp_path, [25, 50, 40], start_papermill)
    assert killed >= 1
    good, sentence = compare_runs(record, committed)
    print(f"killed {killed} times; {sentence}")
    assert good
