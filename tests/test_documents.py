"""Test the commands, the generated text and the links in the documents."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import generate
import pytest
from helpers.runs import CLONE, end, mark_installed, start

from mnist_rnn.system.paths import MNIST, ROOT

PAGES = ("README.md", "docs/usage.md", "CONTRIBUTING.md")
TEXT = "\n".join((ROOT / page).read_text() for page in PAGES)


def git_files(*options):
    if not CLONE:
        return []
    listed = ["git", "ls-files", "-z", *options]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in files.split("\0") if path and (ROOT / path).exists()]


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Return a function that runs a shell command in a copy of the repository."""
    if not CLONE or not (Path(sys.prefix) / "installed").exists():
        pytest.skip("needs a clone, and the environment of `make`")
    checkout = tmp_path_factory.mktemp("checkout")
    for path in git_files("--cached", "--others", "--exclude-standard"):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, checkout / path)
    (checkout / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (checkout / ".venv" / path.name).symlink_to(path)
    (checkout / ".venv" / "installed").unlink()
    mark_installed(checkout)
    (checkout / "data" / "mnist").symlink_to(MNIST)
    variables = {name: os.environ[name] for name in ("HOME", "PATH")}
    variables["PYTHONPATH"] = str(checkout / "src")
    variables["MAKEFLAGS"] = f"-- PYTHONPATH={checkout / 'src'}"  # the Makefile unsets PYTHONPATH
    for who in ("AUTHOR", "COMMITTER"):
        variables |= {f"GIT_{who}_NAME": "somebody", f"GIT_{who}_EMAIL": "somebody@example.org"}

    def run(command):
        """Run a shell command, and return its exit status and its output."""
        status, printed = end(start(["bash", "-c", command], cwd=checkout, env=variables))
        return status, printed

    assert run("git init && git add --all && git commit --message start")[0] == 0
    return run


def examples():
    """Return pairs of a command and its output, as the documents show them."""
    blocks = re.findall(r"^```console\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    return [
        tuple(example.split("\n", 1))
        for block in blocks
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "output"), examples())
def test_a_command_in_the_documents_prints_the_shown_output(shell, command, output):
    status, printed = shell(command)
    assert (status != 0) == ("Error: " in output)
    same = doctest.OutputChecker().check_output(output, printed.strip() + "\n", doctest.ELLIPSIS)
    assert same, printed


def test_the_generated_text_in_the_readme_is_up_to_date():
    """Compare README.md with the text that `workflow/generate.py` writes."""
    text = (ROOT / "README.md").read_text()
    assert generate.fill_blocks(text) == text
    with pytest.raises(ValueError, match="expected one block of answer, got 0"):
        generate.fill_blocks(text.replace("<!-- generated: answer", "<!--"))


@pytest.mark.slow
def test_make_reproduce_does_not_change_the_committed_results(shell):
    quick = "-p units 4 -p epochs 1 -p train_size 500"
    status, printed = shell(f"make reproduce PARAMETERS='{quick}' && git status --porcelain")
    assert status == 0, printed
    assert "Executed: outputs/executed/02_train.ipynb\nThere is no committed run" in printed
    status, printed = shell("make verify")
    assert status != 0
    assert "There is no committed run" in printed


@pytest.mark.parametrize("path", git_files("*.md"))
def test_the_targets_of_all_links_exist(path):
    page = ROOT / path
    for target, heading in re.findall(r"\]\(([^)#]+)#?([^)]*)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        linked = page.parent / target
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), flags=re.MULTILINE)
            plain = [re.sub(r"[^\w -]", "", title.lower()) for title in titles]
            assert heading in [title.replace(" ", "-") for title in plain], heading


def read_report(shell, *records, claims=""):
    """Return the page that `make report` makes from some records of results/runs."""
    claimed = f"printf '{claims}' > mine/claims.csv && export MNIST_RNN_PUBLISHED=mine &&"
    status, printed = shell(
        "mkdir -p mine/runs && cd results/runs && cp --parents --target-directory ../../mine/runs "
        f"{' '.join(records)} && cd ../.. && {claimed if claims else ''} "
        f"MNIST_RNN_RESULTS=mine make report && "
        "cat mine/executed/report.html; code=$?; rm -r mine; exit $code"
    )
    assert status == 0, printed
    assert set(re.findall(r'<img[^>]* src="(.{5})', printed)) == {"data:"}
    page = re.sub("<img[^>]*>", "<img>", printed)
    text, _, _ = page.partition("<footer>")
    assert not re.search(r"\bnan\b|None\b|\b0 of 0\b|Atienza", text)
    assert page.count("<img>") == 1
    return page


def rows_of(page):
    """Return the first cell of each row in the first table of a page."""
    return re.findall('<th scope="row">(.*?)</th>', page.partition("</table>")[0])


@pytest.mark.slow
def test_the_report_has_a_row_per_result(shell):
    """Make a report of two configurations, and expect the rows of our runs at the end."""
    names = "simple_rnn-200-sgd", "simple_rnn-256-adam"
    records = [f"{name}/seed-{seed}.json" for name in names for seed in (0, 1)]
    page = read_report(shell, *records)
    own, ours = rows_of(page)[:3], rows_of(page)[3:]
    assert own == ["near-200-units", "notebook-2019-adam", "prose-2020-adam"]
    assert (len(ours), ours[0], ours[-1]) == (12, "notebook-2019", "pytorch-2da0bfc")
    assert shell("git diff --stat results") == (0, "")


@pytest.mark.slow
def test_the_report_needs_only_one_run_per_configuration(shell):
    page = read_report(
        shell,
        "simple_rnn-256-sgd/seed-0.json",
        "simple_rnn-200-sgd/seed-0.json",
        claims="claim,kind,units,seeds,published_test_accuracy,rounding,source\n"
        "paper,run,256,3,97.5,0.1,a paper\nmine,near_miss,200,3,,,a question\n"
        "later,near_miss,300,3,,,a question\n",
    )
    assert rows_of(page) == ["mine", "paper", "paper"]  # the last one has our runs
    assert "Claims without a run: <code>later</code>." in page
