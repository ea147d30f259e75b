"""Which edits of the code does no test notice? `make mutants` tries them, and lists those.

mutmut edits each function of records, analysis and figures in one place at a time, and runs the tests
that reach it. EDITS are those of the pages' scripts. All happens in a copy, .mutants, which keeps what
was tried: an argument, as in `make mutants ARGS=figures.training`, limits it to names with this part.
The command fails where REASONS excuses a survivor not.
"""

import ast
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPY = ROOT / ".mutants"
MUTATED = ("records", "analysis", "figures")
TESTS = "tables verdicts published trained_network records metrics known_answers figures "
TESTS += "training_figures interpretation_figures unrolled"
# What starts processes, and what looks for the decorator that mutmut can't mutate under.
WITHOUT = "not researchers and not matplotlibrc and not default_style"
CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {paths}
also_copy = ["data", "results", "notebooks", "docs", "benchmarks", "originals", "README.md"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not trial", "-k", "{without}"]
pytest_add_cli_args_test_selection = {tests}
"""
SURVIVED, UNREACHED = 0, 33  # mutmut's status of a mutant

# A survivor is excused where the changed text, its old line and its new line in one, matches.
REASONS: dict[str, str] = {}


def copy_tree() -> None:
    """Copy what git knows and the data; a function with a decorator would not be mutated."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, COPY / name)
    shutil.copytree(ROOT / "data" / "mnist", COPY / "data" / "mnist", dirs_exist_ok=True)
    for path in (COPY / "src" / "mnist_rnn" / "figures").glob("*.py"):
        path.write_text(re.sub(r"^ *@default_style\n", "", path.read_text(), flags=re.MULTILINE))
    paths = [f"src/mnist_rnn/{name}/*.py" for name in MUTATED]
    tests = [f"tests/test_{name}.py" for name in TESTS.split()]
    with (COPY / "pyproject.toml").open("a") as config:
        config.write(CONFIG.format(paths=paths, tests=tests, without=WITHOUT))


def mutate(part: str) -> None:
    """Let mutmut try the mutants with this part in their names."""
    mutmut = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "2"]
    environment = os.environ | {"PYTHONPATH": str(COPY / "mutants" / "src")}
    subprocess.run([*mutmut, f"*{part}*"], cwd=COPY, env=environment, check=True)


def find_survivors(part: str) -> Iterator[tuple[str, str]]:
    """Each mutant with this part in its name that no test noticed, and its edit."""
    for path in sorted((COPY / "mutants").rglob("*.py.meta")):
        status = json.loads(path.read_text())["exit_code_by_key"]
        names = [name for name, code in status.items() if code in (SURVIVED, UNREACHED)]
        if chosen := [name for name in names if part in name]:
            source = path.with_suffix("").read_text()
            lines = source.split("\n")
            functions = {
                node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.FunctionDef)
            }
            for name in chosen:
                function = name.rpartition(".")[2].rpartition("ǁ")[2]
                original = re.sub(r"\d+$", "orig", function)
                yield name, describe_edit(functions[original], functions[function])


def describe_edit(old: str, new: str) -> str:
    """The words that differ between two versions of a function: `old -> new`."""
    old, new = (re.sub(r"__mutmut_\w+", "", text) for text in (old, new))
    start = len(os.path.commonprefix([old, new]))
    end = len(os.path.commonprefix([old[:start - 1 : -1], new[:start - 1 : -1]]))
    start = max(old.rfind(edge, 0, start) for edge in " (,[{\n") + 1
    return f"{old[start:len(old) - end]} -> {new[start:len(new) - end]}  | {old.count(chr(10), 0, start)}: {old.splitlines()[old.count(chr(10), 0, start)].strip()}"


def main() -> None:
    """Try the mutants, and list the survivors that have no reason."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    copy_tree()
    mutate(part)
    left = []
    for name, lines in find_survivors(part):
        if not any(re.search(pattern, lines, re.DOTALL) for pattern in REASONS):
            left.append(name)
            print(f"{name}\n{lines}")
    raise SystemExit(f"{len(left)} survivors without a reason" if left else 0)


if __name__ == "__main__":
    main()
