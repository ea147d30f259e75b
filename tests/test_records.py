import json
import os
import subprocess

import numpy as np
import pytest
from matplotlib.figure import Figure

from mnist_rnn.claims.tables import write_tables
from mnist_rnn.config import Configuration
from mnist_rnn.data.mnist import DATA_SHA256
from mnist_rnn.errors import OutputError, RecordError
from mnist_rnn.experiment.network import build_model
from mnist_rnn.figures.plate import Plate
from mnist_rnn.files import replacing
from mnist_rnn.paths import ROOT
from mnist_rnn.records import environment
from mnist_rnn.records.environment import Cpu, count_threads, describe_environment
from mnist_rnn.records.metrics import measure
from mnist_rnn.records.model_file import save_model
from mnist_rnn.records.record import read_record, run_path, write_record
from mnist_rnn.records.verify import compare_records

TINY = Configuration(units=2)


@pytest.fixture
def record(make_record):
    return make_record(train_size=1, epochs=1)


def test_a_record_comes_back_as_it_was_written(record, tmp_path):
    path = write_record(record, tmp_path)
    assert path == run_path(record.config, ".json", tmp_path)
    assert read_record(path) == record
    assert os.listdir(path.parent) == ["seed-0.json"]


def test_a_tree_is_clean_whatever_its_results_and_the_users_settings(tmp_path, monkeypatch):
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = x\nemail = x\n[status]\nshowUntrackedFiles = no\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    clone = tmp_path / "clone"
    (clone / "results").mkdir(parents=True)
    monkeypatch.setattr(environment, "ROOT", clone)

    def git(*words):
        return subprocess.check_output(["git", *words], cwd=clone, text=True)

    git("init")
    git("commit", "--allow-empty", "-m", "first")
    (clone / "results" / "run.json").touch()
    made_with = describe_environment(1)
    assert made_with.commit == git("rev-parse", "HEAD").strip()
    assert made_with.clean
    (clone / "code.py").touch()
    assert describe_environment(1).clean is False


def test_the_commit_is_unknown_outside_a_checkout_and_without_git(tmp_path, monkeypatch):
    folders = [(environment, "ROOT", folder) for folder in (tmp_path, ROOT / "src")]
    for change in (*folders, (os, "environ", {"PATH": ""})):
        with monkeypatch.context() as patch:
            patch.setattr(*change)
            unknown = describe_environment(1)
        assert (unknown.commit, unknown.clean) == (None, None)


@pytest.mark.parametrize(
    ("variable", "threads"),
    [("3", 3), ("0", 2), ("", 2), ("two", 2), (None, 2)],
)
def test_threads_are_those_that_were_set_or_all_that_the_process_may_use(
    variable, threads, monkeypatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 6}, raising=False)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if variable is not None:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", variable)
    assert count_threads() == threads


HISTORY = {"loss": [0.5], "accuracy": [0.9], "test_errors": [200]}
TWO_EXAMPLES = measure(np.eye(10)[[0, 0]], np.array([0, 0])).model_dump()
ONE_MISTAKE = {
    "test": measure(np.eye(10)[[1, 0]], np.array([0, 0])).model_dump(),
    "mistakes": {"0": 1},
    "history": HISTORY | {"test_errors": [1]},
}
REST = {str(index): 1 for index in range(1, 200)}  # the record's mistakes but the first, of image 0


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"note": "by hand"}, "note: Extra inputs"),
        ({"schema_version": 2}, "schema_version: Input should be 3"),
        ({"seconds": "fast"}, "seconds: Input should be a valid number"),
        ({"history": HISTORY | {"accuracy": []}}, "history: .* the same epochs"),
        ({"history": {name: 2 * HISTORY[name] for name in HISTORY}}, "history must have 1 epochs"),
        ({"history": HISTORY | {"test_errors": [1]}}, "must end with"),
        ({"history": HISTORY | {"test_errors": None}}, "history.test_errors: Input should be"),
        ({"history": HISTORY | {"test_errors": [10_001]}}, "test_errors.0: Input should be less"),
        ({"history": HISTORY | {"loss": [float("nan")]}}, "history.loss.0: Input should be a fin"),
        ({"history": HISTORY | {"loss": [-1.0]}}, "history.loss.0: Input should be greater"),
        ({"history": HISTORY | {"accuracy": [98.7]}}, "accuracy.0: Input should be less"),
        ({"parameters": 0}, "parameters: Input should be greater"),
        ({"train": TWO_EXAMPLES}, "train must count 1 "),
        (ONE_MISTAKE, "test must count 10000 "),
        ({"mistakes": {}}, "mistakes must name each digit as often"),
        ({"mistakes": REST | {"0": 2}}, "as often"),
        ({"mistakes": REST | {"0": 17}}, "as often"),
        ({"mistakes": REST | {"10000": 1}}, "images 0 to 9999"),
        ({"mistakes": REST | {"-1": 1}}, "images 0 to 9999"),
    ],
)
def test_a_damaged_record_is_named(changes, problem, record, tmp_path):
    path = write_record(record, tmp_path)
    content = json.loads(path.read_text())
    assert content["history"] == HISTORY
    assert content["mistakes"] == REST | {"0": 1}
    path.write_text(json.dumps(content | changes))
    with pytest.raises(RecordError, match=problem) as error:
        read_record(path)
    assert "seed-0.json is not a record" in str(error.value)


@pytest.mark.parametrize("place", ["seed-1.json", "../gru/seed-0.json"])
def test_a_record_in_the_wrong_place_is_named(place, record, tmp_path):
    path = write_record(record, tmp_path)
    foreign = (path.parent / place).resolve()
    foreign.parent.mkdir(exist_ok=True)
    path.rename(foreign)
    with pytest.raises(RecordError, match=rf"{foreign.name} holds the run of .*seed-0\.json"):
        read_record(foreign)


@pytest.mark.parametrize(
    "write",
    [lambda folder, record: write_record(record, folder),
     lambda folder, _: save_model(build_model(TINY), TINY, folder / "model.keras"),
     lambda folder, _: write_tables(folder),
     lambda folder, _: Plate(Figure(), "", "").save(folder / "figure.png")],
    ids=["record", "model", "tables", "figure"],
)  # fmt: skip
def test_a_full_disk_leaves_what_was_written(write, record, make_record, tmp_path, fill_disk):
    write_record(record, tmp_path)
    write(tmp_path, record)
    write_record(make_record(seed=1), tmp_path)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    fill_disk()
    with pytest.raises(OutputError, match=f"^{tmp_path}/.* can't be written: No space left on dev"):
        write(tmp_path, record.model_copy(update={"seconds": 9.0}))
    assert before == {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}


def test_the_new_file_takes_its_place_only_when_whole(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("old")
    with path.open() as reader:
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert path.read_text() == "old"
        assert reader.read() == "old"  # who began before the end reads the old file whole
    assert os.listdir(tmp_path) == ["record.json"]
    assert path.read_text() == "new"


def test_the_default_runs_record_is_of_a_clean_tree(committed):
    assert committed.environment.clean
    assert committed.data_sha256 == DATA_SHA256
    assert 97.5 <= 100 * committed.test.accuracy <= 98.5


def change(record, part, **values):
    return record.model_copy(update={part: getattr(record, part).model_copy(update=values)})


def cpu(architecture, *flags):
    unknown = dict.fromkeys(("vendor", "family", "model", "name"))
    return Cpu(architecture=architecture, flags=list(flags), **unknown)


@pytest.mark.parametrize("other", [cpu("x86_64", "avx2", "fma"), cpu("aarch64")])
def test_a_cpu_with_fma_must_give_the_same_bits(other, record):
    elsewhere = change(record, "environment", cpu=other, threads=1)
    assert compare_records(elsewhere, record) == (
        True,
        "The same bits as the committed run: 200 test errors, 98.00% test accuracy.",
    )
    other = elsewhere.model_copy(update={"weights_sha256": "1" * 64})
    good, sentence = compare_records(other, record)
    assert not good
    assert sentence.startswith("NOT the same bits, and they should be: 200 test errors")


@pytest.mark.parametrize(("errors", "good"), [(250, True), (150, True), (251, False)])
def test_a_cpu_without_fma_must_come_close(errors, good, record, make_record):
    other = change(make_record(errors), "environment", cpu=cpu("x86_64", "avx"))
    other = other.model_copy(update={"weights_sha256": "1" * 64})
    answer, sentence = compare_records(other, record)
    assert answer == good
    assert ("as expected on a CPU without FMA" in sentence) == good


def test_other_code_or_versions_are_named(record):
    other = record.model_copy(update={"weights_sha256": "1" * 64})
    other = change(other, "environment", versions={"tensorflow": "2.20.0"}, code_sha256="0" * 64)
    good, sentence = compare_records(other, record)
    assert not good
    assert "made with other code, tensorflow, keras, numpy;" in sentence


def test_a_record_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"none\.json can't be read: No such file"):
        read_record(tmp_path / "none.json")


@pytest.mark.parametrize("flag", ["avx2", "fma"])
def test_a_cpu_that_fuses_has_avx2_and_fma(flag):
    assert not cpu("x86_64", flag).fuses


INTEL = (
    "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 167\n"
    "model name\t: A CPU\nflags\t\t: fpu fma avx2\n\n"
)
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (INTEL, ("GenuineIntel", "6", "167", "A CPU", ["avx2", "fma", "fpu"])),
        (ARM, ("0x41", None, "0xd0c", None, ["asimd", "fp"])),
        (None, (None, None, None, "Apple M2", [])),
    ],
)
def test_the_cpu_is_as_linux_or_macos_tells_it(text, told, tmp_path, monkeypatch):
    path, sysctl = tmp_path / "cpuinfo", tmp_path / "sysctl"
    if text:
        path.write_text(text)
    else:
        sysctl.write_text('#!/bin/sh\n[ "$*" = "-n machdep.cpu.brand_string" ] && echo Apple M2\n')
        sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environment, "CPU", path)
    made = environment.describe_cpu()
    assert (made.vendor, made.family, made.model, made.name, made.flags) == told
