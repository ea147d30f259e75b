"""The originals' own code: runs that go on when stopped, and files that are refused when wrong."""

import contextlib
import json
import os
import signal
import sys
import time

import psutil
import pytest
from mnist_rnn.claims.equivalence import KERAS, PYTORCH, group_accuracies
from mnist_rnn.claims.originals import read_original, read_originals, tabulate_originals
from mnist_rnn.claims.published import find_claims, load_claims, read_claims
from mnist_rnn.claims.sweep import plan_runs
from run import digest_script, main, read_options
from runs import end, environment, start

from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.errors import RecordError
from mnist_rnn.paths import ROOT
from mnist_rnn.records.environment import describe_cpu

RUN = ROOT / "originals" / "run.py"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
SMALL = ("--epochs", "1", "--train-size", "640")


def command(*options):
    return [sys.executable, RUN, *options]


def run(results, *options):
    """The exit status of run.py, and what it prints."""
    return end(start(command(*options), env=environment(results)))


@pytest.fixture
def write(tmp_path):
    """Write a run's file with some values changed."""

    def write(name="keras-00", **values):
        content = {
            "kind": name.split("-")[0],
            "parameters": 75_530,
            "train_size": 60_000,
            "loss": [0.5, 0.25],
            "accuracy": [0.875, 0.9375],
            "test_errors": [1000, 250],
            "test_loss": 0.125,
            "seconds": 100.0,
            "versions": {"keras": "3.15.1"},
            "cpu": describe_cpu().model_dump(),
            "code_sha256": "0" * 64,
            "commit": None,
            "clean": None,
            "data_sha256": DATA_SHA256,
        }
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content | values))
        return path

    return write


@pytest.mark.quick
def test_a_row_a_run(write, tmp_path):
    write("keras-01", test_errors=[900, 240])
    write("keras-00")
    write("pytorch-00")
    originals = read_originals(tmp_path)
    groups = group_accuracies([], originals)
    assert groups[KERAS].tolist() == [[90.0, 97.5], [91.0, 97.6]]
    assert groups[PYTORCH].tolist() == [[90.0, 97.5]]
    runs = tabulate_originals(originals, "keras")
    assert runs["configuration"].tolist() == ["keras", "keras"]
    assert runs["test_accuracy"].tolist() == [97.5, 97.6]
    assert runs.loc[0, "last_epoch_accuracy"] == 93.75


@pytest.mark.quick
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": "jax"}, "kind: Input should be 'keras', 'pytorch' or 'seeded'"),
        ({"kind": "pytorch"}, "keras-00.json is not named as pytorch-00"),
        ({"accuracy": [0.5]}, "must be of the same epochs"),
        ({"loss": [], "accuracy": [], "test_errors": []}, "must be of the same epochs, 1 or more"),
        ({"accuracy": [0.9, 93.75]}, "accuracy.1: Input should be less than or equal to 1"),
        ({"seed": 0}, "seed: Extra inputs are not permitted"),
        ({"seconds": None}, "seconds: Input should be a valid number"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(values, problem, write, tmp_path):
    path = write(**values)
    with pytest.raises(RecordError) as error:
        read_originals(tmp_path)
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)
    assert problem in str(error.value)


@pytest.mark.quick
def test_a_damaged_file_is_refused_and_an_empty_folder_has_no_run(write, tmp_path):
    assert read_originals(tmp_path) == {}
    with pytest.raises(RecordError, match=r"seeded-a.json is not named as seeded-00$"):
        read_original(write("seeded-a"))
    path = write()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RecordError, match=r"keras-00.json is not an original's run: Invalid JSON"):
        read_original(path)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("code_sha256", {"code_sha256": "1" * 64}),
        ("versions", {"versions": {"keras": "3.0.0"}}),
        ("data_sha256", {"data_sha256": "1" * 64}),
        ("train_size", {"train_size": 640}),
        ("epochs", {"loss": [1.0], "accuracy": [0.5], "test_errors": [9]}),
    ],
)
def test_runs_of_different_code_or_length_are_not_mixed(part, values, write, tmp_path):
    write()
    write("keras-01", **values)
    with pytest.raises(RecordError, match=f"keras-00 and keras-01 have different {part}$"):
        read_originals(tmp_path)


@pytest.mark.quick
def test_what_pytorch_answers_is_no_run_of_ours():
    claims = [claim for claim in read_claims() if claim.answered_by == "pytorch"]
    assert [claim.published_test_accuracy for claim in claims] == [95.67, 96.81]
    assert plan_runs(claims) == []
    assert find_claims(claims[0].config) == []
    table = load_claims()
    names = [claim.claim for claim in claims]
    assert table.index[table["configuration"] == "pytorch"].tolist() == names
    assert table.loc["notebook-2019", "configuration"] == Configuration().name


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--keras", "many"), "argument --keras: expected 0 to 100, got 'many'."),
        (("--keras", "-1"), "argument --keras: expected"),
        (("--pytorch", "101"), "argument --pytorch: expected 0 to 100, got '101'."),
        (("--epochs", "0"), "argument --epochs: expected 1 to 1000, got '0'."),
        (("--train-size", "60001"), "argument --train-size: expected 1 to 60000"),
        (("--seeds", "3"), "unrecognized arguments: --seeds 3."),
        (("--kera", "3"), "unrecognized arguments: --kera 3."),
        ((), "argument --peers: expected a Python that has PyTorch, got None."),
        (("--epochs", "1"), "A trial needs a folder of its own: set MNIST_RNN_RESULTS."),
        (("--train-size", "640"), "A trial needs a folder of its own: set MNIST_RNN_RESULTS."),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(options, sentence, monkeypatch):
    monkeypatch.setenv("MNIST_RNN_RESULTS", "")  # as if it were not set
    monkeypatch.setattr(sys, "argv", ["run.py", *options])
    with pytest.raises(SystemExit) as refused:
        read_options()
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


@pytest.mark.quick
def test_the_originals_scripts_set_no_flag_no_seed_and_no_thread():
    for kind in ("keras", "pytorch"):
        script = ROOT / "originals" / f"{kind}_notebook.py"
        code = script.read_text().split('"""', 2)[2]
        for word in ("environ", "seed", "threads", "deterministic", "jit_compile", "mnist_rnn"):
            assert word not in code, (script.name, word)


@pytest.mark.slow
def test_a_stopped_command_goes_on_and_makes_no_run_twice(tmp_path):
    """Ended by SIGTERM while Keras runs, which leaves nothing running; then killed, then whole."""
    options = ("--keras", "1", "--pytorch", "0", "--seeded", "0", *SMALL)
    folder = tmp_path / "originals"
    for kill in (signal.SIGTERM, signal.SIGKILL):
        process = start(command(*options), env=environment(tmp_path))
        children = []
        while not children:
            assert process.poll() is None
            time.sleep(0.1)
            with contextlib.suppress(psutil.NoSuchProcess):
                children = [
                    child
                    for child in psutil.Process(process.pid).children()
                    if any("keras_notebook" in word for word in child.cmdline())
                ]
        os.kill(process.pid, kill)
        process.communicate(timeout=30)
        if kill == signal.SIGTERM:
            assert not any(child.is_running() for child in children)
        else:
            for child in children:
                child.kill()
        assert not list(folder.glob("*.json"))
    status, printed = run(tmp_path, *options)
    assert status == 0, printed
    original = read_original(folder / "keras-00.json")
    assert (original.parameters, original.train_size, original.epochs) == (75_530, 640, 1)
    printed = (tmp_path / "executed" / "originals" / "keras-00.log").read_text()
    errors = original.test_errors[-1]
    assert f"accuracy: {1 - errors / 10_000:.4f} - loss: " in printed.splitlines()[-3]
    before = (folder / "keras-00.json").stat().st_mtime_ns
    assert run(tmp_path, *options) == (0, "0 of 1 runs to make\n")
    assert (folder / "keras-00.json").stat().st_mtime_ns == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="binds each run to a core")
def test_a_run_that_fails_is_named(tmp_path):
    """The Python that should have PyTorch has none."""
    status, printed = run(
        tmp_path, "--keras", "0", "--seeded", "0", "--peers", sys.executable, *SMALL
    )
    assert status == 1
    assert "Not finished: pytorch-00; see " in printed
    log = (tmp_path / "executed" / "originals" / "pytorch-00.log").read_text()
    assert "No module named 'torch'" in log
    assert not list((tmp_path / "originals").glob("*"))


@pytest.mark.slow
@pytest.mark.skipif(not PEERS.exists(), reason="needs PyTorch: `make .venv-peers/installed`")
def test_pytorch_has_the_published_number_of_parameters(tmp_path):
    options = ("--keras", "0", "--seeded", "0", "--pytorch", "1", "--peers", str(PEERS), *SMALL)
    status, printed = run(tmp_path, *options)
    assert status == 0, printed
    original = read_original(tmp_path / "originals" / "pytorch-00.json")
    (published,) = {
        claim.published_parameters for claim in read_claims() if claim.answered_by == "pytorch"
    }
    assert original.parameters == published == 75_786


@pytest.mark.quick
def test_only_runs_of_these_epochs_images_and_code_are_kept(write, tmp_path, monkeypatch, capsys):
    epochs = {"loss": [0.5] * 20, "accuracy": [0.9] * 20, "test_errors": [200] * 20}
    good = epochs | {"code_sha256": digest_script("keras")}
    write("keras-00", **good)
    write("keras-01", **good | {"train_size": 640})
    write("keras-02", code_sha256=good["code_sha256"])
    write("keras-03", **epochs)
    write("keras-04").write_text("{}")
    made = []
    monkeypatch.setattr("run.ORIGINALS", tmp_path)
    monkeypatch.setattr("run.LOGS", tmp_path / "logs")
    monkeypatch.setattr("run.train_runs", lambda names, *_: made.extend(names) or True)
    options = ["--keras", "6", "--pytorch", "0", "--seeded", "0"]
    monkeypatch.setattr(sys, "argv", ["run.py", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert made == [f"keras-0{number}" for number in range(1, 6)]
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["keras-01: made with other train_size", "keras-02: made with other epochs"]
    assert said[4:] == ["keras-05: no run", "5 of 6 runs to make"]


@pytest.mark.quick
def test_the_committed_runs_are_of_todays_scripts(monkeypatch, capsys):
    monkeypatch.delenv("MNIST_RNN_RESULTS", raising=False)
    monkeypatch.setattr(sys, "argv", ["run.py", "--peers", sys.executable])
    monkeypatch.setattr("run.train_runs", lambda *_: pytest.fail("a run is outdated"))
    main()
    assert capsys.readouterr().out == "0 of 60 runs to make\n"
