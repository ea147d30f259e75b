"""Test the file requirements.lock and the commands of the Makefile."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib

import pytest
import yaml
from helpers.runs import end, environment, mark_installed, read_until, run_python, start
from packaging.requirements import Requirement

from mnist_rnn.system.errors import ExperimentError
from mnist_rnn.system.paths import ROOT, require_own_folder

pytestmark = pytest.mark.quick

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_each_pinned_dependency_has_the_same_version_in_the_lock_file():
    groups = PROJECT["dependency-groups"]
    pinned = [*PROJECT["project"]["dependencies"], *groups["test"], *groups["dev"]]
    lock = (ROOT / "requirements.lock").read_text()
    locked = [*map(Requirement, re.findall(r"^(\S+==.*?) \\$", lock, flags=re.MULTILINE))]
    for requirement in map(Requirement, pinned):
        (pin,) = (pin for pin in locked if pin.name == requirement.name)
        assert (pin.marker is None) == (requirement.marker is None)
        assert pin.specifier == requirement.specifier


def test_the_papers_of_the_repository_name_one_version_and_date():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    described = json.loads((ROOT / "codemeta.json").read_text())
    assert cited["version"] == described["version"] == PROJECT["project"]["version"]
    assert str(cited["date-released"]) == described["datePublished"]


def dry_run(*words, cwd=ROOT, **variables):
    """Return the commands that `make` would run, and check that `make` prints no warning."""
    command = ["make", "--dry-run", "--warn-undefined-variables", *words]
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_variables_of_the_makefile_cannot_be_set_in_the_environment():
    """Set environment variables such as `PYTHON` and `VENV`, and expect the same commands."""
    names = ("PYTHON", "VENV", "PARAMETERS", "RUN", "ARGS", "PROFILE", "MODEL")
    targets = ("reproduce", "verify", "sweep", "lab", "site")
    assert dry_run(*targets, **dict.fromkeys(names, "foreign")) == dry_run(*targets)


@pytest.fixture(params=["plain", 'a $(touch made) `touch made` "q" it\'s #1 50% [x]'])
def place(request, tmp_path):
    """Return a folder with the Makefile and an environment that is marked as installed."""
    place = tmp_path / request.param
    (place / ".venv").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, place)
    mark_installed(place)
    return place


def is_made_anew(place, venv=".venv"):
    return "-m venv " in dry_run("lab", f"VENV={venv}", cwd=place)


def test_environment_is_installed_again_after_a_move_or_a_changed_lock_file(place):
    """Move the folder, and then change the lock file. Each time, expect a new installation."""
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


def test_packages_are_installed_only_if_their_hashes_match(tmp_path):
    """Offer wrong packages, and check that both uv and pip are told to compare all hashes."""
    lock = (ROOT / "requirements.lock").read_text()
    packages = re.findall(r"^\S+==.*(?:\n .*)*", lock, flags=re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[^ #\n]", lock, flags=re.MULTILINE))
    assert all("--hash=sha256:" in package for package in packages)
    for name in ("setuptools", "uv"):
        (version,) = re.findall(rf"^{name}==(\S+)", lock, flags=re.MULTILINE)
        (tmp_path / f"{name}-{version}-py3-none-any.whl").write_bytes(b"other")
    venv = tmp_path / "new"
    (venv / "bin").mkdir(parents=True)  # an incomplete environment, which is replaced
    (venv / ".made-by-mnist-rnn").touch()
    (venv / "bin" / "python").write_text("exit 0")
    commands = dry_run("lab", f"VENV={venv}").replace("\\\n", "")
    installs = re.findall(r"pip (?:sync|install) [^|;]*(?:requirements.lock|/dev/stdin)", commands)
    assert len(installs) == 3
    assert all("--require-hashes" in line for line in installs)
    files = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    command = ["make", f"VENV={venv}", f"PYTHON={sys.executable}", "plan"]
    status, output = end(start(command, cwd=ROOT, env=os.environ | files))
    assert status != 0
    assert "DO NOT MATCH THE HASHES" in output
    assert end(start(["make", f"VENV={venv}", "clean"], cwd=ROOT))[0] == 0
    assert not venv.exists()


@pytest.mark.parametrize("target", ["clean", "lab"])
@pytest.mark.parametrize("file", ["thesis.txt", "pyvenv.cfg"])
def test_only_an_environment_that_make_has_made_is_removed_or_emptied(target, file, tmp_path):
    (tmp_path / file).write_text("dear")
    command = ["make", f"VENV={tmp_path}", f"PYTHON={sys.executable}", target]
    status, output = end(start(command, cwd=ROOT))
    assert status != 0
    assert output.startswith("VENV: expected a new folder or an environment that make has made")
    assert (tmp_path / file).read_text() == "dear"


def test_all_tests_in_the_list_of_guarantees_exist():
    files = sorted((ROOT / "tests").glob("test_*.py"))
    tests = "\n".join(path.read_text() for path in files)
    there = {path.stem for path in files} | {*re.findall(r"^def (\w+)", tests, flags=re.M)}
    named = re.findall(r"`(test_\w+)(?:\.py)?`", (ROOT / "GUARANTEES.md").read_text())
    assert set() < set(named) <= there


@pytest.fixture
def make_reproduce(tmp_path):
    """Return a function that starts `make reproduce` with a shell script instead of papermill."""

    def make_reproduce(script, parameters="-p epochs 1"):
        python = tmp_path / "bin" / "python"
        python.parent.mkdir()
        other = f'test "$2" = mnist_rnn.system.execute || exec "{sys.executable}" "$@"'
        python.write_text(f"#!/bin/sh\n{other}\n{script}\n")
        python.chmod(0o755)
        mark_installed(ROOT, str(tmp_path))
        results = tmp_path / "a space" / '"ü" $HOME'
        return results, start(
            ["make", "reproduce", f"VENV={tmp_path}", f"PARAMETERS={parameters}"],
            cwd=ROOT,
            env=environment(results),
            # Restore SIGINT, which is ignored if a shell started the tests with `&`.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return make_reproduce


@pytest.mark.parametrize(
    ("send", "stop"),
    [(os.killpg, signal.SIGINT), (os.killpg, signal.SIGTERM), (os.kill, signal.SIGTERM)],
    ids=["Ctrl-C", "end of a session", "kill"],
)
def test_make_reproduce_says_how_to_continue_after_a_stop(send, stop, make_reproduce):
    _, process = make_reproduce("echo started; exec sleep 60")
    read_until(process, "started")
    send(process.pid, stop)
    status, output = end(process, timeout=30)
    assert status != 0
    assert "Not finished; the reason is above. A stopped run continues" in output


def test_pythonpath_and_pip_settings_of_the_user_are_ignored(make_reproduce, monkeypatch):
    """Set PYTHONPATH, as some clusters do. Python would import packages in PYTHONPATH first."""
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PIP_USER", "yes")
    _, process = make_reproduce('cp "$5" "$6"; echo "set: $PYTHONPATH $PIP_USER"')
    _, output = end(process, timeout=30)
    assert "set:  0" in output.splitlines()


@pytest.mark.parametrize(
    ("given", "folders"), [("trial", ["trial", "trial"]), ("", ["results", "outputs"])]
)
def test_output_folders_do_not_depend_on_the_working_directory(given, folders, tmp_path):
    program = "from mnist_rnn.system import paths; print(paths.RESULTS, paths.OUTPUTS, sep='|')"
    done = run_python(program, cwd=tmp_path, MNIST_RNN_RESULTS=given)
    assert done.stdout.strip().split("|") == [str(ROOT / folder) for folder in folders]


def test_code_of_one_clone_does_not_run_in_another_clone(tmp_path, monkeypatch):
    """Make the folders of another clone, and expect an error in it, but not outside it."""
    copy = tmp_path / "copy"
    for folder in (copy / "src" / "mnist_rnn", copy / "notebooks"):
        folder.mkdir(parents=True)
    for folder in (ROOT, ROOT / "notebooks", tmp_path):
        monkeypatch.chdir(folder)
        require_own_folder()
    for folder in (copy, copy / "notebooks"):
        monkeypatch.chdir(folder)
        with pytest.raises(ExperimentError, match=rf"runs in {copy}, but uses the code in {ROOT}"):
            require_own_folder()
