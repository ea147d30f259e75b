"""Test the comparison of a run with the committed run, and the ledger of computations."""

import re
import sys

import pytest
from helpers.samples import change

from mnist_rnn.bits import ledger, verify
from mnist_rnn.bits.ledger import (
    LEDGER,
    Reproduction,
    add_rows,
    describe_reproduction,
    read_ledger,
)
from mnist_rnn.records.run import write_run
from mnist_rnn.system.errors import RecordError

SAME = ["0" * 64] * 4
LATER = {"weights_sha256": ["0" * 64, "1" * 64, None, "1" * 64]}  # differs from epoch 2 on
OLD = {"versions": {"tensorflow": "2.20.0", "python": "3.11"}}


@pytest.mark.parametrize(
    ("history", "made_with", "good", "said"),
    [
        ({}, OLD, True, "same bits as the committed run: 200 test errors, 98.00%"),
        (LATER, {}, False, "NOT the same bits: 200 test errors.* from epoch 2 on"),
        (LATER, OLD, False, "made with different tensorflow, keras, numpy;"),
    ],
)
def test_a_run_is_compared_with_the_committed_run(history, made_with, good, said, make_record):
    record = change(make_record(epochs=4), "history", weights_sha256=SAME)
    other = change(change(record, "history", **history), "environment", **made_with)
    answer, sentence = verify.compare_runs(other, record)
    assert answer == good
    assert re.search(said, sentence)


@pytest.fixture
def run_verify(tmp_path, monkeypatch, capsys):
    """Return a function that runs `verify` on outputs in `tmp_path`.

    The function returns whether the command fails, and its last line.
    """
    monkeypatch.setattr(verify, "OUTPUTS", tmp_path)
    monkeypatch.setattr(verify, "LATEST", tmp_path / "latest")
    monkeypatch.setattr(verify, "OWN", tmp_path / "reproductions.csv")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["verify", *words])
        with pytest.raises(SystemExit) as end:
            verify.main()
        if isinstance(end.value.code, str):
            return True, end.value.code
        return end.value.code, capsys.readouterr().out.splitlines()[-1]

    return run


def test_verify_compares_the_run_that_was_finished_last(run_verify, committed, tmp_path):
    assert run_verify()[1].startswith("run: expected a finished run in ")
    write_run(committed, tmp_path)
    assert "nothing was computed here" in run_verify(committed.name)[1]
    write_run(committed.model_copy(update={"seconds": 1.5}), tmp_path)
    (tmp_path / "latest").write_text(committed.name)
    status, said = run_verify()
    assert (status, said[:35]) == (False, "The same bits as the committed run:")
    (row,) = read_ledger(tmp_path / "reproductions.csv")
    assert (row.program, row.same_bits, row.seconds) == ("Keras", "default-run", 0.1)
    write_run(change(committed, "history", weights_sha256=["1" * 64] * 20), tmp_path)
    status, said = run_verify()
    assert (status, said[:17]) == (True, "NOT the same bits")
    assert read_ledger(tmp_path / "reproductions.csv")[0].other_bits == "default-run"


@pytest.mark.parametrize(
    "name", ["simple_rnn-256-sgd", "simple_rnn-256-sgd/999", "../runs/x/0", "seeded/0"]
)
def test_an_unknown_name_of_a_run_is_rejected(name, run_verify):
    assert re.match(rf"run: expected .* such as .*, got {name}\.", run_verify(name)[1])


@pytest.mark.parametrize("difference", ["", "3"])
def test_a_committed_run_that_is_not_in_outputs_is_computed_by_c(
    difference, run_verify, monkeypatch
):
    monkeypatch.setattr(verify, "audit", lambda runs: [{"first_difference": difference}])
    monkeypatch.setattr(verify, "describe", lambda row: "compared")
    assert run_verify("simple_rnn-256-sgd/17") == (bool(difference), "compared")


def test_a_comparison_with_nothing_fails_except_after_training(run_verify, make_record, tmp_path):
    run = make_record(units=3)
    write_run(run, tmp_path)
    status, said = run_verify(run.name)
    assert (status, said[:25]) == (True, "There is no committed run")
    assert not run_verify(run.name, "--new")[0]


def make_row(environment, **values):
    row = describe_reproduction("Keras", environment, {"sgd": True, "gru": True}, 1.5)
    return Reproduction.model_validate(row.model_dump() | values)


def test_a_row_of_the_same_machine_and_program_is_extended(environment, tmp_path):
    path = tmp_path / "reproductions.csv"
    row = make_row(environment)
    add_rows(path, [row])
    add_rows(path, [make_row(environment, same_bits="lstm", other_bits="gru", seconds=None)])
    add_rows(path, [make_row(environment, program="C")])
    first, second = read_ledger(path)
    assert (first.same_bits, first.other_bits, first.seconds) == ("sgd lstm", "gru", 1.5)
    assert (second.program, second.same_bits) == ("C", "sgd gru")


@pytest.mark.parametrize(
    "change",
    [("debian", "<b>"), ("1.5", "soon"), ("its sender", "nobody"), ("sgd gru", "a|b"), (",", ";")],
)
def test_a_ledger_with_a_wrong_cell_is_rejected_and_unchanged(change, environment, tmp_path):
    path = tmp_path / "reproductions.csv"
    add_rows(path, [make_row(environment)])
    path.write_text(path.read_text().replace(*change))
    before = path.read_bytes()
    with pytest.raises(RecordError, match=r"reproductions\.csv is not a ledger: line 2"):
        add_rows(path, [make_row(environment)])
    assert path.read_bytes() == before


def test_every_row_of_the_committed_ledger_has_the_committed_bits():
    rows = read_ledger(LEDGER)
    assert not [row for row in rows if row.other_bits]
    assert any("default-run" in row.same_bits for row in rows)
    text = LEDGER.read_text()
    add_rows(LEDGER, [])
    assert LEDGER.read_text() == text


def test_the_command_adds_rows_to_the_ledger(environment, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ledger, "LEDGER", tmp_path / "ledger.csv")
    add_rows(tmp_path / "new.csv", [make_row(environment)])
    monkeypatch.setattr(sys, "argv", ["ledger", str(tmp_path / "new.csv")])
    ledger.main()
    assert read_ledger(tmp_path / "ledger.csv") == [make_row(environment)]
