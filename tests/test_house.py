"""The repository stays small enough to be read."""

import re

import pytest

from mnist_rnn.paths import ROOT

pytestmark = pytest.mark.quick

PACKAGE = ROOT / "src" / "mnist_rnn"
EXPERIMENT = sorted((PACKAGE / "experiment").glob("*.py"))
FOLDERS = (PACKAGE, *(ROOT / name for name in ("benchmarks", "docs", "originals", "release")))
SOURCES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))


def count_lines(path):
    return len(path.read_text().splitlines())


def test_what_decides_the_bits_reads_in_ten_minutes():
    assert sum(map(count_lines, EXPERIMENT)) < 700


def test_no_private_attribute_of_keras_or_tensorflow():
    """`super().__init__` and names of our own are no such attribute."""
    private = re.compile(r"(?<!self)\.(_[a-z]\w*)|self\.(_\w+tracker|_\w+jit\w*)")
    for path in EXPERIMENT:
        assert not private.search(path.read_text()), path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_module_has_at_most_200_lines(path):
    assert count_lines(path) <= 200
