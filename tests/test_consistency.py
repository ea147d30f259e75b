"""Test the comparison of a record with its model and with the committed run."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.samples import change

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ModelError, RecordError
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.experiment.network import build_model, predict
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records import consistency, environment
from mnist_rnn.records.consistency import (
    Weights,
    compute_logits,
    compute_loss,
    compute_states,
    load_checked,
    load_run,
    read_committed,
    require_reproduction,
)
from mnist_rnn.records.run import read_runs, run_path, write_run

OTHER_DIGESTS = [f"{epoch:064}" for epoch in range(20)]
LINKS = {
    "path": lambda clone: clone / "results",
    "symbolic link": lambda clone: link(clone, os.symlink),
    "hard link": lambda clone: link(clone, os.link),
    "linked folder": lambda clone: (clone / "outputs").symlink_to("results") or clone / "outputs",
}


def link(clone, make):
    """Return a second folder of results, with a link to the committed record."""
    path = run_path(Configuration(), ".json", clone / "outputs")
    path.parent.mkdir(parents=True)
    make(run_path(Configuration(), ".json", clone / "results"), path)
    return clone / "outputs"


@pytest.fixture
def clone(committed, tmp_path, monkeypatch):
    """Return a repository whose committed record was replaced after the commit."""
    for module in (consistency, environment):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(consistency, "COMMITTED", tmp_path / "results")
    write_run(committed, tmp_path / "results")
    for command in ("init -q", "add .", "-c user.name=x -c user.email=x commit -qm x"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    write_run(change(committed, "history", weights_sha256=OTHER_DIGESTS), tmp_path / "results")
    return tmp_path


@pytest.mark.parametrize("give", LINKS.values(), ids=LINKS)
def test_a_record_is_not_compared_with_itself(give, clone, committed, monkeypatch):
    """Read the committed record directly and through links, and expect the version in git.

    Without a git repository, expect an error.
    """
    path = run_path(Configuration(), ".json", give(clone))
    assert read_committed(path, Configuration()) == committed
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # GIT_DIR would select another repository
    assert read_committed(path, Configuration()) == committed
    shutil.rmtree(clone / ".git")
    with pytest.raises(
        RecordError, match=r"^\S+ is the committed record, which can.t be compared without git$"
    ):
        read_committed(path, Configuration())
    monkeypatch.setattr(consistency, "ask", lambda *_: "{}")
    with pytest.raises(RecordError, match=r"^\S+/seed-0\.json is not a record: config: Field req"):
        read_committed(path, Configuration())


def test_a_record_in_outputs_is_compared_with_the_record_in_results(clone):
    path = run_path(Configuration(), ".json", clone / "outputs")
    for there in (False, True):
        assert read_committed(path, Configuration()).weights_sha256 == OTHER_DIGESTS[-1]
        if not there:
            shutil.copytree(clone / "results", clone / "outputs")


def test_a_copied_record_is_not_a_reproduction(committed, tmp_path):
    with pytest.raises(RecordError, match=r"record: nothing was computed here$"):
        require_reproduction(tmp_path, committed, committed)
    later = committed.model_copy(update={"seconds": committed.seconds + 1})
    require_reproduction(tmp_path, later, committed)


def change_result(run, name):
    """Return a copy of the run in which the result `name` has another value."""
    part, _, field = name.rpartition(".")
    values = getattr(run, part) if part else run
    value = getattr(values, field)
    if isinstance(value, list):
        value = [*value[:-2], "1" * 64 if isinstance(value[-1], str) else value[-2] + 1, value[-1]]
    elif isinstance(value, dict):
        first = min(value)
        value = value | {first: (value[first] + 1) % 10}
    else:
        value = "other" if isinstance(value, str) else value + 1
    return change(run, part, **{field: value}) if part else run.model_copy(update={field: value})


def test_a_run_with_the_same_weights_but_another_result_is_rejected(committed, tmp_path):
    """Change each result in turn, and expect the name of the changed result in the error."""
    for name in committed.results.keys() - {"test_errors"}:
        with pytest.raises(RecordError) as rejected:
            require_reproduction(tmp_path, change_result(committed, name), committed)
        assert str(rejected.value).endswith(
            f"the same weights as the committed run but different {name}"
        )
    last_differs = [*committed.history.weights_sha256[:-1], "1" * 64]
    for digests in (OTHER_DIGESTS, last_differs):
        other = change(committed, "history", weights_sha256=digests, test_errors=[1] * 20)
        require_reproduction(tmp_path, other, committed)


def test_a_copied_run_under_another_seed_is_rejected(committed, make_record, tmp_path):
    """Accept a copy whose configuration gives the default learning rate of 0.01 explicitly."""
    write_run(committed, tmp_path)
    write_run(change(committed, "config", learning_rate=0.01), tmp_path)
    write_run(change(committed, "config", seed=1), tmp_path)
    write_run(make_record(seed=2), tmp_path)
    write_run(change(make_record(seed=2), "config", seed=3), tmp_path)
    for seed in (0, 1):  # runs without digests can't be compared
        run = make_record(code="keras", seed=seed)
        write_run(change(run, "history", weights_sha256=[None] * 20), tmp_path)
    runs, errors = read_runs(tmp_path)
    assert len(runs) == 5
    for error, seed, other in zip(errors, (1, 3), (0, 2), strict=True):
        assert f"seed-{seed}.json has the same weights as " in str(error)
        assert str(error).endswith(f"seed-{other}.json but different config.seed")


@pytest.fixture
def copied(tmp_path):
    """Return the committed record, and a function that writes a changed record beside the model."""
    model = run_path(Configuration(), ".keras", tmp_path)
    model.parent.mkdir(parents=True)
    shutil.copy(run_path(Configuration(), ".keras", COMMITTED), model)
    record = json.loads(run_path(Configuration(), ".json", COMMITTED).read_text())

    def write(**changes):
        model.with_suffix(".json").write_text(json.dumps(record | changes))
        return model

    return record, write


def test_a_record_that_contradicts_its_model_is_rejected(copied, committed, mnist):
    record, write = copied
    assert load_checked(write())[0] == committed
    history, mistakes = record["history"], record["mistakes"]
    first, *_, last = mistakes
    flattered = {last: mistakes[last]}
    fewer = history | {"test_errors": [*history["test_errors"][:-1], 1]}
    label = int(mnist[1][1][int(first)])
    other = next(d for d in range(10) if d not in (label, mistakes[first]))
    for changes, said in (
        ({"mistakes": flattered, "history": fewer},
         rf"differs from its model in the predictions for {committed.test_errors - 1} test images"),
        ({"mistakes": mistakes | {first: other}}, "in the predictions for 1 test"),
        ({"test_loss": record["train_loss"]}, r"0\.042054, but its model has a test loss of 0\.06"),
        ({"train_loss": record["test_loss"]}, "committed run but different train_loss"),
        ({"train_errors": 0}, "committed run but different train_errors"),
        ({"train_errors": 0, "train_loss": 9.0}, "run but different train_loss, train_errors$"),
    ):  # fmt: skip
        with pytest.raises(RecordError, match=said):
            load_checked(write(**changes))
    digests = [*history["weights_sha256"][:-1], "1" * 64]
    said = rf"1{{12}}\.\.\., got weights with the SHA-256 {committed.weights_sha256[:12]}\.\.\.$"
    with pytest.raises(ModelError, match=rf"the weights of its record, with the SHA-256 {said}"):
        load_checked(write(history=history | {"weights_sha256": digests}))


@pytest.mark.parametrize(
    ("name", "make", "got"),
    [
        ("seed-0.keras", lambda path: None, "no file"),
        ("seed-0", lambda path: None, "no file"),
        (f"{300 * 'x'}.keras", lambda path: None, "no file"),
        ("seed-0.keras", Path.mkdir, "another file"),
        ("seed-0.json", Path.touch, "another file"),
    ],
)
def test_a_path_without_a_model_is_rejected(name, make, got, tmp_path):
    make(path := tmp_path / name)
    with pytest.raises(
        ModelError, match=rf"^{path}: expected a model in a .keras file, got {got}$"
    ):
        load_run(path)


def test_a_model_with_another_recurrent_layer_is_rejected(make_record, tmp_path):
    path = write_run(make_record(layer="gru"), tmp_path).with_suffix(".keras")
    path.touch()
    with pytest.raises(ModelError, match=rf"^{path}: expected a simple_rnn, got gru$"):
        load_checked(path)
    with pytest.raises(ModelError, match=rf"^{path}: expected a simple_rnn or lstm, got gru$"):
        load_run(path, ["simple_rnn", "lstm"])


def test_the_results_of_the_default_run_follow_from_its_model(committed, model, mnist):
    """Compute the results of all images again, without the code that wrote the record."""
    weights = Weights(*model.get_weights())
    (x_train, y_train), (x_test, y_test) = mnist
    logits = compute_logits("simple_rnn", weights, x_train)
    assert compute_loss(logits, y_train) == pytest.approx(committed.train_loss, abs=1e-6)
    assert (logits.argmax(axis=1) != y_train).sum() == committed.train_errors
    logits = compute_logits("simple_rnn", weights, x_test)
    assert compute_loss(logits, y_test) == pytest.approx(committed.test_loss, abs=1e-6)
    wrong = np.flatnonzero(logits.argmax(axis=1) != y_test)
    assert {int(i): int(logits[i].argmax()) for i in wrong} == committed.mistakes
    assert committed.parameters == sum(array.size for array in weights)


def test_loss_is_finite_for_any_logits():
    """Use logits whose exponentials overflow or underflow, and probabilities that are clipped."""
    logits = np.array([[800.0, 0.0], [-800.0, -900.0]])
    right, wrong = -np.log(1 - 1e-7), -np.log(1e-7)
    assert compute_loss(logits, np.array([0, 1])) == pytest.approx((right + wrong) / 2, rel=1e-12)
    assert compute_loss(logits, np.array([0, 0])) == pytest.approx(right, rel=1e-6)


def test_each_hidden_state_follows_from_the_one_before(model, mnist):
    weights, x = Weights(*model.get_weights()), scale(mnist[1][0][:3, :5])
    hidden = compute_states(weights, x)
    before = np.pad(hidden, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    expected = np.tanh(x @ weights.kernel + before @ weights.recurrent_kernel + weights.bias)
    assert (hidden.shape, hidden.dtype) == ((3, 5, 256), np.float32)
    np.testing.assert_allclose(hidden, expected, atol=1e-6)


@pytest.mark.parametrize("layer", ["simple_rnn", "gru", "lstm"])
def test_logits_computed_in_numpy_equal_those_of_tensorflow(layer, mnist):
    config = Configuration(layer=layer, units=16, seed=3)
    model, images = build_model(config), mnist[1][0][:1500]
    random = np.random.default_rng(0)
    model.set_weights([w + random.normal(0, 0.1, w.shape) for w in model.get_weights()])
    expected = predict(model, scale(images))
    got = compute_logits(layer, model.get_weights(), images)
    np.testing.assert_allclose(got, expected, atol=1e-5)
