"""The repository stays small enough to be read."""

import ast
import io
import re
import tokenize

import pytest

from mnist_rnn.paths import ROOT

pytestmark = pytest.mark.quick

PACKAGE = ROOT / "src" / "mnist_rnn"
FOLDERS = (PACKAGE, *(ROOT / name for name in ("benchmarks", "docs", "originals", "release")))
SOURCES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))
SILENT = {
    getattr(tokenize, name)
    for name in ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER")
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def count_code(source: str) -> int:
    """The lines of a module without docstrings, comments and blank lines."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            lines.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_code_is_counted_by_line():
    source = (
        '"""Two\n\nlines."""\n\n# a comment\nx = [\n    1,  # one\n]\n\n\ndef f():\n    """F."""\n'
    )
    assert count_code(source + '    return """a\nb"""\n') == 6


def test_what_decides_the_bits_reads_in_ten_minutes():
    modules = [path.read_text() for path in (PACKAGE / "experiment").glob("*.py")]
    assert sum(map(count_code, modules)) < 500


def test_no_private_attribute_of_keras_or_tensorflow():
    """`super().__init__` and names of our own are no such attribute."""
    private = re.compile(r"(?<!self)\.(_[a-z]\w*)|self\.(_\w+tracker|_\w+jit\w*)")
    for path in (PACKAGE / "experiment").glob("*.py"):
        assert not private.search(path.read_text()), path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_module_has_at_most_200_lines(path):
    assert len(path.read_text().splitlines()) <= 200
