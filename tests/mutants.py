"""Find edits of the code that no test detects, as `make mutants` does.

mutmut edits each function of records, analysis and figures in one place at a time, and runs the
tests that reach it. EDITS are edits of the pages. An argument, as in `ARGS=figures.training` or
`ARGS=web`, selects the names that contain it. The copy in .mutants keeps the results. The command
fails if an undetected edit has no reason in REASONS.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from page_edits import EDITS

ROOT = Path(__file__).parents[1]
COPY = ROOT / ".mutants"
MUTATED = ("records", "analysis", "figures")
TESTS = "tables statistics consistency published trained_network records metrics figures"
TESTS += " training_figures interpretation_figures unrolled"
# Left out are tests that start processes, and those of the decorator, which mutmut can't handle.
CHOSEN = "not researchers and not matplotlibrc and not default_style"
CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {paths}
also_copy = ["data", "results", "notebooks", "docs", "benchmarks", "originals", "README.md"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = [
    "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not trial", "-k", "{chosen}",
]
"""
SURVIVED, UNREACHED = 0, 33  # mutmut's status of a mutant
# Reasons for undetected mutants, by the start of the edit as `describe_edit` returns it
REASONS = {
    r"(figsize|layout|ms|mew|lw|ls|alpha|size|labelsize|frameon|ncols|width|width_ratios|rot|shrink"
    r"|aspect|loc|bbox_to_anchor|ha|va|rwidth|[xy]lim|[xy]ticks|share[xy]|marker)=":
        "the looks of a figure: nbval compares the picture",
    r"strict=": "these lists have one length",
    r"f?[\"']": "words of a caption or a message: nbval compares what notebooks print",
}  # fmt: skip


def copy_tree() -> None:
    """Copy the files that git knows, and the data."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, COPY / name)
    shutil.copytree(ROOT / "data" / "mnist", COPY / "data" / "mnist", dirs_exist_ok=True)


def mutate(part: str) -> None:
    """Try mutmut's mutants with this part in their names, without the decorator of the figures."""
    for path in (COPY / "src" / "mnist_rnn" / "figures").glob("*.py"):
        path.write_text(re.sub(r"^ *@default_style\n", "", path.read_text(), flags=re.MULTILINE))
    paths = [f"src/mnist_rnn/{name}/*.py" for name in MUTATED]
    tests = [f"tests/test_{name}.py" for name in TESTS.split()]
    with (COPY / "pyproject.toml").open("a") as config:
        config.write(CONFIG.format(paths=paths, tests=tests, chosen=CHOSEN))
    mutmut = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "1", f"*{part}*"]
    mutated = COPY / "mutants" / "src"
    mutated.mkdir(parents=True, exist_ok=True)  # Python never looks again into what was no folder
    environment = os.environ | {"PYTHONPATH": str(mutated)}
    subprocess.run(mutmut, cwd=COPY, env=environment, check=True)


def find_survivors(part: str) -> Iterator[tuple[str, str]]:
    """Yield each undetected mutant with this part in its name, and its edit."""
    for path in sorted((COPY / "mutants").rglob("*.py.meta")):
        status = json.loads(path.read_text())["exit_code_by_key"]
        names = [name for name, code in status.items() if code in (SURVIVED, UNREACHED)]
        source = path.with_suffix("").read_text()
        lines = source.split("\n")
        functions = {
            node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef)
        }
        for name in names:
            function = name.rpartition(".")[2]
            if part in name:
                original = re.sub(r"\d+$", "orig", function)
                yield name, describe_edit(functions[original], functions[function])


def describe_edit(old: str, new: str) -> str:
    """Return the words that differ between two versions of a function, and their line."""
    old, new = (re.sub(r"__mutmut_\w+", "", text) for text in (old, new))
    shortest = min(len(old), len(new))
    start = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    end = next((i for i in range(shortest - start) if old[-1 - i] != new[-1 - i]), shortest - start)
    line = old[old.rfind("\n", 0, start) + 1 : start]
    keyword = re.search(r"(\w+=)(?:[^(),=]*|\([^)]*)$", line)  # of the argument that was changed
    begin = start - len(keyword[0] if keyword else re.search(r"[^\s(,\[{]*$", line)[0])
    whole = old[start - len(line) :].split("\n")[0].strip()
    return f"{old[begin : len(old) - end]} -> {new[begin : len(new) - end]}   in: {whole}"


def try_page_edits(part: str) -> Iterator[tuple[str, str]]:
    """Yield each undetected edit of the pages with this part in its file's name."""
    chosen = [edit for edit in EDITS if part in edit[0]]
    for tests in sorted({tests for *_, tests in chosen}):
        if run_tests(tests) != 0:
            raise SystemExit(
                f"tests/test_{tests}.py: expected to pass before any edit, got a failure"
            )
    for file, old, new, tests in chosen:
        path = COPY / "src" / "mnist_rnn" / file
        text = path.read_text()
        path.write_text(text.replace(old, new))
        found = old in text and run_tests(tests) == 1
        path.write_text(text)
        print("found" if found else "NOT found", file, old, "->", new, flush=True)
        if not found:
            yield file, f"{old} -> {new}"


def run_tests(name: str) -> int:
    """Return the exit status of pytest for a module in the copy; 1 means that a test failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow and not trial"]
    environment = os.environ | {"PYTHONPATH": str(COPY / "src")}
    command.append(f"tests/test_{name}.py")
    return subprocess.run(command, cwd=COPY, env=environment, capture_output=True).returncode


def main() -> None:
    """Try the mutants, and list the undetected ones that have no reason."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    copy_tree()
    survivors = [*try_page_edits(part)]
    if not part.startswith("web"):
        mutate(part)
        survivors += find_survivors(part)
    left = [each for each in survivors if not any(re.match(known, each[1]) for known in REASONS)]
    print(f"{len(survivors)} survivors, {len(survivors) - len(left)} with a reason")
    for name, edit in left:
        print(f"{name}: {edit}")
    raise SystemExit(bool(left))


if __name__ == "__main__":
    main()
