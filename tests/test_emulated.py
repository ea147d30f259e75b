"""Test that this CPU and emulated CPUs compute the committed bits in the first training steps.

The file `first_steps.json` has digests of weights and logits. Emulating a CPU takes minutes.
"""

import os
import platform
import sys
from pathlib import Path

import pytest
from helpers.runs import end, start

from mnist_rnn.analysis.claims import UNPUBLISHED, read_claims
from mnist_rnn.bits import first_steps
from mnist_rnn.bits.emulated import find_python
from mnist_rnn.bits.implementations import RUNS, answer, judge, train
from mnist_rnn.bits.ledger import read_ledger
from mnist_rnn.records.run import FIRST_STEPS, find_first_steps, read_first_steps
from mnist_rnn.system.errors import ExperimentError
from mnist_rnn.system.paths import ROOT

KNOWN = read_first_steps()
EPOCH = "first-epoch"  # the first epoch takes 40 to 100 minutes on an emulated CPU
STEPS = [name for name in KNOWN if name != EPOCH]
CPUS = ("Haswell", "Skylake-Client", "EPYC-Milan", "neoverse-n1")
# All optimizers and layers, as 02_train.ipynb has the default; `make slow` takes all first steps
QUICK = ("rmsprop", "lstm", "gru")


def require_same_bits(command, **variables):
    status, output = end(start(command, stderr=None, **variables), timeout=3 * 3600)
    assert [line.split()[1] for line in output.splitlines()] == [KNOWN[n].sha256 for n in STEPS]
    assert status == 0, output


def on(cpu):
    """Return the command that starts Python on the CPU, or skip the test."""
    try:
        return find_python(cpu)
    except ExperimentError as error:
        pytest.skip(str(error))


def test_each_of_the_first_steps_has_a_different_digest():
    assert len({entry.sha256 for entry in KNOWN.values()}) == len(KNOWN)


def test_each_published_configuration_has_its_own_first_steps():
    claims = [c for c in read_claims() if c.answered_by == "ours" and c.kind not in UNPUBLISHED]
    for claim in claims:
        (name,) = find_first_steps(claim.config)
        assert not KNOWN[name].config.find_changes(claim.config).keys() - {"epochs", "train_size"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in KNOWN]
)
def test_this_cpu_computes_the_committed_bits(name):
    assert first_steps.train_first_steps(KNOWN[name].config) == KNOWN[name].sha256


def test_a_changed_digest_is_written_and_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(first_steps, "OWN", tmp_path / "own.csv")
    monkeypatch.setattr(first_steps, "FIRST_STEPS", tmp_path / "first_steps.json")
    first_steps.FIRST_STEPS.write_bytes(FIRST_STEPS.read_bytes())
    digests = {"sgd": "0" * 64, "adam": KNOWN["adam"].sha256}
    train_first_steps = lambda config: digests[config.optimizer]  # noqa: E731
    monkeypatch.setattr(first_steps, "train_first_steps", train_first_steps)
    monkeypatch.setattr(sys, "argv", ["first_steps", "sgd", "adam", "--write", "--record"])
    with pytest.raises(SystemExit) as status:
        first_steps.main()
    assert not status.value.code
    (row,) = read_ledger(first_steps.OWN)
    assert (row.same_bits, row.other_bits) == ("adam", "sgd")
    old, new = (path.read_text().splitlines() for path in (FIRST_STEPS, first_steps.FIRST_STEPS))
    changed = [line for line, now in zip(old, new, strict=True) if line != now]
    assert [line.split(":")[0] for line in changed] == [' "sgd"']


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="tests oneDNN's kernels for x86-64")
def test_training_with_avx2_gives_the_committed_bits():
    """Limit oneDNN to AVX2, as on a CPU without AVX-512."""
    command = [sys.executable, "-m", "mnist_rnn.bits.first_steps", *STEPS]
    require_same_bits(command, env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"})


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["Nehalem", "neoverse-n1"])
def test_the_numpy_version_needs_neither_fma_nor_tensorflow(cpu):
    """Emulate also Nehalem, a CPU without AVX and FMA, on which TensorFlow can't start."""
    command = [*on(cpu), ROOT / "implementations" / "rnn_numpy.py"]
    assert (answer(command), judge(train(command, RUNS["batch-1"]), "batch-1")) == ([], "")


@pytest.mark.trial
@pytest.mark.parametrize("cpu", CPUS)
def test_an_emulated_cpu_computes_the_committed_bits_in_the_specified_order(cpu):
    oracle = Path(__file__).with_name("helpers") / "oracle.py"
    assert end(start([*on(cpu), oracle, "40"]), timeout=3 * 3600) == (0, "different 0\n")
    module = "mnist_rnn.bits.first_steps"
    require_same_bits([*on(cpu), "-m", module, *STEPS, "--emulated", cpu])
