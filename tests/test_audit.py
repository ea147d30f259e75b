"""Test the audit, which computes committed runs again with the C program."""

import re
import sys

import pytest

from mnist_rnn.bits import audit
from mnist_rnn.bits.audit import list_left, read_audited
from mnist_rnn.bits.implementations import Trained, list_epochs
from mnist_rnn.system.paths import COMMITTED

NAME = "simple_rnn-256-sgd-learning_rate_0.05-batch_size_64-train_size_1280"


def test_the_audit_finds_a_changed_digit_of_a_digest(tmp_path, monkeypatch, capsys):
    """Give the committed epochs in place of the C program's, whose own tests train."""
    run = read_audited([f"{NAME}/0"])[0]
    trained = Trained(list_epochs(run), "", 1.5)
    monkeypatch.setattr(audit.programs, "compile_c", lambda program: [])
    monkeypatch.setattr(
        audit.programs, "train", lambda command, config: {run.config: trained}[config]
    )
    monkeypatch.setattr(audit.programs, "find_compiler", lambda: "true")
    monkeypatch.setattr(audit.programs, "run", lambda command: "cc 1.0\n")
    path = tmp_path / "runs" / NAME / "seed-0.json"
    path.parent.mkdir(parents=True)
    text = (COMMITTED / "runs" / NAME / "seed-0.json").read_text()
    third = run.history.weights_sha256[2]
    path.write_text(text.replace(third, third[:-1] + ("1" if third[-1] == "0" else "0")))
    monkeypatch.setattr(audit, "COMMITTED", tmp_path)
    monkeypatch.setattr(audit, "FILE", tmp_path / "audit.csv")
    monkeypatch.setattr(sys, "argv", ["audit", f"{NAME}/0"])
    with pytest.raises(SystemExit) as end:
        audit.main()
    assert end.value.code
    assert re.search("DIFFERENT .* from epoch 3 on", capsys.readouterr().out)
    assert [left.name for left in list_left(read_audited())] == [f"{NAME}/0"]
    path.write_text(text)
    assert list_left(read_audited()) == []
