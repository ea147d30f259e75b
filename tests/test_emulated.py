"""The first steps of each kind of run have the committed digest, on this CPU and on others.

CPUs that the machine has not are emulated, which takes minutes. `first_steps.json` holds the
digests of weights and logits.
"""

import json
import os
import sys
from subprocess import DEVNULL

import pytest
from emulated import FIRST_STEPS, missing, read_digests, start_first_steps
from first_steps import NETWORKS, train_first_steps
from runs import start

from mnist_rnn.experiment.checkpoints import Checkpoint
from mnist_rnn.records.environment import describe_cpu

DIGESTS = json.loads(FIRST_STEPS.with_suffix(".json").read_text())
CPUS = ["Haswell", "Skylake-Client", "EPYC-Milan", "neoverse-n1"]
EPOCH = "first-epoch"  # a whole one: an hour on an emulated CPU
# oneDNN, by which XLA multiplies matrices, chooses a kernel by shape and vector width; for some
# shapes, those for AVX-512 add in another order than those for AVX2.
WITHOUT_AVX_512 = DIGESTS | {
    "512-units": "8b16d2cfb67474c38cc7736b40aa21a00c30ba6cc185d9ea8441151f0840d53c"
}
# Why ARM64 computes other bits with Adam and with gates is not known.
ARM64 = DIGESTS | {
    "adam": "944c1eccad1ff052a1f6ab55fe06564d38e9ac1ff260a69fb90177bc18a8f704",
    "lstm": "c308709d3af5c36d7771acec11db0873ca32f372f7817be728deabd6efc8f40e",
    "gru": "a2e6bf163658a34ed2cc79418d58c4948f84fc38309fa3cb32ef6471f2cb4a42",
}


def test_each_kind_of_run_has_a_digest_of_its_own():
    assert list(DIGESTS) == list(NETWORKS)
    assert len(set(DIGESTS.values())) == len(DIGESTS)


@pytest.mark.parametrize(
    "name",
    [n if n in ("sgd", "512-units") else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS],
)
def test_this_cpu_computes_the_committed_bits(name, tmp_path):
    cpu = describe_cpu()
    expected = DIGESTS if "avx512f" in cpu.flags else WITHOUT_AVX_512
    expected = expected if cpu.architecture == "x86_64" else ARM64
    assert train_first_steps(name, tmp_path, epochs=2) == expected[name]


@pytest.mark.slow
def test_without_avx_512_only_512_units_have_other_bits():
    """Held to AVX2, oneDNN chooses the kernels that it has on a CPU without AVX-512."""
    names = [name for name in DIGESTS if name != EPOCH]
    command = [sys.executable, FIRST_STEPS, *names]
    process = start(command, env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}, stderr=DEVNULL)
    assert read_digests(process) == {name: WITHOUT_AVX_512[name] for name in names}


def require(cpu):
    if missing(cpu):
        pytest.skip(missing(cpu))


@pytest.mark.slow
def test_an_emulated_intel_computes_the_committed_bits():
    require("Haswell")
    assert read_digests(start_first_steps("Haswell", "sgd")) == {"sgd": DIGESTS["sgd"]}


@pytest.mark.trial
@pytest.mark.parametrize("cpu", CPUS)
def test_an_emulated_cpu_computes_the_committed_bits(cpu):
    require(cpu)
    digests = ARM64 if cpu == "neoverse-n1" else WITHOUT_AVX_512
    expected = {name: digest for name, digest in digests.items() if name != EPOCH}
    digests = read_digests(start_first_steps(cpu, *expected))
    print(f"\n{cpu}")
    for name, digest in digests.items():
        print(f"  {name:16} {digest}  {'the same' if digest == expected[name] else 'ANOTHER'}")
    assert digests == expected


@pytest.mark.trial
def test_an_emulated_intel_computes_the_bits_of_a_whole_epoch():
    require("Haswell")
    assert read_digests(start_first_steps("Haswell", EPOCH)) == {EPOCH: DIGESTS[EPOCH]}


@pytest.mark.trial
@pytest.mark.parametrize(("first", "then"), [("Haswell", "EPYC-Milan"), ("Haswell", "neoverse-n1")])
def test_a_run_begun_on_one_cpu_is_finished_on_another(first, then, tmp_path):
    require(first)
    require(then)
    folder = {"FOLDER": str(tmp_path)}
    read_digests(start_first_steps(first, "dropout", EPOCHS="1", **folder))
    begun = Checkpoint(tmp_path / "dropout", {"name": "dropout"})
    begun.write(begun.read()._replace(seconds=1e6))
    digests = read_digests(start_first_steps(then, "dropout", **folder))
    assert digests == {"dropout": DIGESTS["dropout"]}
    assert begun.read().seconds > 1e6  # it went on, and did not start anew
