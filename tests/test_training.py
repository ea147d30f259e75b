"""Test the training, and the errors after a user mixes parts of different runs."""

import os
import re
import shutil
import subprocess
import time
from unittest.mock import Mock

import numpy as np
import pytest

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ExperimentError, TrainingError
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import Examples, epoch_order, scale
from mnist_rnn.experiment.network import build_model, count_steps, predict
from mnist_rnn.experiment.optimization import SGD, Adam, cross_entropy
from mnist_rnn.paths import ROOT
from mnist_rnn.records import keep
from mnist_rnn.records.checkpoint import Checkpoint, State, weights_sha256
from mnist_rnn.records.consistency import Weights, compute_logits, compute_loss, load_checked
from mnist_rnn.records.digest import LOADED_SHA256, digest_code
from mnist_rnn.records.metrics import measure_loss
from mnist_rnn.records.model_file import PLAIN_LAYERS, load_model
from mnist_rnn.records.run import read_run, read_runs, run_path
from mnist_rnn.records.training import describe_inputs, get_variables, train

CODE = sorted((ROOT / "src" / "mnist_rnn" / "experiment").glob("*.py"))


def build_in_keras(config):
    """Return a network of Keras's own layers that has the initial weights of `build_model`."""
    layers = [
        PLAIN_LAYERS[config.layer](config.units),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((28, 28)), *layers])
    model.set_weights(draw_initial_weights(config))
    model.compile(config.optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("layer", "optimizer", "batch_size", "steps"),
    [
        # The last batch of an epoch has 104 examples.
        ("simple_rnn", "sgd", 128, 8),
        # The last batch of an epoch has one example.
        pytest.param("simple_rnn", "sgd", 333, 4, marks=pytest.mark.slow),
        ("gru", "adam", 250, 4),
        pytest.param("lstm", "adam", 250, 4, marks=pytest.mark.slow),
    ],
)
def test_training_agrees_with_keras_in_every_batch(
    layer, optimizer, batch_size, steps, small, examples, run
):
    changes = {"layer": layer, "optimizer": optimizer, "batch_size": batch_size, "dropout": 0.0}
    config = small.model_copy(update=changes)
    trained, state = run(config)
    assert count_steps(config) == steps
    assert int(trained.optimizer.iterations) == config.epochs * steps
    (x, y), test = examples(config.train_size)
    model = build_in_keras(config)
    for epoch in range(config.epochs):
        order = epoch_order(config.seed, epoch, len(x))
        before = []  # number of images, loss and accuracy of each batch
        for start in range(0, len(x), config.batch_size):
            some = order[start : start + config.batch_size]
            probabilities = model.predict_on_batch(x[some])
            right = (probabilities.argmax(axis=1) == y[some]).mean()
            before.append((len(some), measure_loss(probabilities, y[some]), right))
            model.train_on_batch(x[some], y[some])
        sizes, *measured = zip(*before, strict=True)
        for name, values in zip(("loss", "accuracy"), measured, strict=True):
            mean = np.average(values, weights=sizes)
            assert state.history[name][epoch] == pytest.approx(mean, abs=1e-5)
    for ours, expected in zip(trained.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    errors = (predict(trained, test.x).argmax(axis=1) != test.y).sum()
    assert state.history["test_errors"][-1] == errors
    assert state.history["weights_sha256"][-1] == weights_sha256(trained.get_weights())
    assert len(set(state.history["weights_sha256"])) == config.epochs == state.epochs


def test_each_batch_draws_one_dropout_mask_and_predictions_draw_none(small):
    """Check the random state of dropout, which Keras changes once per mask."""
    model = build_model(small)
    state = model.layers[0].seed_generator.state
    before = np.array(state)
    x = np.ones((4, 28, 28), "float32")
    model.train_on_batch(x, np.zeros(4, "uint8"))
    predict(model, x)
    assert np.array_equal(np.array(state) - before, [0, 1])


def test_a_run_stops_with_an_explanation_if_it_does_not_learn(small, run, make_checkpoint):
    config = small.model_copy(update={"learning_rate": 1e6})
    said = r"^The network did not learn: its loss .* is \d\S+, and was 2\."
    with pytest.raises(TrainingError, match=said):
        run(config)
    assert not make_checkpoint(config).path.exists()


def test_run_with_a_loss_of_nan_stops_with_an_explanation(small, run, make_checkpoint):
    config = small.model_copy(update={"learning_rate": 1e38})
    model, checkpoint = build_model(config), make_checkpoint(config)
    model.optimizer.build(model.trainable_variables)
    history = {"loss": [2.0], "accuracy": [0.5], "test_errors": [99], "weights_sha256": ["0" * 64]}
    checkpoint.write(State(history, 1.0, get_variables(model), checkpoint.owner))
    with pytest.raises(TrainingError, match="The loss became nan in epoch 2"):
        run(config)
    assert not checkpoint.path.exists()


def test_the_progress_bar_ends_with_the_loss_and_the_accuracy_of_the_last_epoch(small, run, capsys):
    history = run(small)[1].history
    last = {name: values[-1] for name, values in history.items()}
    said = capsys.readouterr().out
    assert said.startswith("Epochs already finished: 0. Each finished epoch is saved, and ")
    final = "loss {loss:.4f}, accuracy {accuracy:.4f}".format(**last)
    epochs = rf"{small.epochs} of {small.epochs} epochs \|█{{25}}\|"
    assert re.search(rf"\r +{epochs} \d\d:\d\d, 00:00 to go, {final}$", said.rstrip())


def test_setting_back_the_system_clock_has_no_effect(small, run, left_alone, monkeypatch):
    hours = iter(range(0, -1_000_000, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    _, state = run(small)
    assert state.history == left_alone[1].history
    assert 0 < state.seconds < 60


def test_a_run_counts_no_time_before_its_first_epoch(small, run, monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: 5.0)
    assert run(small)[1].seconds == 0


# A user may change parameters and run only some cells again, which mixes parts of several runs.

RUN = Configuration(units=8, epochs=1, train_size=1280)


@pytest.fixture(scope="module")
def parts(mnist, environment, tmp_path_factory):
    """Train a run, and return all arguments for `keep_run` in a dictionary."""
    (x_train, y_train), (x_test, y_test) = mnist
    training = Examples(scale(x_train[:1280]), y_train[:1280])
    test = Examples(scale(x_test), y_test)
    checkpoint = keep.open_checkpoint(RUN, training, test, environment)
    checkpoint.path = tmp_path_factory.mktemp("parts") / "checkpoint"
    model = build_model(RUN)
    started = time.perf_counter()
    state = train(model, training, test, RUN, checkpoint)
    assert 0 < state.seconds <= time.perf_counter() - started
    return {
        "config": RUN, "model": model, "state": state, "training": training, "test": test,
        "environment": environment,
    }  # fmt: skip


AGAIN = r"Run the cells again, starting at the heading \*Parameters\*\.$"
OTHERS = rf"expected the first [\d,]+ (training|test) images of MNIST, got other images\. {AGAIN}"


def alter(examples):
    """Return a copy of the examples with one changed pixel in the last image."""
    x = examples.x.copy()
    x[-1, 9, 9] = 1 - x[-1, 9, 9]
    return examples._replace(x=x)


@pytest.mark.parametrize(
    "changes",
    [
        lambda parts, mnist: {"training": Examples(scale(mnist[0][0][:3840]), mnist[0][1][:3840])},
        lambda parts, mnist: {"training": Examples(parts["training"].x, mnist[0][1][:3840])},
        lambda parts, mnist: {"config": RUN.model_copy(update={"train_size": 640})},
        lambda parts, mnist: {"training": alter(parts["training"])},
        lambda parts, mnist: {"test": alter(parts["test"])},
        lambda parts, mnist: {"test": parts["training"]},
    ],
    ids=[
        "more images",
        "more labels",
        "smaller train_size",
        "pixel",
        "test pixel",
        "no test images",
    ],
)
def test_images_of_another_configuration_are_rejected(changes, parts, mnist, results):
    """Pass wrong images to each function that takes images. Expect an error, but no file."""
    old = parts | changes(parts, mnist)
    given = [old[name] for name in ("config", "training", "test", "environment")]
    with pytest.raises(TrainingError, match=OTHERS):
        keep.open_checkpoint(*given)
    checkpoint = Checkpoint(results / "checkpoint", parts["state"].owner)
    with pytest.raises(TrainingError, match=rf"the images belong to another run\. {AGAIN}"):
        train(build_model(old["config"]), *given[1:3], old["config"], checkpoint)
    with pytest.raises(TrainingError, match=OTHERS):
        keep.keep_run(**old)
    assert not list(results.iterdir())


@pytest.mark.parametrize(
    "values",
    [{"optimizer": "adam"}, {"dropout": 0.5}, {"seed": 1}, {"epochs": 2}, {"learning_rate": 0.1}],
)
def test_run_is_not_recorded_under_another_configuration(values, parts, results):
    """Check also that training rejects another configuration and the checkpoint of another run."""
    other = RUN.model_copy(update=values)
    with pytest.raises(TrainingError, match=rf"not those of the trained model\. {AGAIN}"):
        keep.keep_run(**parts | {"config": other})
    given = [parts[name] for name in ("training", "test")]
    owned = keep.open_checkpoint(other, *given, parts["environment"])
    assert owned.path == run_path(other, ".checkpoint", results)
    for config, checkpoint in ((RUN, owned), (other, owned)):
        with pytest.raises(TrainingError, match=rf"belong to another run\. {AGAIN}"):
            train(parts["model"], *given, config, checkpoint)
    assert not list(results.iterdir())


def test_record_contains_the_results_of_its_model(parts, mnist, results):
    """Compute the results again in NumPy, from the weights in the model file."""
    environment = parts["environment"].model_copy(update={"other_bits": True})
    run = keep.keep_run(**parts | {"environment": environment})
    path = run_path(RUN, ".keras", results)
    weights = Weights(*load_model(path).get_weights())
    (x_train, y_train), (x_test, y_test) = mnist
    for x, y, loss, mistakes in (
        (x_train[: RUN.train_size], y_train[: RUN.train_size], run.train_loss, None),
        (x_test, y_test, run.test_loss, run.mistakes),
    ):
        logits = compute_logits("simple_rnn", weights, x)
        answers = logits.argmax(axis=1)
        wrong = np.flatnonzero(answers != y)
        assert loss == pytest.approx(compute_loss(logits, y), abs=2e-6)
        if mistakes is None:
            assert run.train_errors == len(wrong)
        else:
            assert mistakes == {int(index): int(answers[index]) for index in wrong}
    assert run.test_errors == len(run.mistakes) == parts["state"].history["test_errors"][-1]
    assert run.history.model_dump() == parts["state"].history
    assert run.parameters == sum(array.size for array in weights)
    assert (run.seconds, run.environment) == (parts["state"].seconds, environment)
    assert load_checked(path)[0] == run == read_run(path.with_suffix(".json"))


def test_run_is_recorded_completely_or_not_at_all(parts, results, monkeypatch):
    """Try changed code, changed versions, a model that was trained further, and a full disk."""
    model, state = parts["model"], parts["state"]
    old = [
        parts["environment"].model_copy(update=values)
        for values in ({"code_sha256": "0" * 64}, {"versions": {"tensorflow": "2.20.0"}})
    ]
    for environment in old:
        with pytest.raises(TrainingError, match="not those of the trained model"):
            keep.keep_run(**parts | {"environment": environment})
    weights = model.get_weights()
    model.train_on_batch(*(values[:128] for values in parts["training"]))
    with pytest.raises(TrainingError, match="not those of the trained model"):
        keep.keep_run(**parts)
    model.set_weights(weights)
    with monkeypatch.context() as patch:
        patch.setattr(keep, "save_model", Mock(side_effect=OSError("No space left")))
        with pytest.raises(OSError, match="No space left"):
            keep.keep_run(**parts)
    assert not list(results.iterdir())
    run = keep.keep_run(**parts)
    assert read_runs(results) == ([run], [])
    assert run.history.weights_sha256 == state.history["weights_sha256"]
    assert run.environment.code_sha256 == LOADED_SHA256
    assert sorted(os.listdir(run_path(RUN, "", results).parent)) == ["seed-0.json", "seed-0.keras"]


def assign(name, value):
    """Return a function that sets an attribute of a model, such as `optimizer.learning_rate`."""

    def change(model):
        *path, last = name.split(".")
        part = model
        for step in path:
            part = part[int(step)] if step.isdecimal() else getattr(part, step)
        setattr(part, last, value)

    return change


def doubled_loss(y, z):
    return cross_entropy(y, z) * 2


def compile_with(make_optimizer, loss=cross_entropy, **options):
    options = {"metrics": ["accuracy"], "jit_compile": True, "steps_per_execution": 10} | options
    return lambda model: model.compile(make_optimizer(), loss=loss, **options)


# Changes that a user may make to a model after building and before training
CHANGES = {
    "weights": lambda model: model.set_weights([1.01 * w for w in model.get_weights()]),
    "one weight": lambda model: model.layers[1].bias.assign(np.full(8, 1e-30, "float32")),
    "learning rate": assign("optimizer.learning_rate", 0.2),
    "schedule": compile_with(
        lambda: SGD(keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9))
    ),
    "optimizer": lambda model: setattr(model, "optimizer", Adam(0.05)),
    "compiled optimizer": compile_with(lambda: Adam(0.01)),
    "momentum": compile_with(lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
    "clipnorm": assign("optimizer.clipnorm", 0.1),
    "weight decay": assign("optimizer.weight_decay", 0.1),
    "epsilon": assign("optimizer.epsilon", 0.1),
    "update": assign("optimizer.update_step", lambda *_: None),
    "iterations": lambda model: model.optimizer.iterations.assign(1),
    "loss": compile_with(SGD, doubled_loss),
    "loss weights": compile_with(SGD, loss_weights=[2.0]),
    "no XLA": compile_with(SGD, jit_compile=False),
    "eager": assign("run_eagerly", True),
    "step": assign("train_step", lambda data: {"loss": 1.0, "accuracy": 1.0}),
    "trainable": assign("layers.1.trainable", False),
    "all trainable": assign("trainable", False),
    "trainable weight": assign("layers.1.bias.trainable", False),
    "constraint": assign("layers.1.kernel.constraint", keras.constraints.NonNeg()),
    "regularizer": assign("layers.2.kernel.regularizer", keras.regularizers.L2(0.1)),
    "activity regularizer": assign("layers.1.activity_regularizer", keras.regularizers.L2(0.1)),
    "dropout": assign("layers.0.rate", 0.5),
    "activation": assign("layers.2.activation", keras.activations.relu),
    "parts": assign("layers.1.parts", 7),
    "own layer": assign("layers.2.__class__", type("Own", (keras.layers.Dense,), {})),
    "layer": lambda model: model.add(keras.layers.Dense(10, name="more")),
    "half trained": lambda model: model.train_on_batch(np.ones((9, 28, 28)), np.ones(9)),
}

PART = "(weights|layers|optimizer|optimizer's variables|loss|compilation)"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_model_that_was_changed_after_building_is_rejected(change, parts, tmp_path):
    """Check that a changed model is neither trained nor written to a file."""
    training, test = parts["training"], parts["test"]
    owner = describe_inputs(RUN, training, test)
    model = build_model(RUN)
    predict(model, test.x[:9])  # a prediction doesn't change the model
    change(model)
    iterations = int(model.optimizer.iterations)
    expected = rf"changed after the call of `build_model`: {PART}(, {PART})*\. {AGAIN}"
    with pytest.raises(TrainingError, match=expected):
        train(model, training, test, RUN, Checkpoint(tmp_path / "checkpoint", owner))
    assert int(model.optimizer.iterations) == iterations
    assert not list(tmp_path.iterdir())


def test_training_a_trained_model_again_is_rejected(parts, tmp_path):
    """Try to train a trained model again, with and without a checkpoint."""
    training, test = parts["training"], parts["test"]
    checkpoint = Checkpoint(tmp_path / "checkpoint", describe_inputs(RUN, training, test))
    for state in (None, parts["state"]):
        if state:
            checkpoint.write(state._replace(owner=checkpoint.owner))
        with pytest.raises(TrainingError, match="`build_model`: weights, optimizer's variables"):
            train(parts["model"], training, test, RUN, checkpoint)
    fresh = build_model(RUN)
    assert train(fresh, training, test, RUN, checkpoint).history == parts["state"].history
    assert weights_sha256(fresh.get_weights()) == parts["state"].history["weights_sha256"][-1]


def test_training_in_another_copy_of_the_repository_is_rejected(parts, tmp_path, monkeypatch):
    (tmp_path / "src" / "mnist_rnn").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    given = [parts[name] for name in ("config", "training", "test", "environment")]
    said = rf"runs in {tmp_path}, but uses the code in {ROOT}\. "
    with pytest.raises(ExperimentError, match=said):
        keep.open_checkpoint(*given)


def test_code_that_was_edited_after_it_was_loaded_is_rejected(parts, results, monkeypatch):
    monkeypatch.setattr(keep, "digest_code", lambda: "0" * 64)
    given = [parts[name] for name in ("config", "training", "test", "environment")]
    said = (
        r"^The code in src/mnist_rnn/experiment was changed after this kernel had loaded it\. "
        r"Restart the kernel, and run all cells\.$"
    )
    with pytest.raises(TrainingError, match=said):
        keep.open_checkpoint(*given)
    assert not list(results.iterdir())


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("network.py", '"""Build the network: ', '"""Another docstring: ', True),
        ("fit.py", "        shuffle=False,", "        shuffle = False,  # a comment\n", True),
        ("network.py", "import math\n", "\n# a comment\n\nimport math\n\n", True),
        ("backend.py", "TensorFlow needs AVX", "AVX is missing", True),
        ("layers.py", "from functools import reduce\nfrom itertools import accumulate",
         "from itertools import accumulate\nfrom functools import reduce", True),
        ("network.py", "mnist_rnn.config", "mnist_rnn.ground.config", True),
        ("layers.py", "x: tf.Tensor, before: Tensors", "x: object, before: Tensors", True),
        ("layers.py", "tanh_c", "squashed", True),
        ("layers.py", "(multiply(x, w) + b) + multiply(h, u)",
         "multiply(x, w) + (b + multiply(h, u))", False),
        ("layers.py", "d = dh * (1 - h * h)", "d = dh * (1 + h * h)", False),
        ("products.py", "IMAGES = 48, 256, 128", "IMAGES = 48, 256, 64", False),
        ("fit.py", "10 * size", "20 * size", False),
        ("fit.py", "shuffle=False", "shuffle=True", False),
        ("fit.py", "private_threadpool_size = 1", "private_threadpool_size = 1.0", False),
        ("optimization.py", "0.9 * square", "0.99 * square", False),
        ("backend.py", "-reduce", "-dot", False),
        ("inputs.py", "[seed, epoch]", "[epoch, seed]", False),
        ("initial_weights.py", "round(6)", "round(7)", False),
    ],
)  # fmt: skip
def test_code_digest_changes_only_if_the_computation_changes(file, old, new, same, tmp_path):
    for path in CODE:
        shutil.copy(path, tmp_path)
    assert digest_code([*tmp_path.glob("*.py")]) == LOADED_SHA256
    edited = tmp_path / file
    text = edited.read_text()
    changed = text.replace(old, new)
    assert changed != text
    edited.write_text(changed)
    assert (digest_code([*tmp_path.glob("*.py")]) == LOADED_SHA256) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def f(x):\n a = g(x)\n return a + x", "def f(x):\n b = g(x)\n return b + x", True),
        ("def f(x, y):\n x = g(x)\n return x", "def f(x, y):\n y = g(y)\n return y", False),
        ("def f(x):\n a = b = x\n return a - b", "def f(x):\n a = b = x\n return b - a", False),
        ("def f(x):\n a, b = x\n def h():\n  c = 1\n  return a + c",
         "def f(x):\n a, b = x\n def h():\n  c = 1\n  return b + c", False),
        ("raise E('one')", "raise E('other')", True),
        ("raise E('one')", "raise F('one')", False),
        ("n: int = 3", "n = 3", True),
        ("n = 3", "n = '3'", False),
    ],
)  # fmt: skip
def test_code_digest_ignores_annotations_and_messages_and_local_names(one, other, same, tmp_path):
    digests = set()
    for text in (one, other):
        (tmp_path / "code.py").write_text(text)
        digests.add(digest_code([tmp_path / "code.py"]))
    assert (len(digests) == 1) is same


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_version_computes_the_same_code_digest(version):
    python = shutil.which(f"python{version}") or "none"
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})"
    program += "; from mnist_rnn.records.digest import LOADED_SHA256; print(LOADED_SHA256)"
    try:
        digest = subprocess.check_output([python, "-B", "-c", program], text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"needs python{version}")
    assert digest.strip() == LOADED_SHA256
