"""The documents: commands work as printed, figures are from results/, links lead somewhere."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mnist_rnn.paths import COMMITTED, MNIST, PUBLISHED, ROOT
from mnist_rnn.published import read_claims

README = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()
NOT_RUN = {
    "make trials": "takes an hour",
    "make benchmark": "takes over an hour",
    "make notebooks": "nbval executes the same notebooks",
    "make lock": "its outcome changes with the day",
    "make audit": "its outcome changes with the day",
    "make lab": "never ends; test_faults.py starts it",
    "make lab ARGS='--allow-root --no-browser'": "never ends; test_faults.py starts it",
    "make clean": "removes what the others need; it has its own test",
    "conda env create -f environment.yml && conda activate mnist-rnn": "needs conda",
    "pip install --no-deps --no-build-isolation --editable .": "needs conda",
}


def git_files(*options):
    listed = ["git", "ls-files", "-z", *options]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in files.split("\0") if path and (ROOT / path).exists()]


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Run a command in a copy of the repository with this Python's packages and the data."""
    if not (Path(sys.prefix) / "installed").exists():
        pytest.skip("needs the environment that make sets up")
    checkout = tmp_path_factory.mktemp("checkout")
    for path in git_files("--cached", "--others", "--exclude-standard"):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, checkout / path)
        os.utime(checkout / path, (0, 0))  # older than the packages: nothing is installed anew
    (checkout / ".venv").symlink_to(sys.prefix)
    (checkout / "data" / "mnist").symlink_to(MNIST)
    variables = {name: os.environ[name] for name in ("HOME", "PATH")}  # none of an outer make
    variables["PYTHONPATH"] = str(checkout / "src")
    for who in ("AUTHOR", "COMMITTER"):
        variables |= {f"GIT_{who}_NAME": "somebody", f"GIT_{who}_EMAIL": "somebody@example.org"}

    def run(command):
        """The exit status, and what was printed."""
        process = subprocess.run(
            ["bash", "-c", command],
            cwd=checkout,
            env=variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
        # A kernel sometimes says that it was interrupted, when papermill has it shut down.
        quiet = re.sub(r"^\[IPKernelApp\] .*\n", "", process.stdout, flags=re.MULTILINE)
        return process.returncode, quiet

    assert run("git init && git add --all && git commit --message start")[0] == 0
    return run


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def examples():
    """Each command that README.md shows with its output, and that output."""
    return [
        tuple(example.split("\n", 1))
        for block in blocks("console")
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]


MAKE = re.findall(r"^make \w+|(?<=`)make [^`]+", README, flags=re.MULTILINE)


def commands():
    """All others, but those that CI runs itself."""
    named = re.findall(r"^[^#\n]+", "".join(blocks("sh")), flags=re.MULTILINE)
    named = dict.fromkeys(command.strip() for command in (*named, *MAKE))
    return [command for command in named if command not in CI]


def test_there_are_examples_and_commands():
    assert len(examples()) >= 7
    assert len(commands()) >= 12
    assert set(NOT_RUN) <= set(commands())


@pytest.mark.parametrize(("command", "output"), examples())
def test_an_example_prints_what_readme_shows(shell, command, output):
    status, printed = shell(command)
    assert (status != 0) == ("Error: " in output)
    same = doctest.OutputChecker().check_output(output, printed.strip() + "\n", doctest.ELLIPSIS)
    assert same, printed


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_succeeds(shell, command):
    if command in NOT_RUN:
        pytest.skip(NOT_RUN[command])
    status, printed = shell(command)
    assert status == 0, printed


def test_the_hooks_refuse_a_notebook_that_was_not_run_in_order(shell):
    swap = 'sed -i \'s/"execution_count": 1,/"execution_count": 9,/\' notebooks/01_data.ipynb'
    status, printed = shell(f"make hooks && {swap} && git commit --all --message wrong")
    shell("git reset --hard")
    assert status != 0
    assert re.search(r"notebooks executed in order.*Failed", printed), printed


def test_the_committed_record_is_not_compared_with_itself(shell):
    status, printed = shell("make verify")
    assert status != 0
    assert "This is the committed record itself" in printed


def test_readme_names_the_targets_that_make_help_lists():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^make (\w+)", shown.stdout, flags=re.MULTILINE))
    assert {command.split()[1] for command in MAKE} == listed


def test_the_claim_to_add_is_one(tmp_path):
    (row,) = re.findall(r"^  (mine,.*)$", README, flags=re.MULTILINE)
    copy = tmp_path / "claims.csv"
    copy.write_text((PUBLISHED / "claims.csv").read_text() + row + "\n")
    assert (read_claims(copy)[-1].claim, read_claims(copy)[-1].seeds) == ("mine", 3)


def test_readme_counts_the_reproduced_claims():
    verdicts = pd.read_csv(COMMITTED / "accuracy.csv").dropna(subset="claim")["verdict"]
    reproduced = (verdicts == "reproduced").sum()
    assert f"**{reproduced} of {len(verdicts)} published accuracies are reproduced.**" in README


def test_each_accuracy_in_the_prose_is_a_published_or_a_measured_one():
    prose = re.sub(r"^```.*?^```|^\|.*?$", "", README, flags=re.MULTILINE | re.DOTALL)
    accuracy = pd.read_csv(COMMITTED / "accuracy.csv")[["published_test_accuracy", "mean"]]
    known = set(accuracy.round(1).astype(str).to_numpy().flat)
    named = re.findall(r"(\d+\.\d+)%", prose)
    assert len(named) >= 3
    assert set(named) <= known


def pages():
    return [ROOT / path for path in git_files("*.md")]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_link_of_a_document_is_broken(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_no_link_of_the_site_is_broken(shell):
    _, printed = shell("make site && pwd")
    site = Path(printed.splitlines()[-1]) / "site"
    text = {page.name: page.read_text() for page in site.iterdir()}
    assert len(text) == 5
    assert len({re.search("<title>(.+)</title>", page)[1] for page in text.values()}) == 4
    for name, page in text.items():
        for target in re.findall(r'(?:href|src)="(?!https:|data:)([^"]+)"', page):
            assert target in text, f"{name}: {target}"


def test_the_report_needs_nothing_from_elsewhere(shell):
    _, printed = shell("make report && cat results/report.html")
    assert printed.count("<img") >= 5
    assert set(re.findall(r'(?:href|src)="(.{5})', printed)) == {"data:"}


def test_make_clean_leaves_the_results(shell):
    status, printed = shell("make clean && test ! -e .venv && test ! -e data/mnist")
    assert status == 0, printed
    assert shell("git diff --exit-code --stat -- results/runs")[0] == 0
