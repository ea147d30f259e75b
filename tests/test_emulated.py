"""Test that this CPU and emulated CPUs compute the committed bits in the first training steps.

The file `first_steps.json` has digests of weights and logits. Emulating a CPU takes minutes.
"""

import functools
import json
import os
import platform
import re
import sys
from pathlib import Path

import pytest
from helpers.runs import end, start

from mnist_rnn.analysis.claims import UNPUBLISHED, read_claims
from mnist_rnn.bits import first_steps
from mnist_rnn.bits.emulated import missing, start_emulated, start_first_steps
from mnist_rnn.bits.first_steps import NETWORKS, train_first_steps
from mnist_rnn.bits.ledger import FIRST_STEPS, Reproduction
from mnist_rnn.config import Configuration
from mnist_rnn.records.checkpoint import Checkpoint

DIGESTS = json.loads(FIRST_STEPS.read_text())
EPOCH = "first-epoch"  # the first epoch takes 40 to 100 minutes on an emulated CPU
STEPS = [name for name in DIGESTS if name != EPOCH]
CPUS = ("Haswell", "Skylake-Client", "EPYC-Milan", "neoverse-n1")


def read_digests(process):
    """Wait until a process ends, and return a dictionary of the digests that it printed."""
    status, output = end(process, timeout=3 * 3600)
    assert status == 0, output
    return dict(line.split() for line in output.splitlines())


def test_each_kind_of_run_has_a_different_digest():
    assert list(DIGESTS) == list(NETWORKS)
    assert len(set(DIGESTS.values())) == len(DIGESTS)


def test_the_first_steps_of_each_published_configuration_are_tested():
    length = Configuration().model_dump(include={"epochs", "train_size"})
    tested = {Configuration(**changes | length).name for changes in NETWORKS.values()}
    claims = [c for c in read_claims() if c.answered_by == "ours" and c.kind not in UNPUBLISHED]
    assert {claim.config.model_copy(update=length).name for claim in claims} <= tested


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sgd", "gruu"], r"expected names from \['sgd', .*'gru', .*got 'gruu'"),
        (["--record", __file__], "--record: expected a folder, got the file .*test_emulated.py"),
        (["--record", "outputs", "--half"], "argument --half: not allowed with argument --record"),
    ],
)
def test_wrong_options_are_rejected_before_any_training_step(words, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["first_steps.py", *words])
    monkeypatch.setattr(first_steps, "train_first_steps", None)
    with pytest.raises(SystemExit):
        first_steps.main()
    printed = capsys.readouterr()
    assert re.search(message, printed.err)
    assert printed.out == ""


def test_the_digests_of_two_networks_are_written_into_one_record(monkeypatch, tmp_path):
    monkeypatch.setattr(first_steps, "train_first_steps", lambda name, *_: DIGESTS[name])
    monkeypatch.setattr("sys.argv", ["first_steps.py", "sgd", "gru", "--record", str(tmp_path)])
    first_steps.main()
    (path,) = tmp_path.iterdir()
    made = Reproduction.model_validate_json(path.read_bytes())
    assert made.digests == {name: [DIGESTS[name]] for name in ("sgd", "gru")}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n == "sgd" else pytest.mark.slow) for n in NETWORKS],
)
def test_this_cpu_computes_the_committed_bits(name, tmp_path):
    assert train_first_steps(name, tmp_path) == DIGESTS[name]


@pytest.fixture(scope="module")
def digests_with_avx2():
    """Compute digests with oneDNN limited to AVX2, as on a CPU without AVX-512."""
    variables = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    command = [sys.executable, "-m", "mnist_rnn.bits.first_steps", *STEPS]
    return read_digests(start(command, env=variables, stderr=None))


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="tests oneDNN's kernels for x86-64")
@pytest.mark.parametrize("name", STEPS)
def test_training_with_avx2_gives_the_committed_bits(name, digests_with_avx2):
    assert digests_with_avx2[name] == DIGESTS[name]


def require(cpu):
    if missing(cpu):
        pytest.skip(missing(cpu))


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["Nehalem", "neoverse-n1"])
def test_the_numpy_version_needs_neither_fma_nor_tensorflow(cpu):
    """Emulate also Nehalem, a CPU without AVX and FMA, on which TensorFlow can't start."""
    require(cpu)
    names = "1-unit", "batch-1"
    computed = read_digests(start_first_steps(cpu, "--by-hand", *names))
    assert computed == {name: DIGESTS[name] for name in names}


@functools.cache
def compute_first_steps(cpu):
    """Return a dictionary of the digests that an emulated CPU computes."""
    return read_digests(start_first_steps(cpu, *STEPS))


@pytest.mark.trial
@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", STEPS)
def test_an_emulated_cpu_computes_the_committed_bits(cpu, name):
    require(cpu)
    digest = compute_first_steps(cpu)[name]
    print(f"\n{cpu:14} {name:14} {digest}", "the same" if digest == DIGESTS[name] else "DIFFERENT")
    assert digest == DIGESTS[name]


@pytest.mark.trial
@pytest.mark.parametrize("cpu", CPUS)
def test_an_emulated_cpu_adds_terms_in_the_specified_order(cpu):
    require(cpu)
    oracle = Path(__file__).with_name("helpers") / "oracle.py"
    assert end(start_emulated(cpu, oracle, "40"), timeout=3 * 3600) == (0, "different 0\n")


@pytest.mark.trial
@pytest.mark.parametrize("cpu", ["Haswell", "neoverse-n1"])
def test_an_emulated_cpu_computes_the_committed_bits_of_a_whole_epoch(cpu):
    require(cpu)
    assert read_digests(start_first_steps(cpu, EPOCH)) == {EPOCH: DIGESTS[EPOCH]}


@pytest.mark.trial
@pytest.mark.parametrize(("first", "then"), [("Haswell", "EPYC-Milan"), ("Haswell", "neoverse-n1")])
def test_a_run_that_is_continued_on_another_cpu_has_the_same_bits(first, then, tmp_path):
    require(first)
    require(then)
    words = "dropout", "--folder", tmp_path
    read_digests(start_first_steps(first, *words, "--half"))
    begun = Checkpoint(tmp_path / "dropout", {"name": "dropout"})
    begun.write(begun.read()._replace(seconds=1e6))
    digests = read_digests(start_first_steps(then, *words))
    assert digests == {"dropout": DIGESTS["dropout"]}
    assert begun.read().seconds > 1e6  # the second CPU continued the run
