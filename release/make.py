"""Make the release: one archive of a commit that stands alone, and its SHA-256 beside it.

`python release/make.py SITE REPORT FOLDER` packs what git has of the commit, the folder SITE as
site/, the page REPORT as report.html, the model with its card, and the digest of every file. Two
releases of one commit are the same bytes: the archive is not compressed, and has no time, owner or
order of its own.
"""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as version_of
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mnist_rnn.config import Configuration
from mnist_rnn.files import replacing, write_text
from mnist_rnn.paths import COMMITTED, ROOT, shown
from mnist_rnn.records.record import read_record, run_path

NAME = f"mnist-rnn-{version_of('mnist-rnn')}"
NEEDED = ("keras", "numpy", "tensorflow", "tensorflow-cpu")


def run_git(*arguments: str) -> bytes:
    """What git prints; an error says what is wrong."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
    if done.returncode:
        raise SystemExit(f"A release needs a git checkout: {done.stderr.decode().strip()}")
    return done.stdout


def collect(site: Path, report: Path) -> dict[str, tuple[bytes, int]]:
    """Content and mode of each file of the release, by its path in it."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(run_git("archive", "--format=tar", "HEAD"))) as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            mode = 0o755 if member.mode & 0o100 else 0o644
            files[member.name] = (tar.extractfile(member).read(), mode)
    added = {f"site/{p.relative_to(site).as_posix()}": p for p in site.rglob("*") if p.is_file()}
    added["report.html"] = report
    added["check.py"] = ROOT / "release" / "check.py"
    added["RELEASE.md"] = ROOT / "release" / "RELEASE.md"
    for suffix in (".keras", ".json"):
        added[f"model/model{suffix}"] = run_path(Configuration(), suffix, COMMITTED)
    files |= {name: (path.read_bytes(), 0o644) for name, path in added.items()}
    files["model/README.md"] = (make_card().encode(), 0o644)
    files["model/requirements.txt"] = (find_needed().encode(), 0o644)
    sums = [f"{hashlib.sha256(files[name][0]).hexdigest()}  {name}\n" for name in sorted(files)]
    files["SHA256SUMS"] = ("".join(sums).encode(), 0o644)
    return files


def make_card() -> str:
    """The model card with its metadata in front, as model hubs read it."""
    record = read_record(run_path(Configuration(), ".json", COMMITTED))
    metric = {"type": "accuracy", "value": record.test.accuracy, "name": "test accuracy"}
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"type": "ylecun/mnist", "name": "MNIST", "split": "test"},
        "metrics": [metric],
    }
    metadata = {
        "license": "mit",
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": ["recurrent-neural-network", "reproducibility"],
        "datasets": ["ylecun/mnist"],
        "metrics": ["accuracy"],
        "model-index": [{"name": record.config.name, "results": [result]}],
    }
    front = yaml.safe_dump(metadata, sort_keys=False)
    return f"---\n{front}---\n\n{(ROOT / 'docs' / 'model-card.md').read_text(encoding='utf-8')}"


def find_needed() -> str:
    """The part of the lock that loading the model needs, on any system."""
    waiting, names = [*NEEDED], set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in names:
            continue
        names.add(name)
        try:
            needs = map(Requirement, requires(name) or [])
        except PackageNotFoundError:  # of another system
            continue
        waiting += [need.name for need in needs if "extra" not in str(need.marker)]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=\S+==)", lock, flags=re.MULTILINE)[1:]
    return "".join(block for block in blocks if block.split("==")[0] in names)


def pack(files: dict[str, tuple[bytes, int]], when: int, path: Path) -> None:
    """Write the archive: files by name, all of one time and no owner."""
    with replacing(path) as temporary, tarfile.open(temporary, "w") as tar:
        for name, (content, mode) in sorted(files.items()):
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size, member.mode, member.mtime = len(content), mode, when
            tar.addfile(member, io.BytesIO(content))


def main() -> None:
    """Refuse a tree that is not the commit; write the archive and its SHA-256."""
    site, report, folder = map(Path, sys.argv[1:])
    changed = run_git("status", "--porcelain").decode().splitlines()
    if changed:
        raise SystemExit(f"Commit first: {len(changed)} file(s) differ, such as {changed[0][3:]}.")
    when = int(run_git("log", "-1", "--format=%ct"))
    path = (folder / f"{NAME}.tar").resolve()
    pack(collect(site, report), when, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_text(path.with_suffix(".tar.sha256"), f"{digest}  {path.name}\n")
    print(f"Written: {shown(path)}, SHA-256 {digest}")


if __name__ == "__main__":
    main()
