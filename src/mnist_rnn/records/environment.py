"""The code, versions and hardware that a run was made with."""

import hashlib
import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mnist_rnn import experiment
from mnist_rnn.config import Strict
from mnist_rnn.paths import ROOT

PACKAGES = ("tensorflow", "keras", "numpy")
EXPERIMENT = Path(experiment.__file__).parent
CPU = Path("/proc/cpuinfo")


class Cpu(Strict):
    """A CPU; different ones may carry the same name."""

    architecture: str
    vendor: str | None
    family: str | None
    model: str | None
    name: str | None
    flags: list[str]

    @property
    def fuses(self) -> bool:
        """Whether it multiplies and adds with one rounding: all of ARM64, x86-64 with FMA."""
        return self.architecture != "x86_64" or {"avx2", "fma"} <= set(self.flags)


class Environment(Strict):
    """What a run was made with; its bits depend on `code_sha256` and the versions of PACKAGES.

    `clean` says whether nothing outside results/ differed from the commit. `code_sha256` is
    the digest of the package `experiment`.
    """

    commit: str | None
    clean: bool | None
    code_sha256: str
    versions: dict[str, str]
    cpu: Cpu
    threads: int


def describe_environment(threads: int) -> Environment:
    """The environment of this process; the commit is None outside a git checkout."""
    # ROOT must be the top of a checkout, not a folder in another one.
    own = ask("git", "rev-parse", "--show-cdup") == ""
    commit = ask("git", "rev-parse", "HEAD") if own else None
    changes = ask("git", "status", "--porcelain", "--untracked-files", "--", ".", ":!results")
    return Environment(
        commit=commit,
        clean=None if commit is None else changes == "",
        code_sha256=digest_code(),
        versions={"python": platform.python_version()} | find_versions(),
        cpu=describe_cpu(),
        threads=threads,
    )


def count_threads() -> int:
    """Threads among which TensorFlow divides an operation: TF_NUM_INTRAOP_THREADS sets them.

    TensorFlow takes all CPUs that the process may use if the variable is unset, 0 or not a number.
    """
    chosen = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def what_decides_bits(environment: Environment) -> dict[str, str]:
    """Digest of the code, and versions of what computes."""
    versions = {name: environment.versions.get(name, "unknown") for name in PACKAGES}
    return {"code": environment.code_sha256} | versions


def find_versions() -> dict[str, str]:
    """The versions of PACKAGES; TensorFlow's wheel without GPU kernels has another name."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = version(f"{name}-cpu")
    return versions


def digest_code() -> str:
    """SHA-256 over the sources of the package `experiment`, in the order of their names."""
    sources = (path.read_bytes() for path in sorted(EXPERIMENT.glob("*.py")))
    return hashlib.sha256(b"".join(sources)).hexdigest()


def ask(*command: str) -> str | None:
    """What a command says in the repository; None if it is not installed or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe_cpu() -> Cpu:
    """The CPU as Linux tells it; on macOS its architecture and name."""
    text = CPU.read_text(encoding="utf-8") if CPU.exists() else ""
    said = dict(re.findall(r"^(.+?)\t*: (.*)$", text, flags=re.MULTILINE))
    return Cpu(
        architecture=platform.machine(),
        vendor=said.get("vendor_id", said.get("CPU implementer")),
        family=said.get("cpu family"),
        model=said.get("model", said.get("CPU part")),
        name=said.get("model name") or ask("sysctl", "-n", "machdep.cpu.brand_string") or None,
        flags=sorted((said.get("flags") or said.get("Features") or "").split()),
    )
