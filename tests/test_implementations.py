"""Test the programs in implementations/, which use Keras, NumPy, JAX, PyTorch, C and a browser."""

import platform
import shutil
import sys

import pytest

from mnist_rnn.bits import implementations
from mnist_rnn.bits.implementations import FOLDER, RUNS, answer, compile_c, judge, train
from mnist_rnn.bits.inputs import write_inputs
from mnist_rnn.bits.ledger import read_ledger
from mnist_rnn.config import Configuration
from mnist_rnn.records.run import read_first_steps
from mnist_rnn.system.errors import ExperimentError, ParameterError
from mnist_rnn.system.paths import ROOT

PEERS = ROOT / f"{sys.prefix}-peers" / "bin" / "python"
KNOWN = [name for name in read_first_steps() if name != "first-epoch"]


def start(name, folder):
    """Return the command of a program, or skip the test if something is missing."""
    try:
        return implementations.find_program(name, folder, PEERS)[0]
    except ExperimentError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def c(tmp_path_factory):
    return start("C", tmp_path_factory.mktemp("c"))


def test_the_c_program_computes_the_known_answers(c):
    assert answer(c) == []


@pytest.mark.parametrize("name", KNOWN)
def test_the_c_program_computes_the_first_steps(name, c):
    assert judge(train(c, RUNS[name]), name) == ""


@pytest.mark.parametrize(
    ("line", "instead", "array"),
    [("1 - h[j] * h[j]", "(1 + h[j]) * (1 - h[j])", "d of"), ("* (1 / s)) * e", "/ s) * e", "g ")],
)
def test_other_arithmetic_in_the_c_program_is_found(line, instead, array, tmp_path, monkeypatch, c):
    for name in ("rnn.c", "sha256.c", "commands.c"):
        text = (FOLDER / name).read_text()
        (tmp_path / name).write_text(text.replace(line, instead))
    monkeypatch.setattr(implementations, "FOLDER", tmp_path)
    command = compile_c(tmp_path / "rnn")
    differences = answer(command)
    assert differences
    assert all(array in sentence for sentence in differences)
    assert judge(train(command, RUNS["sgd"]), "sgd").startswith("expected f1b9aead")


@pytest.mark.slow
@pytest.mark.parametrize("target", ["-O2", "-mavx2 -mfma", "riscv64", "s390x", "aarch64"])
def test_the_c_program_computes_the_committed_bits_on_other_cpus(target, tmp_path, c):
    """Use fewer instructions, or emulate a CPU. On s390x, numbers have the opposite byte order."""
    if "avx" in target and platform.machine() != "x86_64":
        pytest.skip("AVX2 exists only on x86-64")
    if target[0] == "-":
        command, run = compile_c(tmp_path / "rnn", *target.split()), "sgd"
    else:
        qemu, gcc, run = f"qemu-{target}", f"{target}-linux-gnu-gcc", "1-unit"
        if not (shutil.which(qemu) and shutil.which(gcc)):
            pytest.skip(f"needs {qemu} and {gcc}: `apt install qemu-user gcc-{target}-linux-gnu`")
        command = [qemu, *compile_c(tmp_path / "rnn", "-static", compiler=gcc)]
    assert (answer(command), judge(train(command, RUNS[run]), run)) == ([], "")


@pytest.mark.slow
@pytest.mark.parametrize("isa", ["", "AVX2"])
@pytest.mark.parametrize("name", ["JAX", "PyTorch", "Browser"])
def test_other_programs_compute_the_committed_bits(name, isa, tmp_path, monkeypatch):
    """In one case, limit oneDNN, PyTorch's library for matrix products, to AVX2."""
    command = start(name, tmp_path)
    if isa:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert (answer(command), judge(train(command, RUNS["sgd"]), "sgd")) == ([], "")
    with pytest.raises(ExperimentError, match=r"expected SimpleRNN.*, got layer 2"):
        train(command, RUNS["gru"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["JAX", "PyTorch"])
def test_a_program_that_adds_in_another_order_ends_with_an_error_message(name, tmp_path):
    """Split long sums into parts of half the specified length, as MKL does with AVX2."""
    python, source = start(name, tmp_path)
    shutil.copy(FOLDER / "commands.py", tmp_path)
    halved = source.read_text().replace("256, 1)", "128, 1)")
    for whole in ("cut(b, 256)", "b.split(256)"):
        halved = halved.replace(whole, whole.replace("256", "128"))
    (tmp_path / source.name).write_text(halved)
    with pytest.raises(ExperimentError, match="terms of products in another order"):
        implementations.run([python, tmp_path / source.name, "data/mnist", "none"])


def test_the_check_writes_a_row_of_the_ledger(tmp_path, monkeypatch, capsys, c):
    monkeypatch.setattr(implementations, "OWN", tmp_path / "own.csv")
    monkeypatch.setattr(sys, "argv", ["", "C", "--run", "1-unit", "--run", "sgd"])
    with pytest.raises(SystemExit) as end:
        implementations.main()
    assert not end.value.code, capsys.readouterr().out
    (row,) = read_ledger(tmp_path / "own.csv")
    assert (row.program, row.same_bits, row.other_bits) == ("C", "1-unit sgd", "")


def test_a_layer_that_the_c_program_lacks_is_rejected(tmp_path):
    config = Configuration().model_copy(update={"layer": "conv_lstm"})
    with pytest.raises(ParameterError, match=r"layer: expected .*, got conv_lstm"):
        write_inputs(tmp_path / "inputs", config)
