"""Test how records of runs are written, read, rejected and outdated."""

import hashlib
import json
import os
import platform
from pathlib import Path

import pytest
from helpers.samples import change, cpu

from mnist_rnn.bits.ledger import read_ledger
from mnist_rnn.config import PROGRAMS, Configuration, name_configuration
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.records import environment, run
from mnist_rnn.records.environment import count_threads, describe_environment, run_command
from mnist_rnn.records.run import (
    find_first_steps,
    find_outdated,
    read_run,
    read_runs,
    reject,
    write_run,
)
from mnist_rnn.system.errors import ExperimentError, OutputError, RecordError
from mnist_rnn.system.paths import COMMITTED, ROOT

DIGEST = "0" * 64
HISTORY = {"loss": [0.5], "accuracy": [0.9], "test_errors": [2], "weights_sha256": [DIGEST]}


@pytest.fixture
def record(make_record):
    return change(make_record(2, train_size=1, epochs=1), "history", weights_sha256=[DIGEST])


def test_a_record_names_an_edit_after_the_commit(tmp_path, monkeypatch):
    """A new file in results/ doesn't count as an edit."""
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "code.py").write_text("1\n")
    run_command("git", "init", "-q")
    run_command("git", "add", ".")
    run_command("git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x")
    made_with = describe_environment(1)
    assert (made_with.commit, made_with.clean) == (run_command("git", "rev-parse", "HEAD"), True)
    (tmp_path / "results" / "run.json").touch()
    assert describe_environment(1).clean is True
    for name, old in (("code.py", "1\n"), ("more.py", None)):
        (tmp_path / name).write_text("2\n")
        assert describe_environment(1).clean is False
        (tmp_path / name).write_text(old) if old else (tmp_path / name).unlink()


def test_a_record_has_no_commit_if_there_is_no_git_repository_or_no_git(tmp_path, monkeypatch):
    folders = [(environment, "ROOT", folder) for folder in (tmp_path, ROOT / "src")]
    for changed in (*folders, (os, "environ", {"PATH": ""})):
        with monkeypatch.context() as patch:
            patch.setattr(*changed)
            unknown = describe_environment(1)
        assert (unknown.commit, unknown.clean) == (None, None)


@pytest.mark.parametrize(("variable", "threads"), [("3", 3), ("0", 5), ("two", 5), (None, 5)])
def test_number_of_threads_comes_from_a_variable_or_equals_the_number_of_cores(
    variable, threads, monkeypatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 7})
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", variable)
    assert count_threads() == threads


INTEL = (
    "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\nmodel name\t: A <fast> CPU\n"
    "flags\t\t: {}\n\n"
)
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
INTEL_CPU = {"vendor": "GenuineIntel", "family": "6", "model": "167", "name": "A fast CPU"}


@pytest.mark.parametrize(
    ("machine", "text", "emulated", "expected"),
    [("x86_64", INTEL.format("fma avx2"), None, cpu(True, **INTEL_CPU)),
     ("x86_64", INTEL.format("avx2"), None, cpu(False, **INTEL_CPU)),
     ("x86_64", INTEL.format("avx2"), "Haswell", cpu(True, name="Haswell", emulated=True)),
     ("x86_64", INTEL.format("fma avx2"), "Nehalem", cpu(False, name="Nehalem", emulated=True)),
     ("aarch64", ARM, None, cpu(True, architecture="aarch64", vendor="0x41", model="0xd0c"))],
)  # fmt: skip
def test_the_cpu_is_described_from_cpuinfo(
    machine, text, emulated, expected, tmp_path, monkeypatch
):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(environment, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert environment.describe_cpu(emulated) == expected


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"schema_version": 4}, "schema_version"),
        ({"seconds": 0.0}, "seconds"),
        ({"history": HISTORY | {"accuracy": []}}, "each list of `history` must have 1 epochs"),
        ({"history": HISTORY | {"test_errors": [10_001]}}, "history.test_errors.0"),
        ({"history": HISTORY | {"loss": [float("nan")]}}, "history.loss.0"),
        ({"history": HISTORY | {"loss": [-1.0]}}, "history.loss.0"),
        ({"history": HISTORY | {"weights_sha256": ["../x"]}}, "history.weights_sha256.0"),
        ({"data_sha256": "/etc/passwd"}, "data_sha256"),
        ({"train_errors": 2}, "`train_errors` must be at most 1"),
        ({"mistakes": {}}, "`mistakes` must have one entry for each test error"),
        ({"mistakes": {"0": 10, "1": 1}}, "mistakes.0"),
        ({"mistakes": {"0": 1, "1": -1}}, "mistakes.1"),
        ({"parameters": 5}, "`parameters` must be 75530"),
        ({"more": 5}, "more"),
    ],
)
def test_the_error_names_a_damaged_or_contradictory_value(changes, problem, record, tmp_path):
    path = write_run(record, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(RecordError) as error:
        read_run(path)
    said = str(error.value).partition("seed-0.json is not a record: ")[2]
    assert said.startswith(problem)
    assert said.isprintable()


@pytest.mark.parametrize(
    ("place", "code"),
    [("seed-1.json", "ours"), ("../gru/seed-0.json", "ours"), ("../seeded/seed-0.json", "keras")],
)
def test_a_record_in_the_wrong_folder_or_file_is_rejected(place, code, make_record, tmp_path):
    path = write_run(make_record(code=code), tmp_path)
    foreign = (path.parent / place).resolve()
    foreign.parent.mkdir(exist_ok=True)
    path.rename(foreign)
    with pytest.raises(RecordError, match=rf"{foreign.name} contains the record .*seed-0\.json"):
        read_run(foreign)


def read_model(path):
    from mnist_rnn.records.model_file import load_model

    load_model(path)


def read_folder(path):
    """Read a results folder as a sweep does, and raise the error of its only record."""
    runs, (error,) = read_runs(path.parent.parent.parent)
    assert not runs
    raise error


READERS = {
    "seed-0.json": read_run,
    "seed-1.json": read_folder,
    "reproductions.csv": read_ledger,
    "seed-0.keras": read_model,
}
KINDS = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "too large": lambda path: (path.touch(), os.truncate(path, 1 << 32)),
    "text": lambda path: path.write_text('"'),
    "bytes": lambda path: path.write_bytes(b"\xff\x00"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_anything_but_a_small_regular_file_is_rejected_at_once(make, name, tmp_path):
    """Check that no reader waits for a pipe or reads an endless device."""
    path = tmp_path / "runs" / "any" / name
    path.parent.mkdir(parents=True)
    make(path)
    with pytest.raises(ExperimentError) as error:
        READERS[name](path)
    assert name.split(".")[0] in str(error.value)
    assert "\n" not in str(error.value)


def test_the_largest_permitted_run_has_a_record_that_can_be_read(make_record, tmp_path):
    record = make_record(10_000, units=1, train_size=1, epochs=1000)
    losses = [0.12345678901234567e-10] * 1000
    record = change(record, "history", loss=losses, accuracy=losses)
    assert read_run(write_run(record, tmp_path)) == record


def test_a_full_disk_leaves_the_old_record_unchanged(record, tmp_path, fill_disk):
    path = write_run(record, tmp_path)
    before = path.read_bytes()
    fill_disk()
    with pytest.raises(OutputError, match=f"^{path} can't be written: No space left on dev"):
        write_run(record.model_copy(update={"seconds": 9.0}), tmp_path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("code", "parameters", "name"),
    [
        ("ours", {}, "simple_rnn-256-sgd"),
        ("ours", {"optimizer": "adam", "learning_rate": 0.001}, "simple_rnn-256-adam"),
        ("keras", {}, "keras"),
        ("keras_2019", {"optimizer": "adam"}, "keras_2019-optimizer_adam"),
        ("pytorch", {}, "pytorch"),
    ],
)
def test_a_configuration_has_a_name(code, parameters, name):
    base = PROGRAMS[code].base.find_changes(Configuration())
    assert name_configuration(Configuration(**base | parameters), code) == name


def test_first_steps_are_those_of_the_configuration_or_of_its_layer_and_optimizer():
    def names(**parameters):
        return [*find_first_steps(Configuration(**parameters))]

    assert names(seed=3, epochs=2, train_size=9) == ["sgd"]
    assert names(units=200) == ["200-units"]
    assert names(units=201, learning_rate=0.5) == ["sgd"]
    assert names(layer="gru", optimizer="adam") == ["gru", "adam"]


def test_a_run_is_outdated_by_other_first_steps_other_data_or_other_bits(record, monkeypatch):
    others = [record.model_copy(update={"first_steps": {name: DIGEST}}) for name in ("sgd", "old")]
    others.append(record.model_copy(update={"data_sha256": DIGEST}))
    others.append(change(record, "environment", other_bits=True))
    reasons = [["first steps `sgd`"], ["first steps `old`"], ["data"], ["bits"]]
    assert [find_outdated(run) for run in others] == reasons
    old = change(record, "environment", commit=None, clean=False, versions={"keras": "2"})
    assert find_outdated(old) == []
    monkeypatch.setattr(run, "DATA_SHA256", DIGEST)
    assert find_outdated(record) == ["data"]


def test_our_committed_runs_are_complete_clean_and_up_to_date():
    runs, errors = read_runs(COMMITTED)
    ours = [run for run in runs if run.code == "ours"]
    assert not errors
    assert not [run.name for run in ours if find_outdated(run) or not run.environment.clean]
    assert {run.data_sha256 for run in runs} == {DATA_SHA256}


def test_184_errors_in_10000_images_are_an_accuracy_of_98_16_percent(committed):
    assert (committed.test_errors, committed.test_accuracy) == (184, 98.16)


@pytest.mark.quick
def test_the_committed_records_have_their_digests():
    """Compare runs.sha256, which `make results` writes, with the records in results/runs."""
    lines = (COMMITTED / "runs.sha256").read_text().splitlines()
    known = {path: digest for digest, path in map(str.split, lines)}
    records = {str(path.relative_to(COMMITTED)): path for path in COMMITTED.glob("runs/*/*.json")}
    digests = {n: hashlib.sha256(path.read_bytes()).hexdigest() for n, path in records.items()}
    assert {name for name, _ in digests.items() ^ known.items()} == set()


def test_the_message_about_a_file_is_short_and_printable():
    assert str(reject(Path("/a\nb"), "x" * 2000)) == "/a?b " + "x" * 995
