"""Reproductions sent in are judged or refused in one sentence, whatever they hold."""

import contextlib
import json
import os
import platform
import re
import socket
import sys
from datetime import date

import ledger
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mnist_rnn.records.record import run_path, write_record
from mnist_rnn.records.reproduction import (
    WHOLE_RUN,
    Reproduction,
    describe_reproduction,
    read_reproduction,
)
from mnist_rnn.records.verify import describe_run
from test_hostile import change_one, json_values, many
from test_records import change, cpu

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ParameterError, RecordError
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records import verify

more = settings(many, max_examples=2000)
KNOWN = ledger.read_expected()
RECORD = run_path(Configuration(), ".json", COMMITTED)
GOOD = json.loads(describe_run(KNOWN[0], RECORD).model_dump_json())


def keep(content, folder):
    """A record with this content under the name that it should have, if it has one."""
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    folder.mkdir(exist_ok=True)
    path = folder / "record.json"
    with contextlib.suppress(ValueError):
        path = folder / Reproduction.model_validate_json(content).file_name
    path.write_bytes(content)
    return path


def test_the_committed_run_is_a_reproduction(tmp_path):
    made, outcome = ledger.read_judged(keep(GOOD, tmp_path), *KNOWN)
    assert outcome == "the same bits"
    row = ledger.make_row(made, outcome, "us")
    reached = f"{100 * KNOWN[0].test.accuracy:.2f}"
    assert f"the same bits: `{KNOWN[0].weights_sha256[:12]}` | {reached} |" in row
    other = GOOD | {"versions": GOOD["versions"] | {"numpy": "2.4.0"}}
    assert ledger.read_judged(keep(other, tmp_path), *KNOWN)[1] == "the same bits"


def test_the_same_bits_by_other_code_are_listed_as_such(tmp_path):
    keep(GOOD | {"code_sha256": "0" * 64}, tmp_path / "ours")
    page, _ = ledger.make_ledger(tmp_path)
    assert "| the same bits, by other code: `" in page
    assert "1 of 1 default runs" in page


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ({"digests": {WHOLE_RUN: "0" * 64}}, "**other bits**"),
        ({"digests": {WHOLE_RUN: "0" * 64}, "code_sha256": "0" * 64},
         "**other bits**, made with other code"),
        ({"digests": {WHOLE_RUN: "0" * 64}, "cpu": GOOD["cpu"] | {"fuses": False},
          "test_errors": GOOD["test_errors"] + 50}, "other bits, as expected without FMA"),
        ({"digests": {"sgd": "0" * 64}, "cpu": GOOD["cpu"] | {"fuses": False},
          "test_errors": None}, "other bits, as expected without FMA"),
        ({"digests": {WHOLE_RUN: "0" * 64}, "cpu": GOOD["cpu"] | {"fuses": False},
          "test_errors": GOOD["test_errors"] + 51}, "**other bits**"),
        ({"digests": {"sgd": "0" * 64, "gru": KNOWN[1]["gru"]}, "test_errors": None},
         "**other bits**: sgd"),
    ],
)  # fmt: skip
def test_a_failure_is_listed(parts, outcome, tmp_path):
    assert ledger.read_judged(keep(GOOD | parts, tmp_path), *KNOWN)[1] == outcome
    keep(GOOD | parts, tmp_path / "ours")
    page, refused = ledger.make_ledger(tmp_path)
    assert (page.count(outcome), refused) == (1, [])
    kind = "default runs" if WHOLE_RUN in parts["digests"] else "records of first steps"
    assert f"0 of 1 {kind}" in page


def test_a_record_counts_once(tmp_path):
    for origin in ("ours", "self-reported"):
        keep(GOOD, tmp_path / origin)
    page, refused = ledger.make_ledger(tmp_path)
    assert "1 of 1 default runs" in page
    assert [sentence.split(" is ")[1] for sentence in refused] == ["already in ours"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (GOOD | {"digests": {"other": "0" * 64}, "test_errors": None}, "is of another experiment"),
        (
            GOOD | {"test_errors": GOOD["test_errors"] - 1},
            "committed digest with another number of test errors",
        ),
        (GOOD | {"test_errors": None}, "test_errors must be given"),
        (GOOD | {"digests": GOOD["digests"] | {"sgd": "0" * 64}}, "alone, or of first steps"),
        (GOOD | {"digests": {}}, "at least 1 item"),
        (GOOD | {"digests": {WHOLE_RUN: "beef"}}, "should match pattern"),
        (GOOD | {"note": "by hand"}, "note: Extra inputs"),
        (GOOD | {"seconds": "fast"}, "valid number"),
        (GOOD | {"schema_version": 2}, "should be 1"),
        (GOOD | {"system": "/home/somebody"}, "should match pattern"),
        (GOOD | {"system": "a | b"}, "should match pattern"),
        (GOOD | {"system": "<script>"}, "should match pattern"),
        (GOOD | {"system": "a\nb"}, "should match pattern"),
        (json.dumps(GOOD).encode()[:-20], "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b"\xff" * 20_000, "at most 10000 bytes"),
        (b"[" * 9_000, "Invalid JSON"),
    ],
)
def test_a_bad_record_is_refused_in_one_sentence(content, problem, tmp_path):
    with pytest.raises(RecordError, match=problem) as error:
        ledger.read_judged(keep(content, tmp_path), *KNOWN)
    assert "\n" not in str(error.value)


def test_a_record_under_another_name_is_refused(tmp_path):
    path = keep(GOOD, tmp_path)
    other = path.rename(tmp_path / "mine.json")
    with pytest.raises(RecordError, match=rf"mine\.json holds {re.escape(path.name)}"):
        read_reproduction(other)
    (tmp_path / path.name).symlink_to(other)
    with pytest.raises(RecordError, match="is not a file"):
        read_reproduction(path)


@more
@given(st.data())
def test_any_change_to_a_record_is_judged_or_refused(tmp_path_factory, draws):
    check_one(change_one(json.dumps(GOOD), draws).encode(), tmp_path_factory)


@more
@given(st.binary() | json_values.map(json.dumps).map(str.encode))
def test_any_bytes_are_refused(tmp_path_factory, content):
    assert not check_one(content, tmp_path_factory)


def check_one(content, tmp_path_factory):
    """Whether it became a row; else it was refused in one printable sentence."""
    path = keep(content, tmp_path_factory.getbasetemp())
    try:
        row = ledger.make_row(*ledger.read_judged(path, *KNOWN), "us")
    except RecordError as refused:
        if str(refused).isprintable():
            return False
        raise
    finally:
        path.unlink()
    assert row.count("|") == 10
    assert row.count("\n") == 1
    assert "<" not in row
    return True


def test_records_are_taken_in_all_or_none(tmp_path):
    source, destination = tmp_path / "source", tmp_path / "destination"
    source.mkdir()
    with pytest.raises(RecordError, match="has no record"):
        ledger.add(source, destination)
    path = keep(GOOD, source)
    ledger.add(source, destination)
    assert read_reproduction(destination / path.name) == read_reproduction(path)
    (source / "zzz.json").write_text("{}")  # after the good one
    with pytest.raises(RecordError, match=r"zzz\.json is not the record"):
        ledger.add(source, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_what_the_ledger_has_is_not_added_to_another_folder(tmp_path):
    source = tmp_path / "source"
    keep(GOOD, source)
    ledger.add(source, tmp_path / "ours")
    ledger.add(source, tmp_path / "ours")  # the same again
    with pytest.raises(RecordError, match=r"/self-reported/.*\.json is already in ours$"):
        ledger.add(source, tmp_path / "self-reported")
    assert not (tmp_path / "self-reported").exists()


def test_what_is_sent_in_is_listed_as_its_senders(tmp_path, monkeypatch):
    keep(GOOD, tmp_path / "sent")
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "ledger")
    monkeypatch.setattr(sys, "argv", ["ledger.py", "--add", str(tmp_path / "sent")])
    ledger.main()
    (path,) = (tmp_path / "ledger").rglob("*.json")
    assert path.parent.name == "self-reported"
    assert (tmp_path / "ledger" / "README.md").read_text().count("| its sender |") == 1
    path.write_text("{}")
    monkeypatch.setattr(sys, "argv", ["ledger.py"])
    with pytest.raises(SystemExit, match="Refused:"):
        ledger.main()


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """The committed run as if it had been made here."""
    monkeypatch.setattr(verify, "OUTPUTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["verify.py"])
    write_record(KNOWN[0], tmp_path)
    return tmp_path


def verify_outputs(capsys):
    with pytest.raises(SystemExit) as ended:
        verify.main()
    return ended.value.code, capsys.readouterr().out.splitlines()


def test_a_reproduction_leaves_its_record_and_says_the_outcome_last(outputs, capsys):
    os.utime(run_path(Configuration(), ".json", outputs), (0, 0))
    status, lines = verify_outputs(capsys)
    assert status == 0
    assert lines[-1].startswith("The same bits as the committed run: ")
    assert verify_outputs(capsys)[1] == lines
    (path,) = (outputs / "reproductions").iterdir()
    made, outcome = ledger.read_judged(path, *KNOWN)
    assert (made.date, outcome) == (date(1970, 1, 1), "the same bits")


def test_a_notebook_saved_with_other_defaults_is_not_run(outputs, tmp_path):
    record = run_path(Configuration(), ".json", outputs)
    notebook = tmp_path / "02_train.ipynb"
    notebook.write_text(verify.NOTEBOOK.read_text().replace("units: int = 256", "units: int = 16"))
    with pytest.raises(ParameterError, match=r"saved with units = 16.*`git restore"):
        verify.set_earlier_aside(record, notebook)
    assert record.exists()
    verify.set_earlier_aside(record)
    assert not record.exists()


def test_an_unknown_argument_is_refused(outputs, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["verify.py", "--wrong"])
    assert verify_outputs(capsys) == (2, [])
    assert not (outputs / "reproductions").exists()


def test_other_bits_are_said_last_and_fail(outputs, capsys):
    write_record(KNOWN[0].model_copy(update={"weights_sha256": "0" * 64}), outputs)
    status, lines = verify_outputs(capsys)
    assert status == 1
    assert lines[-1].startswith("NOT the same bits")


def test_a_disk_full_at_its_record_leaves_the_outcome(outputs, capsys, fill_disk):
    fill_disk()
    status, lines = verify_outputs(capsys)
    assert status == 0
    assert lines[0].startswith("No record for the ledger")
    assert lines[-1].startswith("The same bits")
    assert not list((outputs / "reproductions").iterdir())


def test_nothing_tells_whose_machine_it_was(environment, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "marked-host")
    uname = ("Linux", "marked-node", "marked-release", "marked-version", "x86_64")
    monkeypatch.setattr(platform, "uname", lambda: platform.uname_result(*uname))
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(uname))
    told = environment.cpu.model_copy(update={"name": "Fast CPU w/ a <name> | of\n80" + "x" * 80})
    computed = ({"sgd": "0" * 64}, 1.23, date(2026, 1, 1))
    made = describe_reproduction(environment.model_copy(update={"cpu": told}), *computed)
    assert made.cpu.name == "Fast CPU w a name  of80" + "x" * 37
    text = made.model_dump_json()
    assert "/" not in text
    assert "marked" not in text
    assert not set(made.model_dump()) & {"commit", "user", "host", "path", "threads"}
    host = environment.model_copy(update={"cpu": cpu("x86_64", "avx")})
    made = describe_reproduction(host, *computed, emulated="Haswell")
    assert (made.emulated, made.cpu.name, made.cpu.vendor) == (True, "Haswell", None)
    assert made.cpu.fuses  # whatever its host does


def test_the_committed_page_is_what_the_records_say():
    page, refused = ledger.make_ledger(ledger.LEDGER)
    assert refused == []
    assert page == (ledger.LEDGER / "README.md").read_text()


def test_a_record_that_cannot_be_told_leaves_the_outcome(outputs, capsys):
    write_record(change(KNOWN[0], "environment", versions={}), outputs)
    status, lines = verify_outputs(capsys)
    assert status == 0
    assert lines[0].startswith("No record for the ledger: ")
    assert lines[-1].startswith("The same bits")


def test_a_damaged_record_of_ones_own_is_said_in_words(outputs, capsys):
    run_path(Configuration(), ".json", outputs).write_text("{}")
    assert "is not a record" in verify_outputs(capsys)[0]


def test_every_file_in_the_ledger_is_read(tmp_path):
    keep(GOOD, tmp_path / "ours").rename(tmp_path / "ours" / "record.txt")
    _, refused = ledger.make_ledger(tmp_path)
    assert len(refused) == 1
