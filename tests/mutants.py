"""Find edits of the code that no test detects. `make mutants` runs this script.

mutmut makes one small edit at a time to a function in `figures`, `analysis` or `records`. After
each edit, mutmut runs the tests that call the edited function. The list `EDITS` in page_edits.py
contains the edits of the pages.

With `ARGS=figures`, `make mutants` tries only the edits of `figures`. With `ARGS=figures.training`,
`make mutants` tries only edits whose names contain `figures.training`. With `ARGS=web`,
`make mutants` tries only the edits of the pages. Without a dot in `ARGS`, a stopped command
continues from mutmut's results in the folder .mutants. The command fails if an undetected edit
matches no pattern in `REASONS`.
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
TESTS = {
    "figures": "figures training_figures interpretation_figures unrolled",
    "analysis": "tables statistics published trained_network",
    "records": "records metrics model training unrolled",
}
# Leave out tests that start processes or test the decorator `default_style`, which mutmut can't
# handle.
CHOSEN = "not researchers and not matplotlibrc and not default_style and not during_a_write"
CONFIG = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/mnist_rnn/{package}/*.py"]
process_isolation = "forkserver"
also_copy = ["data", "results", "notebooks", "docs", "benchmarks", "originals", "README.md"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = [
    "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not trial", "-k", "{chosen}",
]
"""
DETECTED = 1, 3  # mutmut's exit codes for edits that a test detects
# Keys are patterns of the names and texts of edits. Values say why no test detects these edits.
REASONS = {
    r"figures\.results\.x_draw_accuracies__.*: (lw=|bbox=|<= -> <|\)\. -> \)\.r)":
        "a default of matplotlib, the side of a label, or one colon of a caption",
    r"figures\.interpretation\.x_draw_doubts__.*: (1, 1 -> 1|11 -> 12)": "empty bins, cut off",
    r"figures\.interpretation\.x_draw_doubts__.*: (loc=|count=|> -> >=)":
        "matplotlib's choice, the same images, or no probability of exactly 0.9",
    r"figures\..*: (size=10 -> size=N|(\w+=)?Fals -> (\w+=)?Non|ncols=|ax=axes|\w+=\"wh|"
    r"\"off -> \"OFF|0,  ->    in: ax\.axhline|-1 -> -2   in: .*reshape)":
        "matplotlib and NumPy treat both alike",
    r"figures\.results\.x_draw_published_curves__.*: <= -> <": "no number is an interval's end",
    r"figures\.interpretation\.x_draw_rows__.*: (29 -> 30|loc=)": "the same bars and corner",
    r"figures\.interpretation\.x_draw_accuracy__.*: ylim=": "the tick at 0 extends the axis",
    r"figures\.interpretation\.x_draw_example__.*: prepend=": "no answer is a negative number",
    r"figures\.interpretation\.x_draw_trajectories__.*: (0 -> 1|- -> \+|2 -> 3|-1 -> -2)   in: "
    r"(hidden = np\.pad|paths)":
        "a constant column has no variance; NumPy treats both alike",
    r".*: language=\"python -> language=\"PYTHON": "Pygments treats both alike",
    r"records\..*: (> -> >=|<= -> <)   in: .*(APART|LARGEST)": "no value equals it",
    r"records\.model_file\..*: (safe_mode=Tru -> safe_mode=Non|safe_mode=True ->  )": "the default",
    r"records\.training\..*: Fals.*   in: self\.bar": "the bar is drawn once more, or not",
    r"records\.run\..*: \"ours": "mutmut keeps the defaults of arguments",
    r".*: (allow_pickle=False? -> ( |.*Non)|\"float64\" -> None|\"core\.fileM(ode=false)? ->)":
        "NumPy and git treat both alike",
    r"records\.run\.x_find_contradictions__.*: 0 -> 1   in: if \(run\.train": "no size is below 1",
    r".*: strict=": "these lists have one length",
    r".*: (float -> None|orient=\"index -> orient=\"INDEX|equal_var=Fals -> equal_var=Non|"
    r"\"records -> \"RECORDS)":
        "NumPy, pandas and SciPy treat both alike",
    r"analysis\.tables\..*: index=Fals -> index=Non": "pandas treats both alike",
    r".*: float_format=\"%\.6g": "pandas reads both alike",
    r".*: kind=": "other sorts keep the order of a few equal values too",
    r"analysis\.statistics\.x_measure_runs__.*: index=": "the test losses have the same index",
    r"analysis\.statistics\.x_rank_accuracies__.*: 6 -> 7": "rounding errors are far smaller",
    r"analysis\.answer\.x_describe_reproduced__.*: [<>]=? -> [<>]=?": "no run has this accuracy",
    r"(analysis\.answer\.x_describe_spread|figures\.results\.x_find_band)__.*: \"loss":
        "each other name means a loss",
    r"analysis\.tables\.x_tabulate_accuracy__.*: sort=": "a test that starts a process finds it",
    r"analysis\.tables\.x_tabulate_accuracy__.*: on=": "there is one common column",
    r"analysis\.tables\.x_tabulate_runs__.*\.iloc\[0\] -> None": "no run has more epochs",
    r"analysis\.trained_network\.x_disturb__.*: (order=0|reshape=Fals -> reshape=Non)":
        "a shift by whole pixels is the same without interpolation; SciPy treats both alike",
    r"records\.checkpoint\..*: .* in: raise ValueError": "nobody sees these messages",
    r"records\.training\.x_train__.*: (< -> <=|checkpoint\.owner -> None)":
        "no loss stays the same, and the first epoch sets the owner",
    r"records\.training\.x_describe_inputs__.*: \"": "all code takes the names from here",
    r"records\.environment\..*: \" -> \"XXXX": "neither says anything",
    r"records\.environment\.x_is_clean__.*: (\"GIT_|\"--template|\*\*variables ->    in: ask)":
        "only an edited file in /etc or /usr could be found with them",
    r".*: encoding=": "Python treats them alike",
    r"analysis\.claims\.x_optional__": "called at import, before mutmut edits",
    r".*: \"utf-8-sig -> \"UTF-8-SIG": "Python treats both alike",
    r"analysis\.claims\.x_read_table__.*: newline=": "the module csv reads all kinds of line ends",
}  # fmt: skip


def copy_tree(copy: Path) -> None:
    """Copy MNIST and all files that git doesn't ignore, and remove the decorator of the figures."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    shutil.copytree(ROOT / "data" / "mnist", copy / "data" / "mnist", dirs_exist_ok=True)
    for path in (copy / "src" / "mnist_rnn" / "figures").glob("*.py"):
        path.write_text(re.sub(r"^ *@default_style\n", "", path.read_text(), flags=re.MULTILINE))


def mutate(package: str, part: str) -> None:
    """Run mutmut on a package's mutants that have `part` in their names."""
    copy = COPY / package
    copy_tree(copy)
    tests = [f"tests/test_{name}.py" for name in TESTS[package].split()]
    with (copy / "pyproject.toml").open("a") as config:
        config.write(CONFIG.format(package=package, tests=tests, chosen=CHOSEN))
    for path in (copy / "mutants").rglob("*.py.meta"):  # make mutmut try undetected mutants again
        known = json.loads(path.read_text())
        status = known["exit_code_by_key"]
        status |= {name: None for name, code in status.items() if code not in DETECTED}
        path.write_text(json.dumps(known))
    names = [] if package.startswith(part) else [f"*{part}*"]
    mutmut = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "2", *names]
    mutated = copy / "mutants" / "src"
    # Python ignores a folder on PYTHONPATH that doesn't exist when Python starts.
    mutated.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(mutated)}
    subprocess.run(mutmut, cwd=copy, env=environment, check=True)


def find_survivors(package: str, part: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the edit of each undetected mutant that has `part` in its name."""
    for path in sorted((COPY / package / "mutants").rglob("*.py.meta")):
        status = json.loads(path.read_text())["exit_code_by_key"]
        names = [name for name, code in status.items() if code not in (None, *DETECTED)]
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
                edit = describe_edit(functions[original], functions[function])
                yield name.removeprefix("mnist_rnn."), edit


def describe_edit(old: str, new: str) -> str:
    """Return how two versions of a function differ, and the line in which they differ."""
    old, new = (re.sub(r"__mutmut_\w+", "", text) for text in (old, new))
    shortest = min(len(old), len(new))
    start = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    end = next((i for i in range(shortest - start) if old[-1 - i] != new[-1 - i]), shortest - start)
    line = old[old.rfind("\n", 0, start) + 1 : start]
    # If the edit changes the 2 in `lw=2`, the keyword is `lw=`.
    keyword = re.search(r"(\w+=)(?:[^(),=]*|\([^)]*)$", line)
    begin = start - len(keyword[0] if keyword else re.search(r"[^\s(,\[{]*$", line)[0])
    whole = old[start - len(line) :].split("\n")[0].strip()
    return f"{old[begin : len(old) - end]} -> {new[begin : len(new) - end]}   in: {whole}"


def try_page_edits(part: str) -> Iterator[tuple[str, str]]:
    """Yield the undetected edits of the page files whose paths contain `part`."""
    copy = COPY / "web"
    copy_tree(copy)
    chosen = [edit for edit in EDITS if part in edit[0]]
    for tests in sorted({tests for *_, tests in chosen}):
        if run_tests(copy, tests) != 0:
            raise SystemExit(
                f"tests/test_{tests}.py: expected tests that pass before any edit, got a failure"
            )
    for file, old, new, tests in chosen:
        path = copy / "src" / "mnist_rnn" / file
        text = path.read_text()
        path.write_text(text.replace(old, new))
        found = old in text and run_tests(copy, tests) == 1
        path.write_text(text)
        print("found" if found else "NOT found", file, old, "->", new, flush=True)
        if not found:
            yield file, f"{old} -> {new}"


def run_tests(copy: Path, name: str) -> int:
    """Run a test module of the copy, and return the exit status of pytest: 1 if a test failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow and not trial"]
    environment = os.environ | {"PYTHONPATH": str(copy / "src")}
    command.append(f"tests/test_{name}.py")
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True).returncode


def main() -> None:
    """Try the selected edits, and print undetected edits that match no pattern in `REASONS`."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    survivors, packages = [], ("web", *TESTS)
    if not (part == "" or part.startswith(packages)):
        raise SystemExit(
            f"ARGS: expected a name that starts with {' or '.join(packages)}, got {part}"
        )
    if part.startswith("web") or not part:
        survivors += try_page_edits(part)
    for package in TESTS:
        if part.startswith(package) or not part:
            mutate(package, part)
            survivors += find_survivors(package, part)
    left = [
        edit for edit in map(": ".join, survivors) if not any(re.match(r, edit) for r in REASONS)
    ]
    print(f"{len(survivors)} survivors, {len(survivors) - len(left)} with a reason")
    print(*left, sep="\n")
    raise SystemExit(bool(left))


if __name__ == "__main__":
    main()
