"""The first steps of each kind of run have the committed digest, on this CPU and on others.

CPUs that the machine has not are emulated, which takes minutes. `first_steps.json` holds the
digests of weights and logits.
"""

import json

import pytest
from emulated import FIRST_STEPS, missing, read_digests, start_first_steps
from first_steps import NETWORKS, train_first_steps

from mnist_rnn.experiment.checkpoints import Checkpoint

DIGESTS = json.loads(FIRST_STEPS.with_suffix(".json").read_text())
CPUS = ["Haswell", "Skylake-Client", "EPYC-Milan", "neoverse-n1"]
EPOCH = "first-epoch"  # a whole one: an hour on an emulated CPU


def test_each_kind_of_run_has_a_digest_of_its_own():
    assert list(DIGESTS) == list(NETWORKS)
    assert len(set(DIGESTS.values())) == len(DIGESTS)


@pytest.mark.parametrize(
    "name",
    [n if n in ("sgd", "512-units") else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS],
)
def test_this_cpu_computes_the_committed_bits(name, tmp_path):
    assert train_first_steps(name, tmp_path, epochs=2) == DIGESTS[name]


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
    expected = {name: digest for name, digest in DIGESTS.items() if name != EPOCH}
    digests = read_digests(start_first_steps(cpu, *expected))
    print(f"\n{cpu}")
    for name, digest in digests.items():
        print(f"  {name:16} {digest}  {'the same' if digest == DIGESTS[name] else 'ANOTHER'}")
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
