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
from mnist_rnn.bits.emulated import missing, start_emulated, start_first_steps
from mnist_rnn.bits.ledger import read_ledger
from mnist_rnn.experiment import layers, optimization
from mnist_rnn.records.run import FIRST_STEPS, find_first_steps, read_first_steps

KNOWN = read_first_steps()
EPOCH = "first-epoch"  # the first epoch takes 40 to 100 minutes on an emulated CPU
STEPS = [name for name in KNOWN if name != EPOCH]
CPUS = ("Haswell", "Skylake-Client", "EPYC-Milan", "neoverse-n1")
# One layer or optimizer each; `make slow` takes all first steps
QUICK = ("sgd", "dropout", "adam", "rmsprop", "lstm", "gru")


def require_same_bits(process, names):
    """Wait until a process ends, and check that it has printed the committed digests."""
    status, output = end(process, timeout=3 * 3600)
    assert [line.split()[1] for line in output.splitlines()] == [KNOWN[n].sha256 for n in names]
    assert status == 0, output


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


def test_another_computation_changes_the_first_steps_that_use_it(tmp_path, monkeypatch, capsys):
    """Change the learning rate of SGD, and write the new digests. Adam's first steps stay."""
    path = tmp_path / "first_steps.json"
    path.write_bytes(FIRST_STEPS.read_bytes())
    monkeypatch.setattr(first_steps, "FIRST_STEPS", path)
    update = optimization.SGD.update_step
    other = lambda self, gradient, w, rate: update(self, gradient, w, rate * 1.001)  # noqa: E731
    monkeypatch.setattr(optimization.SGD, "update_step", other)
    monkeypatch.setattr(layers, "unused", type("Unused", (layers.SimpleRNN,), {}), raising=False)
    monkeypatch.setattr(sys, "argv", ["first_steps", "sgd", "adam", "--write"])
    with pytest.raises(SystemExit) as status:
        first_steps.main()
    assert not status.value.code
    said = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert [words[2] for words in said] == ["OTHER BITS", "the same bits"]
    changed = {said[0][1]: KNOWN["sgd"].sha256}
    text = path.read_text()
    for new, old in changed.items():
        text = text.replace(new, old)
    assert text == FIRST_STEPS.read_text()


def test_the_first_steps_of_two_networks_are_one_row_of_the_ledger(tmp_path, monkeypatch):
    monkeypatch.setattr(first_steps, "OWN", tmp_path / "own.csv")
    same = {KNOWN[name].config: KNOWN[name].sha256 for name in ("sgd", "gru")}
    monkeypatch.setattr(first_steps, "train_first_steps", same.get)
    monkeypatch.setattr(sys, "argv", ["first_steps", "sgd", "gru", "--record"])
    with pytest.raises(SystemExit):
        first_steps.main()
    (row,) = read_ledger(tmp_path / "own.csv")
    assert (row.same_bits, row.other_bits) == ("sgd gru", "")


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="tests oneDNN's kernels for x86-64")
def test_training_with_avx2_gives_the_committed_bits():
    """Limit oneDNN to AVX2, as on a CPU without AVX-512."""
    command = [sys.executable, "-m", "mnist_rnn.bits.first_steps", *STEPS]
    variables = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    require_same_bits(start(command, env=variables, stderr=None), STEPS)


def require(cpu):
    if missing(cpu):
        pytest.skip(missing(cpu))


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["Nehalem", "neoverse-n1"])
def test_the_numpy_version_needs_neither_fma_nor_tensorflow(cpu):
    """Emulate also Nehalem, a CPU without AVX and FMA, on which TensorFlow can't start."""
    require(cpu)
    names = "1-unit", "batch-1"
    require_same_bits(start_first_steps(cpu, "--by-hand", *names), names)


@pytest.mark.trial
@pytest.mark.parametrize("cpu", CPUS)
def test_an_emulated_cpu_computes_the_committed_bits(cpu):
    require(cpu)
    require_same_bits(start_first_steps(cpu, *STEPS), STEPS)


@pytest.mark.trial
@pytest.mark.parametrize("cpu", CPUS)
def test_an_emulated_cpu_adds_terms_in_the_specified_order(cpu):
    require(cpu)
    oracle = Path(__file__).with_name("helpers") / "oracle.py"
    assert end(start_emulated(cpu, oracle, "40"), timeout=3 * 3600) == (0, "different 0\n")
