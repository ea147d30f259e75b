"""Measure the share of edits of the code that the tests detect. `make mutants` runs this script.

The script edits a copy of the repository, and runs the package's tests. The edits are a random
sample, always the same: another number, operator, condition or truth value, or one
argument less, but no text. `ARGS="figures 10"` tries 10 edits of `figures`.
"""

import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
# The tests of each package; names with a number are notebooks, whose outputs are compared
TESTS = {
    "analysis": "tables statistics published trained_network one_bit documents "
    "03_results 06_one_bit",
    "figures": "figures training_figures interpretation_figures unrolled gradient "
    "01_data 03_results 04_reading 05_by_hand 06_one_bit 02_train",
    "records": "records metrics model training trained_network portable",
}
EXECUTED = "test_an_executed_notebook_has_the_committed_outputs"
PAIRS = "Add Sub, Mult Div, Lt LtE, Gt GtE, Eq NotEq, In NotIn, Is IsNot, And Or"
NAMES = [pair.split() for pair in PAIRS.split(", ")]
SWAPS = {getattr(ast, a): getattr(ast, b) for pair in NAMES for a, b in (pair, pair[::-1])}


class Edit(NamedTuple):
    """The text `new` in place of the text `old`, which starts at a byte of a file."""

    path: Path
    line: int
    start: int
    old: str
    new: str


def list_replacements(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield each part of a node that can be edited, with the code that replaces it."""

    def change(**fields: object) -> str:
        return f"({ast.unparse(type(node)(**vars(node) | fields))})"

    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            yield node, repr(not value if isinstance(value, bool) else value + 1)
        case ast.BinOp() | ast.BoolOp() if type(node.op) in SWAPS:
            yield node, change(op=SWAPS[type(node.op)]())
        case ast.Compare(ops=[op]):
            yield node, change(ops=[SWAPS[type(op)]()])
        case ast.If() | ast.IfExp() | ast.While():
            yield node.test, f"(not ({ast.unparse(node.test)}))"
        case ast.Call():
            for i in range(len(node.keywords)):
                yield node, change(keywords=node.keywords[:i] + node.keywords[i + 1 :])


def list_edits(path: Path) -> Iterator[Edit]:
    """Yield all edits of a file. Formatted strings are texts, and are left out."""
    code = path.read_bytes()
    starts = [0, *(match.end() for match in re.finditer(b"\n", code))]
    nodes: list[ast.AST] = [ast.parse(code)]
    while nodes:
        node = nodes.pop()
        nodes += [
            each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.JoinedStr)
        ]
        for old, new in list_replacements(node):
            start = starts[old.lineno - 1] + old.col_offset
            end = starts[old.end_lineno - 1] + old.end_col_offset
            yield Edit(path, old.lineno, start, code[start:end].decode(), new)


def is_detected(folder: Path, package: str, edit: Edit) -> bool:
    """Return whether a test of the package fails in a copy of the repository with an edit."""
    command = ["timeout", "600", sys.executable, "-m", "pytest", "-xq", "-n2"]
    tests = [
        f"tests/test_notebooks.py::{EXECUTED}[{n}.ipynb]" if n[0] == "0" else f"tests/test_{n}.py"
        for n in TESTS[package].split()
    ]
    command += ["-m", "not slow and not trial", *tests]
    path, text = folder / edit.path.relative_to(ROOT), edit.path.read_bytes()
    end = edit.start + len(edit.old.encode())
    path.write_bytes(text[: edit.start] + edit.new.encode() + text[end:])
    env = os.environ | {"PYTHONPATH": str(folder / "src")}
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True)
        return done.returncode != 0  # 124 after 600 seconds, such as in an endless loop
    finally:
        path.write_bytes(text)


def main() -> None:
    """Print the undetected edits, and the share of detected edits per package."""
    chosen, size = [*sys.argv[1:], *("", 30)[len(sys.argv) - 1 :]]
    if chosen not in ("", *TESTS):
        raise SystemExit(f"ARGS: expected one of {', '.join(TESTS)}, got {chosen}.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "copy")
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "outputs", "site"))
        for package in [chosen] if chosen else TESTS:
            files = sorted((ROOT / "src" / "mnist_rnn" / package).glob("*.py"))
            if is_detected(folder, package, Edit(files[0], 1, 0, "", "")):
                raise SystemExit(f"{package}: expected tests that pass without an edit.")
            edits = [edit for path in files for edit in list_edits(path)]
            sample, found = random.Random(package).sample(edits, int(size)), 0
            for edit in sample:
                if is_detected(folder, package, edit):
                    found += 1
                else:
                    print(f"{edit.path.name}, line {edit.line}: {edit.old} -> {edit.new}")
            low, high = binomtest(found, len(sample)).proportion_ci()
            share = f"{found} of {len(sample)} edits detected, {found / len(sample):.0%}"
            print(f"{package}: {share} (95% confidence interval {low:.0%} to {high:.0%})")


if __name__ == "__main__":
    main()
