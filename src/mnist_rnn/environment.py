"""The code, versions and hardware that a run was made with."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import cpuinfo

from mnist_rnn.config import Strict
from mnist_rnn.paths import ROOT

PACKAGES = ("tensorflow", "keras", "numpy")
# The modules that a run's weights depend on.
COMPUTING = ("backend", "checkpoints", "data", "halves", "model", "training")


class Environment(Strict):
    """What a result may depend on beside its configuration.

    `clean` says whether nothing outside results/ differed from the commit. The CPU is told by
    vendor, family, model and flags, since different ones may carry the same name. `code_sha256`
    is the digest of the modules that a run's weights depend on.
    """

    commit: str | None
    clean: bool | None
    code_sha256: str
    versions: dict[str, str]
    cpu: dict[str, str | int | list[str] | None]
    device: str
    threads: int


def describe_environment(device: str, threads: int) -> Environment:
    """The environment of this process; the commit is None outside a git checkout."""
    commit = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain", "--", ".", ":!results")
    return Environment(
        commit=commit,
        clean=None if commit is None else changes == "",
        code_sha256=digest_code(),
        versions={"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        cpu=describe_cpu(),
        device=device,
        threads=threads,
    )


def digest_code() -> str:
    """SHA-256 over the sources of the modules in COMPUTING."""
    sources = (Path(__file__).with_name(f"{name}.py").read_bytes() for name in COMPUTING)
    return hashlib.sha256(b"".join(sources)).hexdigest()


def git(*arguments: str) -> str | None:
    """What git says about the repository; None without git or a repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe_cpu() -> dict[str, str | int | list[str] | None]:
    """Vendor, family, model, name and instruction flags; None where the system doesn't say."""
    info = cpuinfo.get_cpu_info()
    names = {"vendor": "vendor_id_raw", "family": "family", "model": "model", "name": "brand_raw"}
    cpu = {name: info.get(key) for name, key in names.items()}
    return cpu | {"flags": sorted(info.get("flags", []))}
