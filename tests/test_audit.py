"""Test the audit, which computes committed runs again with the C program."""

import sys

import pytest

from mnist_rnn.bits import audit
from mnist_rnn.bits.implementations import find_compiler
from mnist_rnn.errors import ExperimentError
from mnist_rnn.paths import COMMITTED

NAME = "simple_rnn-256-sgd-learning_rate_0.05-batch_size_64-train_size_1280"


def test_the_audit_finds_a_changed_digit_of_a_digest(tmp_path, monkeypatch, capsys):
    try:
        find_compiler()
    except ExperimentError as error:
        pytest.skip(str(error))
    text = (COMMITTED / "runs" / NAME / "seed-0.json").read_text()
    path = tmp_path / "runs" / NAME / "seed-0.json"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(audit, "COMMITTED", tmp_path)
    monkeypatch.setattr(audit, "FILE", tmp_path / "audit.csv")
    monkeypatch.setattr(sys, "argv", ["audit", f"{NAME}/0"])
    (run,) = [run for run in audit.read_runs(COMMITTED, NAME)[0] if run.config.seed == 0]
    third = run.history.weights_sha256[2]
    changed = third[:-1] + ("1" if third[-1] == "0" else "0")
    for content, status, said in (
        (text, False, "all 20 epochs equal the record"),
        (text.replace(third, changed), True, "DIFFERENT from the record from epoch 3 on"),
    ):
        path.write_text(content)
        with pytest.raises(SystemExit) as end:
            audit.main()
        assert bool(end.value.code) == status
        assert said in capsys.readouterr().out
    path.write_text(text)
    assert audit.list_left(audit.read_audited()) == []
