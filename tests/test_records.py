"""Test how records of runs are read, rejected and compared."""

import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError
from math import log
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from helpers.samples import LAST, change, cpu
from helpers.tables import make_tables
from matplotlib.figure import Figure

from mnist_rnn.analysis.claims import read_claims, read_curves
from mnist_rnn.bits.ledger import read_judged, read_known
from mnist_rnn.bits.verify import compare_runs, find_run
from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.errors import ClaimError, ModelError, OutputError, ParameterError, RecordError
from mnist_rnn.figures.captioned import CaptionedFigure
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records import environment
from mnist_rnn.records.checkpoint import Checkpoint
from mnist_rnn.records.digest import LOADED_SHA256
from mnist_rnn.records.environment import count_threads, describe_environment
from mnist_rnn.records.run import (
    find_contradictions,
    first_other_epoch,
    read_labels,
    read_run,
    read_runs,
    refusal,
    write_run,
)


@pytest.fixture
def record(make_record):
    return change(make_record(train_size=1, epochs=1), "history", weights_sha256=[DIGEST])


# Commands that hide an edit of code.py, or the new file more.py, from `git status`
HIDING = [
    "git update-index --assume-unchanged code.py",
    "git update-index --skip-worktree code.py",
    "git config filter.f.clean 'echo 1' && echo '*.py filter=f' > .git/info/attributes",
    "git config status.showUntrackedFiles no",
    "git config core.excludesFile ~/list && echo '*.py' > ~/list",
    "git config --global core.excludesFile ~/list && echo '*.py' > ~/list",
    "mkdir -p ~/xdg/git && echo '*.py' > ~/xdg/git/ignore",
    "echo '*.py' > .git/info/exclude",
    "export GIT_DIR=$OLDPWD/.git",
]


@pytest.mark.parametrize("hide", HIDING)
def test_record_says_whether_the_code_was_edited_after_the_commit(hide, tmp_path, monkeypatch):
    """Check that a record reports edits that settings of git hide.

    A new file in results/ and another file mode don't count as edits.
    """
    clone = tmp_path / "clone"
    (clone / "results").mkdir(parents=True)
    monkeypatch.setattr(environment, "ROOT", clone)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))

    def run(command):
        return subprocess.check_output(["bash", "-ec", command], cwd=clone, text=True)

    run("echo 1 > code.py; git init -q; git add .; git -c user.name=x -c user.email=x commit -qm x")
    commit = run("git rev-parse HEAD").strip()
    made_with = describe_environment(1)
    assert (made_with.commit, made_with.clean) == (commit, True)
    if hide.startswith("export"):
        run(f"git init -q {tmp_path}")
        monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    else:
        run(hide)
    (clone / "results" / "run.json").touch()
    (clone / "code.py").chmod(0o755)
    assert describe_environment(1).clean is True
    for name, old in (("code.py", "1\n"), ("more.py", None)):
        (clone / name).write_text("2\n")
        made_with = describe_environment(1)
        assert (made_with.commit, made_with.clean) == (commit, False)
        (clone / name).write_text(old) if old else (clone / name).unlink()


def test_a_record_has_no_commit_if_there_is_no_git_repository_or_no_git(tmp_path, monkeypatch):
    folders = [(environment, "ROOT", folder) for folder in (tmp_path, ROOT / "src")]
    for changed in (*folders, (os, "environ", {"PATH": ""})):
        with monkeypatch.context() as patch:
            patch.setattr(*changed)
            unknown = describe_environment(1)
        assert (unknown.commit, unknown.clean) == (None, None)


@pytest.mark.parametrize(
    ("variable", "threads"), [("3", 3), ("0", 5), ("", 5), ("two", 5), (None, 5)]
)
def test_number_of_threads_comes_from_a_variable_or_equals_the_number_of_cores(
    variable, threads, monkeypatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 7}, raising=False)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", variable)
    assert count_threads() == threads


@pytest.mark.parametrize(("cores", "threads"), [(3, 3), (None, 1)])
def test_number_of_threads_is_known_on_systems_without_affinity(cores, threads, monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert count_threads() == threads


DIGEST = "0" * 64
HISTORY = {"loss": [0.5], "accuracy": [0.9], "test_errors": [200], "weights_sha256": [DIGEST]}
MISTAKES = {str(i): (label + 1) % 10 for i, label in enumerate(read_labels()[:200])}
TWICE = {name: 2 * values for name, values in HISTORY.items()} | {"test_errors": [100, 200]}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"schema_version": 3}, "schema_version: Input should be 4"),
        ({"seconds": 0.0}, "seconds: Input should be greater than 0"),
        ({"history": HISTORY | {"accuracy": []}}, "history: .* the same length"),
        ({"history": {name: 2 * HISTORY[name] for name in HISTORY}}, "must have 1 epochs"),
        ({"history": HISTORY | {"test_errors": [10_001]}}, "test_errors.0: Input should be less"),
        ({"history": HISTORY | {"test_errors": [1]}}, "one entry for each test error"),
        ({"history": HISTORY | {"loss": [float("nan")]}}, "history.loss.0: Input should be a fin"),
        ({"history": HISTORY | {"loss": [-1.0]}}, "history.loss.0: Input should be greater"),
        ({"history": HISTORY | {"accuracy": [98.7]}}, "accuracy.0: Input should be less"),
        ({"history": HISTORY | {"weights_sha256": ["../x"]}}, "weights_sha256.0: String should"),
        ({"data_sha256": "/etc/passwd"}, "data_sha256: String should match"),
        ({"parameters": 2**70}, "parameters: Input should be less"),
        ({"train_errors": 2}, "`train_errors` must be at most 1"),
        ({"mistakes": {}}, "`mistakes` must have one entry for each test error"),
        ({"mistakes": MISTAKES | {"0": 17}}, "mistakes.0: Input should be less than 10"),
        ({"mistakes": MISTAKES | {"10000": 1}}, "less than 10000"),
        ({"mistakes": MISTAKES | {"-1": 1}}, "greater than or equal to 0"),
        ({"mistakes": MISTAKES | {"0": read_labels()[0]}}, "must not map an image to its label"),
        ({"mistakes": None, "history": HISTORY | {"loss": [0.06]}}, "must be at least log"),
        ({"test_loss": 0.01}, "loss must be at least log"),
        ({"train_errors": 1, "train_loss": 0.6}, "loss must be at least log"),
        ({"parameters": 5}, "`parameters` must be 75530"),
        ({"seconds": 1e-8}, "`seconds` must be a plausible training time, from 2e-08 to 31622400"),
        ({"seconds": 0.0, "parameters": 0}, "parameters: [^:;]* 1; seconds: [^:;]* 0$"),
        ({"seconds": 1e300}, "`seconds` must be a plausible training time"),
        ({"config": {"epochs": 2, "train_size": 1}, "history": TWICE},
         "the same test errors for the same weights"),
    ],
)  # fmt: skip
def test_error_names_a_damaged_or_impossible_record(changes, problem, record, tmp_path):
    path = write_run(record, tmp_path)
    content = json.loads(path.read_text())
    assert (content["history"], content["mistakes"]) == (HISTORY, MISTAKES)
    path.write_text(json.dumps(content | changes))
    with pytest.raises(RecordError, match=problem) as error:
        read_run(path)
    _, _, said = str(error.value).partition("seed-0.json is not a record: ")
    assert said[0] in "`abcdefghijklmnopqrstuvwxyz"
    assert "alue error" not in said
    assert said.isprintable()


@pytest.mark.parametrize("key", ['"parameters": 9', '"loss": [0.1]', '"seed": 0'])
def test_record_with_a_repeated_key_is_rejected(key, record, tmp_path):
    path = write_run(record, tmp_path)
    name = key.split(":")[0]
    path.write_text(path.read_text().replace(name, f"{key}, {name}", 1))
    with pytest.raises(RecordError, match=f"'{name[1:-1]}' occurs twice"):
        read_run(path)


@pytest.mark.parametrize(
    ("place", "code"),
    [("seed-1.json", "ours"), ("../gru/seed-0.json", "ours"), ("../keras/seed-0.json", "ours"),
     ("../seeded/seed-0.json", "keras")],
)  # fmt: skip
def test_error_names_a_record_in_the_wrong_folder_or_file(place, code, make_record, tmp_path):
    path = write_run(make_record(code=code), tmp_path)
    foreign = (path.parent / place).resolve()
    foreign.parent.mkdir(exist_ok=True)
    path.rename(foreign)
    with pytest.raises(RecordError, match=rf"{foreign.name} contains the record .*seed-0\.json"):
        read_run(foreign)


def read_checkpoint(path):
    """Check that a damaged checkpoint is renamed, and raise a RecordError for the test."""
    assert Checkpoint(path, {}).read() is None
    raise RecordError(f"{path} can't be read, {path.with_name(f'{path.name}.damaged').name}")


def read_folder(path):
    """Read a results folder as a sweep does, and raise the error of its only record."""
    runs, (error,) = read_runs(path.parent.parent.parent)
    assert not runs
    raise error


def read_model(path):
    from mnist_rnn.records.model_file import load_model

    load_model(path)


READERS = {
    "seed-0.json": read_run,
    "seed-1.json": read_folder,
    "claims.csv": lambda path: read_claims(path.parent),
    "curves.csv": lambda path: read_curves([], path.parent),
    "record.json": lambda path: read_judged(path, read_known()),
    "seed-0.checkpoint": read_checkpoint,
    "seed-0.keras": read_model,
}
KINDS = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link": lambda path: path.symlink_to(__file__),
    "too large": lambda path: (path.touch(), os.truncate(path, 1 << 32)),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_anything_but_a_small_regular_file_is_rejected_at_once(make, name, tmp_path):
    """Check that no reader waits for a pipe or reads an endless device."""
    path = tmp_path / "runs" / "any" / name
    path.parent.mkdir(parents=True)
    make(path)
    said = r"can't be read|expected CSV|is not a model that can be read safely"
    with pytest.raises((RecordError, ClaimError, ModelError), match=said) as error:
        READERS[name](path)
    assert "\n" not in str(error.value)
    if name == "seed-0.checkpoint":
        assert os.listdir(path.parent) == ["seed-0.checkpoint.damaged"]


@pytest.mark.parametrize("what", ["record", "model", "tables", "figure"])
def test_full_disk_leaves_the_old_files_unchanged(what, record, make_record, tmp_path, fill_disk):
    from mnist_rnn.experiment.network import build_model
    from mnist_rnn.records.model_file import save_model

    tiny = Configuration(units=2)
    write = {
        "record": lambda: write_run(record.model_copy(update={"seconds": 9.0}), tmp_path),
        "model": lambda: save_model(build_model(tiny), tiny, tmp_path / "model.keras"),
        "tables": lambda: make_tables(tmp_path),
        "figure": lambda: CaptionedFigure(Figure(), "").save(tmp_path / "figure.png"),
    }[what]
    write_run(record, tmp_path)
    write()
    write_run(make_record(seed=1), tmp_path)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    fill_disk()
    with pytest.raises(OutputError, match=f"^{tmp_path}/.* can't be written: No space left on dev"):
        write()
    assert before == {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}


def test_default_run_was_recorded_with_a_clean_git_tree(committed):
    assert committed.environment.clean
    assert committed.data_sha256 == DATA_SHA256
    assert 97.5 <= committed.test_accuracy <= 98.5


LATER = {"weights_sha256": [DIGEST, "1" * 64, None, "1" * 64]}  # the weights differ from epoch 2 on
OLD = {"code_sha256": "0" * 64, "versions": {"tensorflow": "2.20.0"}}


@pytest.mark.parametrize(
    ("history", "made_with", "good", "said"),
    [
        ({}, {"cpu": cpu(True), "threads": 1}, True,
         "The same bits as the committed run: 200 test errors, 98.00% test accuracy."),
        ({}, {"cpu": cpu(False)} | OLD, True, "The same bits as"),
        (LATER, {"cpu": cpu(True)}, False, "NOT the same bits, although this CPU can compute them"),
        (LATER, {"cpu": cpu(True)}, False, "committed run; the weights differ from epoch 2 on."),
        (LAST, {"cpu": cpu(True)}, False, "committed run; the weights differ from epoch 4 on."),
        (LATER, OLD, False, "made with different code, tensorflow, keras, numpy;"),
        (LATER | {"test_errors": [250] * 4}, {"cpu": cpu(False)}, True, "Different bits"),
        (LATER | {"test_errors": [150] * 4}, {"cpu": cpu(False)}, True, "Different bits"),
        (LATER | {"test_errors": [251] * 4}, {"cpu": cpu(False)}, False, "NOT near enough, even"),
    ],
)  # fmt: skip
def test_run_is_compared_with_the_committed_run(history, made_with, good, said, make_record):
    record = change(make_record(epochs=4), "history", weights_sha256=[DIGEST] * 4)
    other = change(change(record, "history", **history), "environment", **made_with)
    answer, sentence = compare_runs(other, record)
    assert answer == good
    assert said in sentence


@pytest.mark.parametrize(
    ("code", "parameters", "name"),
    [
        ("ours", {}, "simple_rnn-256-sgd"),
        ("keras", {}, "keras"),
        ("keras_2019", {"optimizer": "adam", "dropout": 0.2},
         "keras_2019-optimizer_adam-dropout_0.2"),
    ],
)  # fmt: skip
def test_a_record_is_readable_text_in_the_folder_of_its_configuration(
    code, parameters, name, make_record, tmp_path
):
    run = make_record(code=code, seed=3, **parameters)
    path = write_run(run, tmp_path)
    assert path == tmp_path / "runs" / name / "seed-3.json"
    assert path.read_text().startswith('{\n "schema_version": 4,\n "code": ')
    assert read_run(path) == run


def test_error_names_a_missing_record(tmp_path):
    with pytest.raises(RecordError, match=r"none\.json can't be read: No such file"):
        read_run(tmp_path / "none.json")


INTEL = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\n"
    "model name\t: A <fast> CPU\nflags\t\t: {}\n\n"
)
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
INTEL_CPU = {"vendor": "GenuineIntel", "family": "6", "model": "167", "name": "A fast CPU"}


@pytest.mark.parametrize(
    ("machine", "text", "emulated", "expected"),
    [("x86_64", INTEL.format("fma avx2"), None, cpu(True, **INTEL_CPU)),
     ("x86_64", INTEL.format("avx2"), None, cpu(False, **INTEL_CPU)),
     ("x86_64", INTEL.format("fma"), None, cpu(False, **INTEL_CPU)),
     ("x86_64", INTEL.format("avx2"), "Haswell", cpu(True, name="Haswell", emulated=True)),
     ("x86_64", INTEL.format("fma avx2"), "Nehalem", cpu(False, name="Nehalem", emulated=True)),
     ("aarch64", ARM, None, cpu(True, architecture="aarch64", vendor="0x41", model="0xd0c")),
     ("arm64", None, None, cpu(True, architecture="arm64", name="Apple M2"))],
)  # fmt: skip
def test_description_of_the_cpu_comes_from_cpuinfo_or_sysctl(
    machine, text, emulated, expected, tmp_path, monkeypatch
):
    """Check also that an emulated CPU's description contains FMA although the host lacks FMA."""
    path, sysctl = tmp_path / "cpuinfo", tmp_path / "sysctl"
    if text:
        path.write_text(text)
    else:
        sysctl.write_text('#!/bin/sh\n[ "$*" = "-n machdep.cpu.brand_string" ] && echo Apple M2\n')
        sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environment, "CPUINFO", path)
    monkeypatch.setattr(environment.platform, "machine", lambda: machine)
    assert environment.describe_cpu(emulated) == expected


@pytest.mark.parametrize("name", ["simple_rnn-256-sgd", "simple_rnn-256-sgd/999", "../runs/x/0"])
def test_unknown_name_of_a_run_is_rejected(name, monkeypatch):
    monkeypatch.setattr("mnist_rnn.bits.verify.OUTPUTS", COMMITTED)
    assert find_run("simple_rnn-256-sgd/17").seed == 17
    with pytest.raises(ParameterError, match=rf"^run: expected .* such as .*, got {name}\.$"):
        find_run(name)


def test_the_message_about_a_file_is_short_and_printable():
    assert str(refusal(Path("/a\nb"), "x" * 2000)) == "/a?b " + "x" * 995


def test_each_contradiction_is_a_sentence(make_record):
    """Change one value of a run of 100 images to a possible end, and to an impossible one."""
    run = make_record(200, epochs=2, train_size=100).model_copy(update={"train_loss": 9.0})
    image, label = 0, read_labels()[0]
    share, products = 0.999 * log(2), 28 * 256 * (28 + 256) * 100 * 2
    few = sorted(run.mistakes)[:199]
    loss = "each loss must be at least log(2) times the share of misclassified images"
    weights = "`weights_sha256` must be measured after each epoch"
    digests = ["1" * 64, "2" * 64]
    for changed, problems in (
        (run, []),
        (change(run, "config", epochs=3), ["`history` must have 3 epochs"]),
        (run.model_copy(update={"train_errors": 100}), []),
        (run.model_copy(update={"train_errors": 101}), ["`train_errors` must be at most 100"]),
        (change(run, "history", weights_sha256=[None, digests[1]]), [weights]),
        (change(run, "history", weights_sha256=digests), []),
        (run.model_copy(update={"mistakes": {i: run.mistakes[i] for i in few}}),
         ["`mistakes` must have one entry for each test error after the last epoch"]),
        (run.model_copy(update={"mistakes": run.mistakes | {image: label}}),
         ["`mistakes` must not map an image to its label"]),
        (change(run, "history", test_errors=[201, 200]),
         ["`history` must have the same test errors for the same weights"]),
        (change(run, "history", test_errors=[201, 200], weights_sha256=digests), []),
        (change(run, "history", loss=[0.5, 0.1001 * share]), []),
        (change(run, "history", loss=[0.5, 0.0999 * share]), [loss]),
        (run.model_copy(update={"test_loss": 0.0201 * share}), []),
        (run.model_copy(update={"test_loss": 0.0199 * share}), [loss]),
        (run.model_copy(update={"train_errors": 50, "train_loss": 0.501 * share}), []),
        (run.model_copy(update={"train_errors": 50, "train_loss": 0.499 * share}), [loss]),
        (run.model_copy(update={"train_errors": 50, "train_loss": 0.0}), [loss]),
        (run.model_copy(update={"train_errors": None, "train_loss": None}), []),
        (run.model_copy(update={"parameters": 75_531}),
         ["`parameters` must be 75530, the number of parameters of the network"]),
        (run.model_copy(update={"seconds": products / 1e14}), []),
        (run.model_copy(update={"seconds": 366 * 86_400.0}), []),
        (run.model_copy(update={"seconds": 366 * 86_400 + 1.0}),
         ["`seconds` must be a plausible training time, from 4e-06 to 31622400"]),
    ):  # fmt: skip
        assert list(find_contradictions(changed)) == problems


@pytest.mark.parametrize("code", ["keras", "pytorch"])
def test_original_code_may_have_no_digests(code, make_record):
    run = make_record(code=code)
    run = change(run, "history", weights_sha256=[None] * run.config.epochs)
    run = run.model_copy(update={"mistakes": None, "train_errors": None, "train_loss": None})
    assert list(find_contradictions(run)) == []
    assert run.weights_sha256 == ""


def test_first_epoch_with_other_weights_is_found():
    assert first_other_epoch(["a", "b", "c"], ["a", None, "d"]) == 3
    assert first_other_epoch(["x", "b"], ["a", "b", "c"]) == 1
    assert first_other_epoch(["a", None], ["a", "b"]) is None


@pytest.mark.parametrize(
    ("system", "release", "mac", "libc", "said"),
    [("Linux", {"ID": "debian", "VERSION_ID": "12"}, "", ("glibc", "2.36"),
      "Linux debian 12 glibc 2.36"),
     ("Linux", {"ID": "arch"}, "", ("", ""), "Linux arch"),
     ("Darwin", None, "14.5", ("", ""), "Darwin 14.5"),
     ("Linux", {"ID": "a<b>" + 60 * "c"}, "", ("", ""), "Linux ab" + 52 * "c"),
     ("", None, "", ("", ""), "unknown")],
)  # fmt: skip
def test_system_is_described_by_its_names_and_versions(
    system, release, mac, libc, said, monkeypatch
):
    for name, value in (("system", system), ("mac_ver", (mac, ("",) * 3, "")), ("libc_ver", libc)):
        monkeypatch.setattr(environment.platform, name, lambda value=value: value)
    ask = Mock(return_value=release, side_effect=None if release else OSError)
    monkeypatch.setattr(environment.platform, "freedesktop_os_release", ask)
    assert environment.describe_system() == said


def test_environment_has_the_versions_of_this_process():
    from mnist_rnn.experiment.backend import keras, tf

    made_with = describe_environment(3, "Haswell")
    modules = {"tensorflow": tf, "keras": keras, "numpy": np}
    packages = {name: module.__version__ for name, module in modules.items()}
    assert made_with.versions == {"python": platform.python_version(), **packages}
    assert made_with.code_sha256 == LOADED_SHA256
    assert (made_with.threads, made_with.cpu.name) == (3, "Haswell")
    assert made_with.system == environment.describe_system()
    assert environment.what_decides_bits(made_with) == {"code": LOADED_SHA256, **packages}
    older = made_with.model_copy(update={"versions": packages | {"keras": "2.0"}})
    assert environment.what_differs(older, made_with) == ["keras"]
    unknown = made_with.model_copy(update={"versions": {}, "code_sha256": "0" * 64})
    assert environment.what_differs(unknown, made_with) == ["code", *packages]
    assert environment.what_decides_bits(unknown)["numpy"] == "unknown"


def test_tensorflow_for_cpus_counts_as_tensorflow(monkeypatch):
    def find(wheel):
        if wheel in ("tensorflow-cpu", "numpy"):
            return f"version of {wheel}"
        raise PackageNotFoundError

    monkeypatch.setattr(environment, "version", find)
    expected = {"tensorflow": "version of tensorflow-cpu", "numpy": "version of numpy"}
    assert environment.find_versions() == expected
