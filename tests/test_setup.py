"""What make installs and passes on: the lock, the Makefile, environment.yml."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from runs import end, environment, mark_installed, read_until, start

from mnist_rnn.config import Configuration
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records.run import read_run, run_path, write_run

pytestmark = pytest.mark.quick

PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]
GROUPS = tomllib.loads(PYPROJECT)["dependency-groups"]
DEPENDENCIES = [*PROJECT["dependencies"], *GROUPS["test"], *GROUPS["dev"]]
MAKEFILE = (ROOT / "Makefile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())


def locked():
    """Name to the requirements that the lock has for it, with their markers."""
    pins = {}
    for line in re.findall(r"^(\S+==.*?) \\$", LOCK, flags=re.MULTILINE):
        pins.setdefault(Requirement(line).name, []).append(Requirement(line))
    return pins


def test_each_direct_dependency_is_locked_as_it_is_pinned():
    for requirement in map(Requirement, DEPENDENCIES):
        (pin,) = locked()[requirement.name]
        assert (pin.marker is None) == (requirement.marker is None)
        assert pin.specifier == requirement.specifier


def test_conda_gets_a_python_of_ours_and_the_commands_in_the_documents():
    assert ENVIRONMENT["channels"] == ["conda-forge", "nodefaults"]
    (python,) = (name for name in ENVIRONMENT["dependencies"] if name.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))
    commands = (ROOT / "postBuild").read_text().split("\n", 1)[1]
    assert commands in (ROOT / "docs" / "usage.md").read_text()


def dry_run(*words, cwd=ROOT, **variables):
    """What make would do, and what it warns of."""
    command = ["make", "--dry-run", "--warn-undefined-variables", *words]
    env = os.environ | variables
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=True)


def test_make_help_lists_every_target():
    phony = re.search(r"^\.PHONY: files (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split()
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"^make ([\w-]+) +\S", shown.stdout, flags=re.MULTILINE) == phony
    assert dry_run(*phony).stderr == ""


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["reproduce"], "bin/python -m mnist_rnn.verify"),
        (["sweep", "PROFILE=slurm", "ARGS=--cores 2"],
         "mnist_rnn.sweep --profile workflow/profiles/slurm --cores 2"),
        (["site", "MODEL=a b.keras"], 'mnist_rnn.site --model "a b.keras"'),
        (["originals", "ARGS=--keras 2"], "bin/python --keras 2"),
        (["notebooks", "VENV=/venv"], "MNIST_RNN_RESULTS=/venv/notebooks/outputs"),
        (["results", "MNIST_RNN_RESULTS=trial"], "report notebooks MNIST_RNN_RESULTS=results"),
    ],
)  # fmt: skip
def test_what_make_is_given_goes_to_the_command(words, command):
    assert command in dry_run(*words).stdout


def test_the_environment_gives_make_nothing():
    """There, these names are another program's."""
    names = ("PYTHON", "VENV", "PARAMETERS", "ARGS", "PROFILE", "MODEL")
    targets = ("reproduce", "sweep", "lab", "site")
    assert dry_run(*targets, **dict.fromkeys(names, "foreign")).stdout == dry_run(*targets).stdout


@pytest.fixture(params=["plain", 'a $(touch made) `touch made` "q" it\'s #1 50% [x]'])
def place(request, tmp_path):
    """A folder with what make reads, and an environment that make has installed."""
    place = tmp_path / request.param
    (place / ".venv").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, place)
    mark_installed(place)
    return place


def is_made_anew(place, venv=".venv"):
    return "-m venv " in dry_run("lab", f"VENV={venv}", cwd=place).stdout


def test_an_environment_is_installed_once_for_each_lock_and_place(place):
    """A stopped installation leaves no mark; a copied or moved one has another place's."""
    assert not is_made_anew(place)
    assert is_made_anew(place, "new")
    moved = place.rename(place.with_name(place.name + "2"))
    assert is_made_anew(moved)
    mark_installed(moved)
    assert not is_made_anew(moved)
    with (moved / "requirements.lock").open("a") as lock:
        lock.write("other==1\n")
    assert is_made_anew(moved)
    assert not list(place.parent.rglob("made"))


def test_nothing_is_downloaded_but_by_its_hash():
    """Not even to build a package: that takes what is installed."""
    planned = dry_run("lab", "VENV=new").stdout.replace("\\\n", " ")
    commands = re.findall(r"pip (?:install|sync) [^|;\n]*", planned)
    assert len(commands) == 4
    assert all("--require-hashes" in command or "--no-deps" in command for command in commands)
    assert all("--no-build-isolation" in command for command in commands[1:])


def test_a_folder_that_is_no_environment_is_not_emptied(tmp_path):
    (tmp_path / "mine").write_text("dear")
    command = ["make", f"VENV={tmp_path}", f"PYTHON={sys.executable}", "lab"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"VENV: expected a virtual environment or a new folder, got {tmp_path}," in done.stdout
    assert (tmp_path / "mine").read_text() == "dear"


def test_the_documents_name_tests_that_exist():
    pages = (ROOT / "GUARANTEES.md", ROOT / "docs" / "usage.md")
    named = {
        name for page in pages for name in re.findall(r"`(test_\w+)(?:\.py)?`", page.read_text())
    }
    files = list((ROOT / "tests").glob("test_*.py"))
    there = {path.stem for path in files}
    for path in files:
        there |= set(re.findall(r"^def (test_\w+)", path.read_text(), flags=re.MULTILINE))
    assert len(named) > 15
    assert named <= there


@pytest.fixture
def make_reproduce(tmp_path):
    """`make reproduce`, with a papermill that does what the script says."""

    def make_reproduce(script, parameters="-p epochs 1"):
        (tmp_path / "bin").mkdir()
        commands = {"papermill": script, "python": f'exec "{sys.executable}" "$@"'}
        for name, lines in commands.items():
            command = tmp_path / "bin" / name
            command.write_text(f"#!/bin/sh\n{lines}\n")
            command.chmod(0o755)
        mark_installed(ROOT, str(tmp_path))
        results = tmp_path / "a space" / '"ü" $HOME'
        return results, start(
            ["make", "reproduce", f"VENV={tmp_path}", f"PARAMETERS={parameters}"],
            cwd=ROOT,
            env=environment(results),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # `&` ignores it
        )

    return make_reproduce


@pytest.mark.parametrize(
    ("send", "stop"),
    [(os.killpg, signal.SIGINT), (os.killpg, signal.SIGTERM), (os.kill, signal.SIGTERM)],
    ids=["Ctrl-C", "end of a session", "kill"],
)
def test_a_reproduction_that_is_stopped_says_how_it_goes_on(send, stop, make_reproduce):
    _, process = make_reproduce("echo started; exec sleep 60")
    read_until(process, "started")
    send(process.pid, stop)
    status, output = end(process, timeout=30)
    assert status != 0
    assert "Not finished; the reason is above. A stopped run goes on" in output


def test_a_record_from_before_is_no_reproduction(make_reproduce):
    """A papermill that ends well without a record, as of a notebook that trains something else."""
    results, process = make_reproduce('echo done > "$4"', parameters="")
    write_run(read_run(run_path(Configuration(), ".json", COMMITTED)), results)
    status, output = end(process, timeout=60)
    assert status != 0
    assert "There is no" in output.splitlines()[-2]
    assert not (results / "reproductions").exists()


def test_packages_from_elsewhere_stay_out(make_reproduce, monkeypatch):
    """Modules of a cluster set PYTHONPATH, whose packages would come before the pinned ones."""
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PIP_USER", "yes")
    results, process = make_reproduce('echo "$PYTHONPATH" "$PIP_USER" > "$4"')
    status, output = end(process, timeout=30)
    assert status == 0, output
    assert (results / "executed" / "02_train.ipynb").read_text() == " 0\n"


def test_a_reproduction_goes_to_a_folder_of_any_name(make_reproduce):
    results, process = make_reproduce('echo done > "$4"')
    status, output = end(process, timeout=30)
    assert status == 0, output
    assert (results / "executed" / "02_train.ipynb").read_text() == "done\n"


@pytest.mark.parametrize(
    ("given", "folders"), [("trial", ["trial", "trial"]), ("", ["results", "outputs"])]
)
def test_folders_are_the_same_wherever_a_process_starts(given, folders, tmp_path):
    program = "from mnist_rnn import paths; print(paths.RESULTS, paths.OUTPUTS, sep='|')"
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(given), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().split("|") == [str(ROOT / folder) for folder in folders]
