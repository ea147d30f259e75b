"""Test the audit, which computes committed runs again with the C program."""

import re
import sys

import pytest

from mnist_rnn.bits import audit
from mnist_rnn.bits.implementations import find_compiler
from mnist_rnn.system.errors import ExperimentError
from mnist_rnn.system.paths import COMMITTED

NAME = "simple_rnn-256-sgd-learning_rate_0.05-batch_size_64-train_size_1280"


def test_the_audit_finds_a_changed_digit_of_a_digest(tmp_path, monkeypatch, capsys):
    try:
        find_compiler()
    except ExperimentError as error:
        pytest.skip(str(error))
    path = tmp_path / "runs" / NAME / "seed-0.json"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(audit, "FILE", tmp_path / "audit.csv")
    monkeypatch.setattr(sys, "argv", ["audit", f"{NAME}/0"])
    text = (COMMITTED / "runs" / NAME / "seed-0.json").read_text()
    third = audit.read_audited([f"{NAME}/0"])[0].history.weights_sha256[2]
    changed = text.replace(third, third[:-1] + ("1" if third[-1] == "0" else "0"))
    monkeypatch.setattr(audit, "COMMITTED", tmp_path)
    path.write_text(changed)
    with pytest.raises(SystemExit) as end:
        audit.main()
    assert end.value.code
    assert re.search("DIFFERENT .* from epoch 3 on", capsys.readouterr().out)
    assert [run.name for run in audit.list_left(audit.read_audited())] == [f"{NAME}/0"]
    path.write_text(text)
    assert audit.list_left(audit.read_audited()) == []
