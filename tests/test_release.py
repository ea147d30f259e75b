"""A release of one commit is always the same bytes, and any change to it is found."""

import random
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import check
import make
import pytest
import yaml
from runs import CLONE

from mnist_rnn.paths import MNIST, ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The archive of this commit with a small page, and the folder that it unpacks to."""
    if not CLONE:
        pytest.skip("needs a clone")
    folder = tmp_path_factory.mktemp("release")
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("a page")
    (folder / "report.html").write_text("a report")
    archive = folder / "one.tar"
    make.pack(make.collect(folder / "site", folder / "report.html"), 1_700_000_000, archive)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return archive, folder / make.NAME


def test_two_releases_of_one_commit_are_the_same_bytes(built, tmp_path):
    archive, _ = built
    folder = archive.parent
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("a page")  # another time and inode
    files = make.collect(tmp_path / "site", folder / "report.html")
    again = tmp_path / "two.tar"
    for ordered in (files, dict(reversed(files.items()))):
        make.pack(ordered, 1_700_000_000, again)
        assert archive.read_bytes() == again.read_bytes()


def test_a_release_has_its_commits_time_and_a_digest_beside_it(built, tmp_path, monkeypatch):
    git, folder = make.run_git, built[0].parent
    monkeypatch.setattr(
        make, "run_git", lambda *words: b"" if words[0] == "status" else git(*words)
    )
    words = ["make.py", str(folder / "site"), str(folder / "report.html"), str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    make.main()
    committed = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True)
    archive = tmp_path / f"{make.NAME}.tar"
    with tarfile.open(archive) as tar:
        assert {member.mtime for member in tar} == {int(committed.stdout)}
    said = archive.with_suffix(".tar.sha256").read_text()
    assert said == f"{check.digest(archive)}  {archive.name}\n"


def test_a_release_is_whole(built):
    archive, folder = built
    assert check.check_files(folder) == []
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {
        (0, 0, "", "", 1_700_000_000)
    }
    modes = {member.name.split("/", 1)[1]: member.mode for member in members}
    assert {"requirements.lock", "site/index.html", "report.html", "README.md"} < modes.keys()
    assert {"results/accuracy.csv", "notebooks/02_train.ipynb"} < modes.keys()
    assert (modes[".ci/run"], modes["LICENSE"], modes["model/model.keras"]) == (0o755, 0o644, 0o644)


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << position % 8
    path.write_bytes(content)


@pytest.mark.parametrize("seed", range(10))
def test_a_byte_changed_anywhere_in_a_file_is_found(built, seed):
    """In one of the files, and in the list of their digests."""
    _, folder = built
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    draw = random.Random(seed)
    (changed,) = draw.choices(files, [path.stat().st_size for path in files])
    for path in (changed, folder / "SHA256SUMS"):
        position = draw.randrange(path.stat().st_size)
        flip(path, position)
        assert check.check_files(folder)
        flip(path, position)
        assert check.check_files(folder) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_byte_changed_anywhere_in_the_archive_is_found(built, seed, tmp_path):
    archive = tmp_path / "one.tar"
    archive.write_bytes(built[0].read_bytes())
    sums = archive.with_suffix(".tar.sha256")
    sums.write_text(f"{check.digest(archive)}  {archive.name}\n")
    command = ["bash", ROOT / "release" / "check.sh", archive, "false", MNIST]
    flip(archive, random.Random(seed).randrange(archive.stat().st_size))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{archive.name}: FAILED" in done.stdout


def test_an_intact_archive_is_scored_in_a_fresh_environment(built, tmp_path):
    """By a Python whose environments only say what they are asked."""
    archive = Path(shutil.copy(built[0], tmp_path))
    archive.with_suffix(".tar.sha256").write_text(f"{check.digest(archive)}  {archive.name}\n")
    python = tmp_path / "python"
    program = '#!/bin/sh\\necho "${PWD##*/} ${0##*/} $*"\\n'
    python.write_text(
        f"""#!/bin/sh\nmkdir -p "$3/bin" && cd "$3/bin"
        printf '{program}' | tee pip > python && chmod +x pip python"""
    )
    python.chmod(0o755)
    command = ["bash", ROOT / "release" / "check.sh", archive, python, MNIST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    name = built[1].name
    assert done.stdout.splitlines()[1:] == [
        f"{name} pip install --quiet --require-hashes --requirement model/requirements.txt",
        f"{name} python -IB check.py {MNIST}",
    ]


def replace_by_link(folder):
    moved = (folder / "LICENSE").rename(folder.parent / "LICENSE")
    (folder / "LICENSE").symlink_to(moved)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (replace_by_link, "LICENSE was changed."),
        (lambda folder: (folder / "more").write_text("x"), "'more' is not of the release."),
        (lambda folder: (folder / "LICENSE").unlink(), "LICENSE is missing."),
        (lambda folder: (folder / "a\nb").write_text("x"), r"'a\nb' is not of the release."),
        (lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff"), "SHA256SUMS can't be read."),
        (lambda folder: (folder / "SHA256SUMS").write_text("x"), "SHA256SUMS can't be read."),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS can't be read."),
    ],
)
def test_another_folder_is_not_a_release(built, damage, problem, tmp_path):
    with tarfile.open(built[0]) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / make.NAME
    damage(folder)
    assert check.check_files(folder) == [problem]
    done = subprocess.run([sys.executable, folder / "check.py"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, problem + "\n")


def test_the_card_has_metadata_for_a_model_hub(built, committed):
    _, front, body = (built[1] / "model" / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(front)
    assert (card["library_name"], card["license"]) == ("keras", "mit")
    (metric,) = card["model-index"][0]["results"][0]["metrics"]
    assert metric["value"] == committed.test.accuracy
    assert body.startswith("\n# Model card")


def test_what_the_model_needs_is_locked_with_hashes(built):
    text = (built[1] / "model" / "requirements.txt").read_text()
    names = {line.split("==")[0] for line in text.splitlines() if "==" in line}
    assert {"keras", "numpy", "tensorflow", "tensorflow-cpu", "h5py"} <= names
    assert not names & {"pandas", "papermill", "pydantic", "matplotlib"}
    assert text.count("--hash=sha256:") >= len(names)


def test_a_tree_that_differs_from_its_commit_is_not_released(monkeypatch):
    answers = {"status": b" M README.md\n"}
    monkeypatch.setattr(make, "run_git", lambda *words: answers[words[0]])
    monkeypatch.setattr(sys, "argv", ["make.py", "site", "report.html", "dist"])
    with pytest.raises(SystemExit, match=r"Commit first: 1 file\(s\) differ, such as README\.md\."):
        make.main()


def test_the_model_is_scored_as_its_record_says(built, committed):
    """By the release's own check, where this package can't be imported."""
    program = "import runpy, sys; sys.modules['mnist_rnn'] = None\n"
    program += "runpy.run_path('check.py', run_name='__main__')"
    command = [sys.executable, "-c", program, MNIST]
    done = subprocess.run(command, cwd=built[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"model misclassifies {committed.test.errors} of 10,000" in done.stdout


def test_a_model_that_is_not_its_record_fails(built, committed, monkeypatch):
    monkeypatch.setattr(check, "HERE", built[1])
    monkeypatch.setattr(check, "count_errors", lambda *_: committed.test.errors - 1)
    monkeypatch.setattr(sys, "argv", ["check.py", str(MNIST)])
    with pytest.raises(SystemExit) as ended:
        check.main()
    assert ended.value.code == 1


def test_other_images_than_mnists_are_refused(built, tmp_path, monkeypatch):
    for name in check.MNIST:
        (tmp_path / name).write_bytes(b"other")
    monkeypatch.setattr(check, "HERE", built[1])
    monkeypatch.setattr(sys, "argv", ["check.py", str(tmp_path)])
    with pytest.raises(SystemExit, match="expected MNIST's file, SHA-256 0fa7898d"):
        check.main()
