"""environment.yml, requirements.lock, pyproject.toml and the Makefile agree."""

import os
import re
import signal
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from runs import end, environment, read_until, start

from mnist_rnn.config import Configuration
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records.record import read_record, run_path, write_record

pytestmark = pytest.mark.quick

PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]
GROUPS = tomllib.loads(PYPROJECT)["dependency-groups"]
DEPENDENCIES = [*PROJECT["dependencies"], *GROUPS["test"], *GROUPS["dev"]]
MAKEFILE = (ROOT / "Makefile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
PYTHONS = ("3.11", "3.12", "3.13")


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


def test_each_direct_dependency_has_its_reason():
    for dependency in DEPENDENCIES:
        assert re.search(rf'^ *"{re.escape(dependency)}", +# \w+', PYPROJECT, flags=re.MULTILINE)


def test_each_locked_package_has_hashes():
    blocks = re.split(r"^(?=\S+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == sum(map(len, locked().values())) > 100
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_one_version_of_each_package_for_each_python(python):
    for name, pins in locked().items():
        fitting = [
            pin
            for pin in pins
            if pin.marker is None
            or pin.marker.evaluate({"python_full_version": f"{python}.1", "python_version": python})
        ]
        assert len(fitting) <= 1, name


def test_conda_gets_python_pip_graphviz_and_the_same_lock():
    assert ENVIRONMENT.keys() == {"name", "channels", "dependencies"}
    assert (ENVIRONMENT["name"], ENVIRONMENT["channels"]) == ("mnist-rnn", ["conda-forge"])
    python, *others = ENVIRONMENT["dependencies"]
    assert python in [f"python={version}" for version in PYTHONS]
    assert others == ["pip", "graphviz", {"pip": ["-r requirements.lock"]}]
    last = (ROOT / "postBuild").read_text().splitlines()[-1]
    assert last in (ROOT / "docs" / "usage.md").read_text()
    assert all(SpecifierSet(PROJECT["requires-python"]).contains(python) for python in PYTHONS)


def test_make_help_lists_every_target():
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split()
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"^make ([\w-]+) +\S", shown.stdout, flags=re.MULTILINE) == phony


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["reproduce"], "bin/python -m mnist_rnn.records.verify"),
        (["sweep", "PROFILE=slurm", "ARGS=--cores 2"],
         "mnist_rnn.claims.sweep --profile workflow/profiles/slurm --cores 2"),
        (["site", "MODEL=a b.keras"], 'mnist_rnn.site --model "a b.keras"'),
        (["originals", "ARGS=--keras 2"], "bin/python --keras 2"),
        (["notebooks", "VENV=/venv"], "MNIST_RNN_RESULTS=/venv/notebooks/outputs"),
        (["results", "MNIST_RNN_RESULTS=trial"], "report notebooks MNIST_RNN_RESULTS=results"),
    ],
)  # fmt: skip
def test_what_make_is_given_goes_to_the_command(words, command):
    planned = subprocess.run(
        ["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert command in planned.stdout


@pytest.mark.parametrize(("place", "anew"), [(ROOT, False), ("/elsewhere", True)])
def test_an_environment_that_was_copied_or_moved_is_made_anew(place, anew, tmp_path):
    (tmp_path / "installed").write_text(f"{place}\n")
    command = ["make", "--dry-run", "lab", f"VENV={tmp_path}"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (f"rm -rf {tmp_path}\n" in planned.stdout) == anew


def test_no_command_of_make_uses_a_variable_that_nothing_sets():
    used = set(re.findall(r"\$\((\w+)\)", MAKEFILE))
    set_here = set(re.findall(r"^(\w+) =", MAKEFILE, flags=re.MULTILINE))
    by_make = {"CURDIR", "MAKE", "MAKEFILE_LIST"}
    given = {"ARGS", "MODEL", "PARAMETERS", "PROFILE"}
    assert used == set_here | by_make | given


def test_the_guarantees_name_tests_that_exist():
    named = set(re.findall(r"`(test_\w+)(?:\.py)?`", (ROOT / "GUARANTEES.md").read_text()))
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
        (tmp_path / "installed").write_text(f"{ROOT}\n")
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
    write_record(read_record(run_path(Configuration(), ".json", COMMITTED)), results)
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
