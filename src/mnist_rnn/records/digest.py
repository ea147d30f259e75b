"""Compute the digest of the training code, which shows whether a record is outdated."""

import ast
import hashlib
from collections.abc import Collection
from pathlib import Path

from mnist_rnn import experiment

EXPERIMENT = Path(experiment.__file__).parent


def digest_code(files: Collection[Path] = ()) -> str:
    """Return the SHA-256 of the code in these files, by default the files of `experiment`.

    The digest ignores comments, docstrings, formatting, annotations, imports, the arguments of
    exceptions and the names of local variables. Every version of Python gives the same digest.
    """
    digest = hashlib.sha256()
    for path in sorted(files or EXPERIMENT.glob("*.py")):
        digest.update(describe(ast.parse(path.read_bytes()), {}).encode())
    return digest.hexdigest()


def describe(node: object, local: dict[str, str]) -> str:
    """Return a syntax tree as text, with the local variables renamed as in `local`."""
    if isinstance(node, list):
        return f"[{','.join(filter(None, (describe(part, local) for part in node)))}]"
    if not isinstance(node, ast.AST):
        return str(node)
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return ""
        case ast.Raise(exc=ast.Call(func=error)):
            return f"Raise({describe(error, local)})"
        case ast.AnnAssign(value=None):
            return ""
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            node = ast.Assign([target], value)
        case ast.Constant(value=value):
            return repr(value)
        case ast.Name(id=name):
            return local.get(name, name)
        case ast.FunctionDef() | ast.Lambda():
            local = local or number_locals(node)
    fields = (
        f"{name}={describe(value, local)}"
        for name, value in ast.iter_fields(node)
        if value not in (None, []) and name not in ("annotation", "returns", "ctx")
    )
    return f"{type(node).__name__}({','.join(fields)})"


def number_locals(function: ast.FunctionDef | ast.Lambda) -> dict[str, str]:
    """Return a new name for each variable that a function or one of its inner functions assigns."""
    nodes = [*ast.walk(function)]
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    assigned = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    names = [name for name in dict.fromkeys(assigned) if name not in arguments]
    return {name: f"local{number}" for number, name in enumerate(names)}


# Computed at import, because the files may change later while the loaded code stays the same.
LOADED_SHA256 = digest_code()
