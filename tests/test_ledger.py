"""Test that the ledger judges every record, or rejects the record in one sentence."""

import json
import os
import platform
import re
import shutil
import socket
import sys
from contextlib import suppress
from datetime import UTC, date, datetime

import nbformat
import numpy as np
import pytest
from helpers.samples import change
from helpers.values import change_one, json_values, many
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_rnn.bits import ledger, verify
from mnist_rnn.bits.browser_result import BrowserResult
from mnist_rnn.bits.ledger import WHOLE_RUN, Reproduction, describe_reproduction
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ParameterError, RecordError
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.model_file import load_model
from mnist_rnn.records.run import read_run, run_path, write_run

more = settings(many, max_examples=2000)
KNOWN = ledger.read_known()
RUN, STEPS = KNOWN.run, KNOWN.first_steps
REPEATED = RUN.model_copy(update={"seconds": RUN.seconds + 1})
GOOD = json.loads(
    describe_reproduction(
        RUN.environment, {WHOLE_RUN: RUN.history.weights_sha256}, 60.0, date(2026, 1, 1),
        RUN.test_errors,
    ).model_dump_json()
)  # fmt: skip
OTHER_BITS = {"digests": {WHOLE_RUN: [None] * 19 + ["1" * 64]}}
OLD_CODE = {"environment": GOOD["environment"] | {"code_sha256": "1" * 64}}
LEARNED = {
    "schema_version": 2, "weights_sha256": KNOWN.learned.weights_sha256,
    "first_difference": None, "engine": "Chromium 140", "system": "Android",
    "processor": "ARM", "path": "fused", "seconds": 60.0, "date": "2026-01-01",
}  # fmt: skip
BY_HAND = {"versions": {"python": "3.11.7", "numpy": "1.23.2"}, "code_sha256": "1" * 64}


def with_cpu(**values):
    cpu = GOOD["environment"]["cpu"] | values
    return {"environment": GOOD["environment"] | {"cpu": cpu}}


def keep(content, folder):
    """Write a record to a file. The content of a valid record determines the file name."""
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    folder.mkdir(exist_ok=True)
    path = folder / "record.json"
    with suppress(ValueError):
        path = folder / Reproduction.model_validate_json(content).file_name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("parts", "good", "outcome"),
    [
        ({}, True, f"the same bits: `{RUN.weights_sha256[:12]}` | {RUN.test_accuracy:.2f} |"),
        (with_cpu(fuses=False), True, "the same bits:"),
        (OLD_CODE, True, "the same bits, by another version of the code:"),
        (OTHER_BITS, False, "**other bits** from epoch 20 on:"),
        (OTHER_BITS | OLD_CODE, False, "**other bits**, made with other code:"),
        ({"environment": GOOD["environment"] | BY_HAND}, True,
         "default run, by NumPy | the same bits:"),
        (OTHER_BITS | {"environment": with_cpu(fuses=False)["environment"] | BY_HAND}, False,
         "default run, by NumPy | **other bits** from epoch 20 on:"),
        (OTHER_BITS | with_cpu(fuses=False), False, "other bits, as expected without FMA:"),
        (OTHER_BITS | with_cpu(fuses=False) | {"test_errors": RUN.test_errors + 51}, False,
         "**other bits**, and a test accuracy far from ours:"),
        ({"environment": GOOD["environment"] | {"other_bits": True}}, False,
         "**other bits** in the probe of the training step:"),
        (OTHER_BITS | {"environment": GOOD["environment"] | {"other_bits": True}}, False,
         "**other bits** from epoch 20 on, as in the probe of the training step:"),
        ({"digests": {"sgd": ["1" * 64]}, "test_errors": None} | with_cpu(fuses=False), False,
         "other bits, as expected without FMA |"),
        ({"digests": {"sgd": ["1" * 64], "gru": [STEPS["gru"]]}, "test_errors": None}, False,
         "**other bits**: sgd |"),
        ({"digests": {"gru": [None, STEPS["gru"]]}, "test_errors": None}, True, "the same bits |"),
    ],
)  # fmt: skip
def test_the_ledger_lists_the_outcome_of_a_record(parts, good, outcome, tmp_path):
    keep(GOOD | parts, tmp_path / "ours")
    page, rejected = ledger.make_ledger(tmp_path)
    assert (page.count(f"| {outcome}"), rejected) == (1, [])
    errors = parts.get("test_errors", RUN.test_errors)
    kind = "records of first steps" if errors is None else "default runs"
    assert f"{int(good)} of 1 {kind}" in page


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [({}, "fused | the same bits: "),
     ({"path": "exact"}, "exact | the same bits: "),
     ({"first_difference": 7, "weights_sha256": "1" * 64},
      "fused | **other bits** by step 7: ")],
)  # fmt: skip
def test_the_ledger_lists_the_record_of_a_browser(changes, outcome, tmp_path):
    made = BrowserResult.model_validate_json(json.dumps(LEARNED | changes))
    (tmp_path / "ours").mkdir()
    path = ledger.write_reproduction(made, tmp_path / "ours")
    page, rejected = ledger.make_ledger(tmp_path)
    assert (page.count(outcome), rejected) == (1, [])
    assert f"{int(made.first_difference is None)} of 1 records of browsers" in page
    path.rename(path.with_name("learned-again.json"))
    assert ledger.make_ledger(tmp_path)[1][0].endswith(f"learned-again.json holds {path.name}")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"date": "2026-01-02"},
        {"seconds": 60.1},
        {"environment": GOOD["environment"] | {"threads": 7}},
    ],
)  # fmt: skip
def test_a_repeated_record_is_rejected(changes, tmp_path):
    """Add copies of records from the same kind of machine. Expect that the copies are rejected."""
    keep(GOOD, tmp_path / "ours")
    copies = [keep(GOOD | changes, tmp_path / "self-reported")]
    steps = GOOD | {"digests": {"sgd": [STEPS["sgd"]]}, "test_errors": None}
    keep(steps, tmp_path / "ours")
    keep(steps | {"digests": {name: [STEPS[name]] for name in ("sgd", "gru")}}, tmp_path / "ci")
    copies.append(keep(steps | {"seconds": 2.0}, tmp_path / "self-reported"))
    page, rejected = ledger.make_ledger(tmp_path)
    assert "1 of 1 default runs, 2 of 2 records of first steps" in page
    assert len(rejected) == len(copies)
    for copy, sentence in zip(sorted(copies), rejected, strict=True):
        assert copy.name in sentence
        assert sentence.endswith(", with the same CPU, system, versions and code")


def with_environment(**values):
    return GOOD | {"environment": GOOD["environment"] | values}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(GOOD | {"digests": {"other": ["0" * 64]}, "test_errors": None}, "of another experiment"),
     (GOOD | {"test_errors": RUN.test_errors - 1}, "run but different test_errors$"),
     (GOOD | {"test_errors": None}, "`test_errors` must be given"),
     (GOOD | {"digests": GOOD["digests"] | {"sgd": ["0" * 64]}}, "not of both"),
     (GOOD | {"digests": {}}, "at least 1 item"),
     (GOOD | {"digests": {WHOLE_RUN: []}}, "must end with a digest"),
     (GOOD | {"digests": {WHOLE_RUN: ["0" * 64, None]}}, "must end with a digest"),
     (GOOD | {"digests": {WHOLE_RUN: ["../../../etc/passwd"]}}, "should match pattern"),
     (GOOD | {"digests": {WHOLE_RUN: RUN.history.weights_sha256[-1:]}}, "for each of 20 epochs"),
     (GOOD | {"digests": {WHOLE_RUN: [None, *RUN.history.weights_sha256]}}, "of 20 epochs"),
     (GOOD | {"digests": {WHOLE_RUN: ["1" * 64, *RUN.history.weights_sha256[1:]]}},
      "the same weights as the committed run but different history.weights_sha256$"),
     (GOOD | {"digests": {"gru": ["1" * 64, STEPS["gru"]]}, "test_errors": None},
      "only the last entry may be a digest"),
     (GOOD | {"seconds": 1e300}, "less than or equal to 31622400"),
     (GOOD | {"seconds": 0.001}, "a plausible training time, from 0.0"),
     (GOOD | {"seconds": -1.0}, "greater"),
     (with_environment(threads=-5), "threads: Input should be greater"),
     (with_environment(threads=0), "greater than"),
     (with_environment(versions={}),
      r"versions must name all of \(python, tensorflow, keras, numpy\) or one of \(cc, jax"),
     (with_environment(versions=dict.fromkeys(("python", "tensorflow", "numpy"), "1")),
      "versions must name"),
     (with_environment(versions=dict.fromkeys(("python", "jax", "torch"), "1")),
      r"versions must name all of \(python"),
     (GOOD | with_cpu(architecture="aarch64", fuses=False), "`fuses` must be true on aarch64"),
     (GOOD | {"note": "by hand"}, "note: Extra inputs"),
     (GOOD | {"schema_version": 1}, "should be 2"),
     (GOOD | {"date": "9999-12-31"}, "expected a past day, from 2024 on, got"),
     (GOOD | {"date": "1999-12-31"}, "expected a past day, from 2024 on, got"),
     (with_environment(commit="0" * 40), "commit` must be left out"),
     (with_environment(system="/home/somebody"), "should match pattern"),
     (with_environment(system="a | b"), "should match pattern"),
     (with_environment(system="<script>"), "should match pattern"),
     (with_environment(system="a\nb"), "should match pattern"),
     (json.dumps(GOOD).encode()[:-20], "Invalid JSON"),
     (json.dumps(GOOD).encode()[:-1] + b', "seconds": 1.0}', "'seconds' occurs twice"),
     (b"", "Invalid JSON"), (b"\xff" * 20_000, "at most 10,000 bytes"),
     (b"[" * 9_000, "Invalid JSON"),
     (LEARNED | {"weights_sha256": "1" * 64}, "`first_difference` contradicts `weights_sha256`"),
     (LEARNED | {"first_difference": 7}, "`first_difference` contradicts `weights_sha256`"),
     (LEARNED | {"first_difference": 401}, "should be less"),
     (LEARNED | {"seconds": 1e300}, "`seconds` must be a plausible training time"),
     (LEARNED | {"seconds": 0.0}, "`seconds` must be a plausible training time"),
     (LEARNED | {"path": "gpu"}, "'fused' or 'exact'"),
     (LEARNED | {"date": "9999-12-31"}, "expected a past day, from 2024 on, got"),
     (LEARNED | {"engine": "<b>"}, "should match pattern")],
)  # fmt: skip
def test_a_wrong_record_is_rejected_in_one_sentence(content, problem, tmp_path):
    path = keep(content, tmp_path)
    if b"engine" in path.read_bytes():  # a browser's record
        path = path.rename(tmp_path / "learned-2026-01-01-00000000.json")
    with pytest.raises(RecordError, match=problem) as error:
        ledger.read_judged(path, KNOWN)
    assert "\n" not in str(error.value)


def test_a_record_with_a_wrong_file_name_is_rejected(tmp_path):
    path = keep(GOOD, tmp_path / "ours")
    path.rename(path.with_name("record.txt"))  # the ledger reads files of any name
    _, rejected = ledger.make_ledger(tmp_path)
    assert [re.sub(r"^\S+/", "", said) for said in rejected] == [f"record.txt holds {path.name}"]


@more
@given(st.data())
def test_a_record_with_any_change_is_judged_or_rejected(tmp_path_factory, draws):
    check_one(change_one(json.dumps(GOOD), draws).encode(), tmp_path_factory)


@more
@given(st.binary() | json_values.map(json.dumps).map(str.encode))
def test_the_ledger_rejects_arbitrary_bytes(tmp_path_factory, content):
    assert not check_one(content, tmp_path_factory)


def check_one(content, tmp_path_factory):
    """Return whether the ledger accepts the content of a record.

    The message of a rejection must be one printable line.
    """
    path = keep(content, tmp_path_factory.getbasetemp())
    try:
        row = ledger.make_row(*ledger.read_judged(path, KNOWN), "us")
    except RecordError as rejected:
        if str(rejected).isprintable():
            return False
        raise
    finally:
        path.unlink()
    assert row.count("|") == 10
    assert row.count("\n") == 1
    assert "<" not in row
    return True


def test_a_folder_of_records_is_added_completely_or_not_at_all(tmp_path):
    source, ours = tmp_path / "source", tmp_path / "ours"
    source.mkdir()
    with pytest.raises(RecordError, match="has no record"):
        ledger.add(source, ours)
    path = keep(GOOD, source)
    for _ in range(2):  # the second time, the ledger already has the record
        ledger.add(source, ours)
    assert os.listdir(ours) == [path.name]
    assert json.loads((ours / path.name).read_text()) == GOOD
    near = keep(GOOD | {"seconds": 61.0}, source)
    for folder in ("self-reported", "ours"):
        with pytest.raises(RecordError, match=rf"repeats ours/{path.name}, with the same CPU"):
            ledger.add(source, tmp_path / folder)
    near.unlink()
    (source / "zzz.json").write_text("{}")  # this name is sorted after the good record
    with pytest.raises(RecordError, match=r"zzz\.json is not the record"):
        ledger.add(source, tmp_path / "ci")
    assert sorted(os.listdir(tmp_path)) == ["ours", "source"]


def test_an_added_record_is_listed_as_self_reported(tmp_path, monkeypatch):
    keep(GOOD, tmp_path / "sent")
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "ledger")
    monkeypatch.setattr(sys, "argv", ["ledger.py", "--add", str(tmp_path / "sent")])
    ledger.main()
    (path,) = (tmp_path / "ledger").rglob("*.json")
    assert path.parent.name == "self-reported"
    assert (tmp_path / "ledger" / "README.md").read_text().count("| its sender |") == 1
    path.write_text("{}")
    monkeypatch.setattr(sys, "argv", ["ledger.py"])
    with pytest.raises(SystemExit, match="Rejected:"):
        ledger.main()


def test_the_committed_page_of_the_ledger_follows_from_the_records():
    page, rejected = ledger.make_ledger(ledger.LEDGER)
    assert rejected == []
    assert page == (ledger.LEDGER / "README.md").read_text()


def test_a_record_does_not_identify_its_machine(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "marked-host")
    uname = ("Linux", "marked-node", "marked-release", "marked-version", "x86_64")
    monkeypatch.setattr(platform, "uname", lambda: platform.uname_result(*uname))
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(uname))
    for emulated in (None, "Haswell"):
        made_with = describe_environment(2, emulated)
        made = describe_reproduction(made_with, {"sgd": ["0" * 64]}, 1.23, date(2026, 1, 1))
        text = made.model_dump_json()
        assert "/" not in text
        assert "marked" not in text
        assert made.environment.commit is None
    assert made.environment.cpu.name == "Haswell"


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """Write the default run to a folder, as `make reproduce` does, and return the folder."""
    monkeypatch.setattr(verify, "OUTPUTS", tmp_path)
    monkeypatch.setattr(verify, "digest_code", lambda: RUN.environment.code_sha256)
    monkeypatch.setattr(sys, "argv", ["verify.py"])
    path = write_run(REPEATED, tmp_path)
    shutil.copy(run_path(Configuration(), ".keras", COMMITTED), path.parent)
    return tmp_path


def verify_outputs(capsys):
    with pytest.raises(SystemExit) as ended:
        verify.main()
    return ended.value.code, capsys.readouterr().out.splitlines()


def test_make_verify_writes_a_record_and_prints_the_outcome_last(outputs, capsys):
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    path = run_path(Configuration(), ".json", outputs)
    os.utime(path, (noon.timestamp(), noon.timestamp()))
    status, lines = verify_outputs(capsys)
    assert status == 0
    assert lines[-1].startswith("The same bits as the committed run: ")
    assert verify_outputs(capsys)[1] == lines
    (left,) = (outputs / "reproductions").iterdir()
    made, outcome = ledger.read_judged(left, KNOWN)
    assert (made.date, outcome) == (noon.date(), "the same bits")
    os.utime(path, (0, 0))  # with a wrong clock, no record is written
    status, lines = verify_outputs(capsys)
    said = "date: expected a past day, from 2024 on, got 1970-01-01."
    assert (status, lines[0]) == (0, f"No record for the ledger: {said}")


def test_make_verify_fails_if_the_weights_differ_in_any_bit(outputs, capsys):
    """Change the weights so little that all predictions stay the same."""
    path = run_path(Configuration(), ".keras", outputs)
    model = load_model(path)
    *weights, bias = model.get_weights()
    weights.append(bias + np.float32(1e-6))
    model.set_weights(weights)
    model.save(path)
    digests = [*RUN.history.weights_sha256[:-1], weights_sha256(weights)]
    write_run(change(RUN, "history", weights_sha256=digests), outputs)
    status, lines = verify_outputs(capsys)
    assert status == 1
    assert lines[-1].startswith("NOT the same bits")
    assert lines[-1].endswith("the weights differ from epoch 20 on.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"seconds": RUN.seconds}, "is a copy of the committed record"),
     ({"mistakes": {max(RUN.mistakes): RUN.mistakes[max(RUN.mistakes)]}},
      "differs from its model in the predictions")],
)  # fmt: skip
def test_a_copied_or_contradictory_run_is_not_a_reproduction(changes, said, outputs, capsys):
    """Expect an error, and no record for the ledger."""
    errors = [*RUN.history.test_errors[:-1], len(changes.get("mistakes", RUN.mistakes))]
    run = change(REPEATED, "history", test_errors=errors).model_copy(update=changes)
    write_run(run, outputs)
    ended, lines = verify_outputs(capsys)
    assert said in ended
    assert lines == []
    assert not (outputs / "reproductions").exists()


def test_with_a_full_disk_a_run_is_compared_but_not_recorded(outputs, capsys, fill_disk):
    fill_disk()
    status, lines = verify_outputs(capsys)
    assert status == 0
    assert lines[0].startswith("No record for the ledger")
    assert lines[-1].startswith("The same bits")
    assert not list((outputs / "reproductions").iterdir())


def test_an_error_explains_why_a_run_cannot_be_compared(outputs, capsys, monkeypatch):
    """Try a run of other code, a damaged record, a missing record and an unknown option."""
    monkeypatch.setattr(verify, "digest_code", lambda: "0" * 64)
    path = run_path(Configuration(), ".json", outputs)
    for content, said in (
        (
            path.read_text(),
            "seed-0.json was made by another version of the code. Run `make reproduce` again.",
        ),
        ("{}", "is not a record"),
        (None, "run `make reproduce` with"),
    ):
        path.write_text(content) if content else path.unlink()
        assert said in verify_outputs(capsys)[0]
    monkeypatch.setattr(sys, "argv", ["verify.py", "--wrong"])
    assert verify_outputs(capsys) == (2, [])
    assert not (outputs / "reproductions").exists()


def test_a_named_run_is_compared_with_the_committed_run(outputs, capsys, monkeypatch):
    """Expect a sentence that counts the committed runs with a lower test accuracy."""
    seed_17 = read_run(run_path(Configuration(seed=17), ".json", COMMITTED))
    write_run(seed_17.model_copy(update={"seconds": 1.0}), outputs)
    monkeypatch.setattr(verify, "load_run", lambda path: (read_run(path.with_suffix(".json")), 0))
    monkeypatch.setattr(verify, "digest_code", lambda: seed_17.environment.code_sha256)
    monkeypatch.setattr(sys, "argv", ["verify.py", "simple_rnn-256-sgd/17"])
    status, (placed, outcome) = verify_outputs(capsys)
    folder = run_path(Configuration(), ".json", COMMITTED).parent
    others = [read_run(path) for path in folder.glob("*.json") if path.stem != "seed-17"]
    below = sum(run.test_accuracy < seed_17.test_accuracy for run in others)
    assert placed.startswith(f"The run's test accuracy is higher than in {below} of the other 39 ")
    assert (status, outcome.startswith("The same bits as the committed run: ")) == (0, True)
    monkeypatch.setattr(sys, "argv", ["verify.py", "simple_rnn-256-sgd/no"])
    assert "such as simple_rnn-256-sgd/17, got simple_rnn-256-sgd/no" in verify_outputs(capsys)[0]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("seed = 0", "The same bits as the committed run: "),
        ("epochs = 3", "There is no results/runs/"),
    ],
)
def test_the_executed_notebook_decides_which_run_is_compared(parameters, said, outputs, capsys):
    history = {name: values[-3:] for name, values in REPEATED.history.model_dump().items()}
    three = change(REPEATED, "history", **history)
    path = write_run(three.model_copy(update={"config": Configuration(epochs=3)}), outputs)
    shutil.copy(run_path(Configuration(), ".keras", outputs), path.parent)
    notebook = nbformat.read(verify.NOTEBOOK, as_version=4)
    injected = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["injected-parameters"]})
    notebook.cells.append(injected)
    (outputs / "executed").mkdir()
    nbformat.write(notebook, outputs / "executed" / "02_train.ipynb")
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "argv", ["verify.py", "--executed"])
        verify.main()
    assert capsys.readouterr().out.splitlines()[-1].startswith(said)


def test_a_notebook_saved_with_changed_defaults_is_rejected(outputs, tmp_path):
    record = run_path(Configuration(), ".json", outputs)
    notebook = tmp_path / "02_train.ipynb"
    notebook.write_text(verify.NOTEBOOK.read_text().replace("units: int = 256", "units: int = 16"))
    with pytest.raises(ParameterError, match=r"saved with units = 16.*`git restore"):
        verify.set_earlier_aside(record, notebook)
    for wrong in ("<<<<<<< HEAD", "[]", '{"cells": []}', '{"cells": [1]}'):
        notebook.write_text(wrong)
        with pytest.raises(ParameterError, match="expected a notebook with one cell that has the"):
            verify.set_earlier_aside(record, notebook)
    assert record.exists()
    verify.set_earlier_aside(record)
    assert not record.exists()
