"""Test the audit, which computes committed runs again with the C program."""

import pytest

from mnist_rnn.bits.audit import add_row, compare, list_left, read_audited
from mnist_rnn.bits.programs import compile_c, train
from mnist_rnn.errors import ExperimentError

NAME = "simple_rnn-256-sgd-learning_rate_0.05-batch_size_64-train_size_1280"


def shorten(run, digests):
    """Return the record of a run that ends after as many epochs as there are digests."""
    history = {name: values[: len(digests)] for name, values in vars(run.history).items()}
    return run.model_copy(
        update={
            "config": run.config.model_copy(update={"epochs": len(digests)}),
            "history": run.history.model_copy(update=history | {"weights_sha256": digests}),
        }
    )


def test_the_audit_finds_a_changed_digit(tmp_path):
    (record,) = read_audited([NAME])
    run = shorten(record, record.history.weights_sha256[:3])
    try:
        command = compile_c(tmp_path / "rnn")
    except ExperimentError as error:
        pytest.skip(str(error))
    trained = train(command, run.config)
    row = compare(run, trained)
    assert row.first_difference == ""
    add_row(row, tmp_path / "audit.csv")
    assert list_left([run], tmp_path / "audit.csv") == []
    epoch = run.history.weights_sha256[2]
    wrong = epoch[:-1] + ("1" if epoch[-1] == "0" else "0")
    changed = shorten(run, [*run.history.weights_sha256[:2], wrong])
    assert list_left([changed], tmp_path / "audit.csv") == [changed]
    assert compare(changed, trained).first_difference == "3"
