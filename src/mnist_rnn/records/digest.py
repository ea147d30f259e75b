"""The digest of code that computes: what decides whether a record is outdated."""

import ast
import hashlib
from collections.abc import Collection
from pathlib import Path

from mnist_rnn import experiment

EXPERIMENT = Path(experiment.__file__).parent


def digest_code(files: Collection[Path] = ()) -> str:
    """SHA-256 of what these files compute, of `experiment` by default, by name.

    Comments, docstrings and line breaks don't count, nor does the version of Python.
    """
    digest = hashlib.sha256()
    for path in sorted(files or EXPERIMENT.glob("*.py")):
        digest.update(describe(ast.parse(path.read_bytes())).encode())
    return digest.hexdigest()


def describe(node: object) -> str:
    """A syntax tree in words, without docstrings; `ast.dump` depends on Python's version."""
    if isinstance(node, list):
        return f"[{','.join(map(describe, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
        fields["body"] = node.body[1:]
    return f"{type(node).__name__}({','.join(f'{n}={describe(v)}' for n, v in fields.items())})"


# The files may change while a kernel lives; what it has loaded does not.
LOADED_SHA256 = digest_code()
