"""Test originals/run.py, which runs the code of the original notebooks and records the runs."""

import sys

import pytest
from helpers.runs import end, environment, start

from mnist_rnn.analysis.claims import read_claims
from mnist_rnn.config import PROGRAMS, Configuration
from mnist_rnn.records.run import read_run, read_runs, run_path
from mnist_rnn.system.paths import ORIGINALS, ROOT

PEERS = ROOT / ".venv-peers" / "bin" / "python"


def run(results, code, config, python=sys.executable):
    """Run originals/run.py, and return its exit status and its output."""
    command = [sys.executable, ORIGINALS / "run.py", python, code, config.model_dump_json()]
    return end(start(command, env=environment(results)))


@pytest.mark.slow
def test_original_code_with_our_initial_weights_gives_our_results(results, tmp_path):
    """Compare our run with a run that uses Keras's own loss and training step, without XLA."""
    from mnist_rnn.records.training import train

    config = Configuration(seed=1, epochs=2, train_size=1000)
    ours = train(config).run.history
    status, printed = run(tmp_path, "seeded", config)
    assert status == 0, printed
    theirs = read_run(run_path(config, ".json", tmp_path, "seeded"))
    assert theirs.history.test_errors == ours.test_errors
    assert theirs.history.loss == pytest.approx(ours.loss, abs=1e-5)
    assert (theirs.code, theirs.mistakes, bool(theirs.weights_sha256)) == ("seeded", None, False)
    assert f"Test accuracy: {theirs.test_accuracy:.1f}%" in printed


def test_the_original_code_gets_as_many_images_as_configured(tmp_path):
    """Run a script in place of Python, and expect its exit status."""
    python = tmp_path / "python"
    count = "import numpy, sys; sys.exit(len(numpy.load(sys.argv[2])['x_train']) - 598)"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{count}" "$@"\n')
    python.chmod(0o755)
    assert run(tmp_path, "keras", Configuration(train_size=640), str(python)) == (42, "")


def test_failed_run_leaves_no_record(tmp_path):
    """Run the PyTorch code in an environment without PyTorch."""
    small = PROGRAMS["pytorch"].base.model_copy(update={"epochs": 1, "train_size": 640})
    status, printed = run(tmp_path, "pytorch", small)
    assert status == 1
    assert "No module named 'torch'" in printed
    assert read_runs(tmp_path) == ([], [])


@pytest.mark.slow
@pytest.mark.skipif(not PEERS.exists(), reason="needs PyTorch: `make .venv-peers/installed`")
def test_pytorch_network_has_the_published_number_of_parameters(tmp_path):
    small = PROGRAMS["pytorch"].base.model_copy(update={"epochs": 1, "train_size": 640})
    status, printed = run(tmp_path, "pytorch", small, str(PEERS))
    assert status == 0, printed
    (theirs,), _ = read_runs(tmp_path)
    claims = [claim for claim in read_claims() if claim.answered_by == "pytorch"]
    assert {claim.published_parameters for claim in claims} == {theirs.parameters} == {75_786}
