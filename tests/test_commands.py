"""Test that commands end with one sentence if a file is wrong, missing, a folder or unwritable."""

import sys
from importlib import import_module

import nbformat
import pytest
from helpers.runs import run_python
from papermill.exceptions import PapermillExecutionError

from mnist_rnn.system.paths import ROOT

READ = ("bits.ledger FILE", "bits.compare FILE", "web.site --report FILE out.html",
        "web.site --model FILE --output pages")  # fmt: skip
WRITTEN = ("bits.inputs FILE --units 2 --train-size 128",
           f"web.site --report {ROOT}/notebooks/05_by_hand.ipynb FILE")  # fmt: skip
CASES = [
    *((command, file) for command in READ for file in ("text", "binary", "nothing", "folder")),
    *((command, file) for command in WRITTEN for file in ("folder", "text/below")),
    ("web.site --output FILE", "text"),
    ("web.site --model FILE.keras", "loop"),
    (
        f"system.execute --no-progress-bar {ROOT}/notebooks/05_by_hand.ipynb FILE/out.ipynb",
        "nothing",
    ),
    (f"system.execute --no-progress-bar -k FILE {ROOT}/notebooks/05_by_hand.ipynb -", "nothing"),
    ("bits.audit FILE", "nothing"),
    ("bits.verify FILE", "nothing"),
    ("bits.implementations JAX --peers FILE", "nothing"),
    ("bits.implementations JAX --peers FILE", "folder"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Go to a folder with a text, other bytes, a folder, and a link to itself."""
    (tmp_path / "text").write_text("hello\n")
    (tmp_path / "binary").write_bytes(b"\x89\xff\0")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop.keras").symlink_to("loop.keras")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "file"), CASES)
def test_a_wrong_file_gives_one_sentence(command, file, folder, monkeypatch, capsys):
    module, *arguments = command.replace("FILE", file).split()
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(SystemExit, match=rf"(?s)^[^\n]*{file}[^\n]*\n?$"):
        import_module(f"mnist_rnn.{module}").main()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("module", ["sweep", "bits.one_bit"])
def test_a_file_in_place_of_the_results_folder_gives_one_sentence(module, folder):
    """`bits.one_bit` does not find its table, so it has pairs to train."""
    program = f"import mnist_rnn.{module} as m, pathlib; m.FILE = pathlib.Path('none'); m.main()"
    done = run_python(program, MNIST_RNN_RESULTS=f"{folder}/text")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith(f"{folder}/text/")


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [("from mnist_rnn.system.errors import *; raise DataError('sizes')", SystemExit, "^sizes$"),
     ("raise ValueError('sizes')", PapermillExecutionError, "Traceback")],
)  # fmt: skip
def test_only_our_errors_in_a_notebook_end_in_one_sentence(code, kind, words, folder, monkeypatch):
    cells = [nbformat.v4.new_code_cell(code)]
    about = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=about), folder / "in.ipynb")
    monkeypatch.setattr(sys, "argv", ["execute", "in.ipynb", "out.ipynb"])
    with pytest.raises(kind, match=words):
        import_module("mnist_rnn.system.execute").main()


def test_a_number_of_threads_at_which_tensorflow_hangs_is_rejected():
    done = run_python("import mnist_rnn.experiment.backend", TF_NUM_INTRAOP_THREADS="20000")
    assert done.stderr.endswith("expected at most 1000 threads, got 20000.\n")
