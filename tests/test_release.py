"""Test that two releases of one commit are equal in every byte, and that damage is detected."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from helpers.runs import CLONE

from mnist_rnn.system.paths import MNIST, ROOT

NAME = "mnist-rnn-1"
GIT = "git -c user.name=x -c user.email=x"
# Git settings of the user and of the clone, which change the archives that git makes
HOSTILE = """
printf '[core]\nautocrlf = true\nattributesFile = attributes\n[tar]\numask = 0077\n' > .gitconfig
printf '* text eol=crlf\nLICENSE export-ignore\n' | tee attributes > .git/info/attributes
git config tar.umask 0022 && git config core.eol crlf && touch -d 2001-01-01 LICENSE pages
echo attributes >> .git/info/exclude && echo .gitconfig >> .git/info/exclude
"""


def run(command, folder, **variables):
    environment = os.environ | {"HOME": str(folder)} | variables
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Return a git clone in which a release was made.

    A shell script takes the place of Python, and writes two pages.
    """
    if not CLONE:
        pytest.skip("needs a clone")
    folder = tmp_path_factory.mktemp("clone") / "repository"
    done = run(f"git clone --quiet --shared {ROOT} {folder}", folder.parent)
    assert done.returncode == 0, done.stderr
    shutil.copytree(ROOT / "release", folder / "release", dirs_exist_ok=True)
    (folder / "pages").write_text('#!/bin/sh\nmkdir "$4"; echo a > "$4/a.html"; date > "$4/.x"\n')
    (folder / "pages").chmod(0o755)
    done = run(f"git add . && {GIT} commit -qm x && bash release/make.sh ./pages {NAME}", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def unpacked(clone, tmp_path):
    archive = clone / "dist" / f"{NAME}.tar"
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", tmp_path], check=True)
    return tmp_path / NAME


def test_two_releases_of_one_commit_are_equal(clone):
    archive = clone / "dist" / f"{NAME}.tar"
    first = archive.read_bytes()
    done = run(f"{HOSTILE} bash release/make.sh ./pages {NAME}", clone)
    assert done.returncode == 0, done.stderr
    assert archive.read_bytes() == first


def test_release_contains_exactly_the_files_that_it_lists(unpacked):
    listed = {line[66:] for line in (unpacked / "SHA256SUMS").read_text().splitlines()}
    files = {p.relative_to(unpacked).as_posix() for p in unpacked.rglob("*") if p.is_file()}
    assert files == listed | {"SHA256SUMS"}
    assert {"site/a.html", "RELEASE.md", "LICENSE", "docs/cards.md"} < listed
    assert any(name.endswith("seed-0.keras") for name in listed)


def test_files_that_differ_from_the_commit_prevent_a_release(clone):
    (clone / "more").touch()
    done = run(f"bash release/make.sh ./pages {NAME}", clone)
    (clone / "more").unlink()
    assert done.returncode != 0
    assert done.stderr == "Commit first: 1 file(s) differ, such as more.\n"


def test_no_release_is_made_from_an_unpacked_release(unpacked):
    """Unpack the release inside another git repository."""
    assert run("git init --quiet", unpacked.parent).returncode == 0
    done = run(f"bash release/make.sh python {NAME}", unpacked)
    assert done.returncode == 1
    assert done.stderr == (
        f"A release is made from a commit: expected a git clone, and {unpacked} is none.\n"
    )
    assert not (unpacked / "dist").exists()


@pytest.mark.parametrize(
    ("place", "found"),
    [(None, ""), ("archive", ".tar: FAILED"), ("file", "LICENSE: FAILED")],
)
def test_changed_byte_of_a_release_is_detected(clone, unpacked, place, found):
    """Run release/check.sh. In place of Python, use a shell script that prints its arguments."""
    folder, archive = unpacked.parent, unpacked.parent / f"{NAME}.tar"
    shutil.copy(clone / "dist" / f"{NAME}.tar", archive)
    shutil.copy(clone / "dist" / f"{NAME}.tar.sha256", folder)
    if place == "file":
        (unpacked / "LICENSE").write_bytes(b"m" + (unpacked / "LICENSE").read_bytes()[1:])
        packed = f"tar cf {archive} {NAME} && sha256sum {NAME}.tar > {NAME}.tar.sha256"
        assert run(packed, folder).returncode == 0
    elif place:
        archive.write_bytes(archive.read_bytes()[:-1] + b"\1")
    (folder / "python").write_text(
        '#!/bin/sh\nmkdir -p "$3/bin" && printf \'#!/bin/sh\\necho "$@"\' > "$3/bin/pip" &&'
        ' chmod +x "$3/bin/pip" && cp "$3/bin/pip" "$3/bin/python"\n'
    )
    (folder / "python").chmod(0o755)
    done = run(f"bash release/check.sh {archive} {folder}/python {MNIST}", clone)
    assert (done.returncode == 0) == (not place)
    assert found in done.stdout
    assert (f"-I release/score.py {MNIST.resolve()}" in done.stdout) == (not place)


@pytest.mark.parametrize("damage", [None, "images", "record"])
def test_released_model_has_the_test_accuracy_of_its_record(unpacked, committed, damage):
    """Check also that score.py imports no module from its own folder."""
    images = shutil.copytree(MNIST, unpacked.parent / "images")
    (unpacked / "release" / "hashlib.py").write_text("raise SystemExit('foreign')")
    if damage == "images":
        (images / "t10k-images-idx3-ubyte").write_bytes(b"other")
    if damage == "record":
        record = unpacked / "results" / "runs" / "simple_rnn-256-sgd" / "seed-0.json"
        content = json.loads(record.read_text())
        content["history"]["test_errors"][-1] = 1
        record.write_text(json.dumps(content))
    done = run(f"{sys.executable} -I release/score.py {images}", unpacked)
    assert (done.returncode == 0) == (not damage), done.stderr
    if damage == "images":
        assert "Traceback" not in done.stderr
        assert "expected MNIST's file, SHA-256 0fa7898d" in done.stderr
    else:
        assert f"model misclassifies {committed.test_errors} of 10,000" in done.stdout
