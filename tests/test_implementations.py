"""Test the programs in implementations/, which use Keras, NumPy, JAX, PyTorch and C."""

import platform
import re
import shutil
import sys

import pytest
from helpers.samples import change

from mnist_rnn.bits import implementations, programs
from mnist_rnn.bits.implementations import RUNS, SOURCES, answer, find_proofs, judge, record
from mnist_rnn.bits.ledger import DEFAULT_RUN, add_rows, describe_reproduction, read_ledger
from mnist_rnn.bits.programs import FOLDER, ask, compile_c, train
from mnist_rnn.errors import ExperimentError
from mnist_rnn.paths import ROOT
from mnist_rnn.records.run import read_first_steps

KNOWN = read_first_steps()
PEERS = ROOT / f"{sys.prefix}-peers" / "bin" / "python"
FUNCTION = r"^(?:def|static (?:inline )?(?:void|float)) (\w+)\("


@pytest.fixture(scope="module")
def c(tmp_path_factory):
    """Compile the C program for this CPU, and return the command that runs it."""
    try:
        return compile_c(tmp_path_factory.mktemp("c") / "rnn")
    except ExperimentError as error:
        pytest.skip(str(error))


def need_peers(name):
    if not PEERS.exists():
        pytest.skip(f"needs {name}: `make implementations` installs it")
    return [PEERS, SOURCES[name][0][0]]


def test_all_programs_are_short_and_have_the_same_functions_in_the_same_order():
    named = ("NumPy", "JAX", "PyTorch", "C")
    texts = {name: SOURCES[name][0][0].read_text() for name in named}
    assert len(texts["C"].splitlines()) <= 450
    for name in ("JAX", "PyTorch"):
        assert len(texts[name].splitlines()) <= 150
    functions = {name: re.findall(FUNCTION, text, flags=re.M) for name, text in texts.items()}
    shared = "multiply", "sum_products", "sum_images", "forward", "backward", "predict"
    shared += "differentiate_loss", "step"
    for found in functions.values():
        assert [name for name in found if name in shared] == list(shared)


def test_the_c_program_computes_the_known_answers(c):
    assert answer(c) == []


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "first-epoch"])
def test_the_c_program_computes_the_first_steps(name, c):
    assert judge(train(c, KNOWN[name].config), name) == ""


@pytest.mark.parametrize(
    ("line", "instead", "array"),
    [
        ("1 - h[j] * h[j]", "(1 + h[j]) * (1 - h[j])", "d of timestep"),
        ("(a * (1 / s)) * e[j]", "a / s * e[j]", "g differs"),
    ],
)
def test_different_arithmetic_in_the_c_program_is_detected(
    line, instead, array, tmp_path, monkeypatch, c
):
    for name in ("rnn.c", "sha256.c", "commands.c"):
        text = (FOLDER / name).read_text()
        (tmp_path / name).write_text(text.replace(line, instead))
    monkeypatch.setattr(programs, "FOLDER", tmp_path)
    differences = answer(compile_c(tmp_path / "rnn"))
    assert differences
    assert all(array in sentence for sentence in differences)


@pytest.mark.slow
def test_the_c_program_needs_no_special_cpu_instructions(tmp_path, c):
    assert answer(compile_c(tmp_path / "rnn", "-O2")) == []


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX2 exists only on x86-64")
def test_the_c_program_computes_the_committed_bits_with_avx2_and_fma(tmp_path, c):
    command = compile_c(tmp_path / "rnn", "-mavx2", "-mfma")
    assert answer(command) == []
    assert judge(train(command, RUNS["sgd"]), "sgd") == ""


@pytest.mark.slow
def test_the_c_program_computes_the_committed_bits_on_an_emulated_arm64_cpu(tmp_path):
    pytest.importorskip("ziglang", reason="needs `pip install --group engine`")
    if not (emulator := shutil.which("qemu-aarch64")):
        pytest.skip("needs qemu-aarch64: `apt install qemu-user`")
    with pytest.MonkeyPatch.context() as patch:
        zig = [sys.executable, "-m", "ziglang", "cc"]
        patch.setattr(programs, "find_compiler", lambda: zig)
        options = "-target", "aarch64-linux-musl", "-static"
        command = [emulator, *compile_c(tmp_path / "rnn", *options)]
    assert answer(command) == []
    assert judge(train(command, RUNS["sgd"]), "sgd") == ""


@pytest.mark.slow
@pytest.mark.parametrize("isa", ["", "AVX2"])
@pytest.mark.parametrize("name", ["JAX", "PyTorch"])
def test_jax_and_pytorch_compute_the_committed_bits(name, isa, monkeypatch):
    """In one case, limit oneDNN, PyTorch's library for matrix products, to AVX2."""
    command = need_peers(name)
    if isa:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert answer(command) == []
    assert judge(train(command, RUNS["sgd"]), "sgd") == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["JAX", "PyTorch"])
def test_a_program_that_adds_in_another_order_ends_with_an_error_message(name, tmp_path):
    """Split long sums into parts of half the specified length, as MKL does with AVX2."""
    python, source = need_peers(name)
    shutil.copy(FOLDER / "commands.py", tmp_path)
    halved = source.read_text().replace("256, 1)", "128, 1)")
    for whole in ("cut(b, 256)", "b.split(256)"):
        halved = halved.replace(whole, whole.replace("256", "128"))
    (tmp_path / source.name).write_text(halved)
    with pytest.raises(ExperimentError, match="terms of products in another order"):
        ask([python, tmp_path / source.name, "data/mnist", "none"])


def test_the_row_of_the_c_program_names_the_implementation(tmp_path, monkeypatch, c):
    monkeypatch.setattr(implementations, "OWN", tmp_path / "own.csv")
    record("C", sys.executable, train(c, RUNS["sgd"]), "sgd", True)
    (row,) = read_ledger(tmp_path / "own.csv")
    assert (row.program, row.same_bits, row.other_bits, row.seconds) == ("C", "sgd", "", None)


def test_the_reported_time_is_that_of_the_fastest_longest_run(tmp_path, environment, monkeypatch):
    """Expect that runs with different bits and runs on emulated CPUs are ignored."""
    emulated = change(environment.model_copy(deep=True), "cpu", emulated=True)
    path, versions = tmp_path / "ledger.csv", iter("12345678")
    monkeypatch.setattr(implementations, "read_ledger", lambda: read_ledger(path))

    def add(seconds, name=DEFAULT_RUN, same=True, made_with=environment):
        row = describe_reproduction("C", made_with, {name: same}, seconds, {"cc": next(versions)})
        add_rows(path, [row.model_copy(update={"measured_by": "us"})])

    add(None, "sgd")
    assert find_proofs()["C"].seconds is None
    add(50, "first-epoch")
    assert find_proofs()["C"][:2] == ("the first epoch", 50)
    add(20)
    add(15)
    add(10, same=False)
    add(5, made_with=emulated)
    assert find_proofs()["C"][:2] == ("all 20 epochs", 15)


def test_the_error_message_of_a_failing_program_is_shown():
    with pytest.raises(ExperimentError, match="expected data/mnist INPUTS"):
        ask([sys.executable, FOLDER / "rnn_numpy.py"])
