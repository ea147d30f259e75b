"""Describe the code, versions and hardware of a run without personal data."""

import os
import platform
import re
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from mnist_rnn.config import ALLOWED, Strict, Text
from mnist_rnn.system.paths import ROOT

Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")]
PACKAGES = ("tensorflow", "keras", "numpy")
CPUINFO = Path("/proc/cpuinfo")


class Cpu(Strict):
    """A real or emulated CPU.

    `has_fma` is false for an x86-64 CPU without AVX2 and FMA.
    """

    architecture: Text
    vendor: Text | None
    family: Text | None
    model: Text | None
    name: Text | None
    has_fma: bool
    emulated: bool = False

    def describe(self) -> str:
        """Return the CPU as the ledger and the audit name it."""
        kind = " ".join(word for word in (self.vendor, self.family, self.model) if word)
        name = f"{self.name or 'unknown'} ({kind})" if kind else self.name or "unknown"
        return ", ".join([name, self.architecture] + ["emulated"] * self.emulated)


class Environment(Strict):
    """The commit, versions and machine of a run.

    `clean` is true if the files outside results/ were those of the commit. `threads` is None if the
    number of threads is unknown. `other_bits` is true if the probe's training steps did not give
    the specified weights.
    """

    commit: Commit | None
    clean: bool | None
    versions: dict[Text, Text]
    cpu: Cpu
    system: Text
    threads: int | None = Field(ge=1)
    other_bits: bool = False


def describe_environment(threads: int | None, emulated: str | None = None) -> Environment:
    """Return the environment of this process.

    Outside a git checkout, the commit is None. Under an emulator, `emulated` must name the imitated
    CPU, because the system describes the real CPU.
    """
    is_top = run_command("git", "rev-parse", "--show-cdup") == ""
    commit = run_command("git", "rev-parse", "HEAD") if is_top else None
    edits = run_command("git", "status", "--porcelain", "--", ".", ":!results")
    return Environment(
        commit=commit,
        clean=edits == "" if commit else None,
        versions={"python": platform.python_version()} | find_versions(),
        cpu=describe_cpu(emulated),
        system=describe_system(),
        threads=threads,
    )


def count_threads() -> int:
    """Return the number of threads that TensorFlow uses for one operation.

    If TF_NUM_INTRAOP_THREADS is unset, 0 or not a number, TensorFlow uses all CPUs of the process.
    """
    chosen = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return int(chosen.isdecimal() and chosen) or len(os.sched_getaffinity(0))


def find_versions() -> dict[str, str]:
    """Return the versions of installed `PACKAGES`; `tensorflow-cpu` counts as `tensorflow`."""
    versions: dict[str, str] = {}
    for name in PACKAGES:
        for wheel in (name, f"{name}-cpu"):
            with suppress(PackageNotFoundError):
                versions.setdefault(name, version(wheel))
    return versions


def run_command(*command: str) -> str | None:
    """Run a command in the repository, and return its output, or None if the command fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe_cpu(emulated: str | None = None) -> Cpu:
    """Describe the CPU; under emulators, vendor, family and model are unknown."""
    text = CPUINFO.read_text(encoding="utf-8") if CPUINFO.exists() and not emulated else ""
    info = dict(re.findall(r"^(.+?)\t*: (.*)$", text, flags=re.MULTILINE))
    machine = platform.machine()
    fma = machine != "x86_64" or {"avx2", "fma"} <= set(info.get("flags", "").split())
    return Cpu(
        architecture=machine,
        vendor=plain(info.get("vendor_id", info.get("CPU implementer"))),
        family=plain(info.get("cpu family")),
        model=plain(info.get("model", info.get("CPU part"))),
        name=plain(emulated or info.get("model name")),
        has_fma=emulated != "Nehalem" if emulated else fma,
        emulated=bool(emulated),
    )


def describe_system() -> str:
    """Return the names and versions of the operating system, its distribution and its C library.

    The kernel and the host name are left out.
    """
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    names = release.get("ID"), release.get("VERSION_ID")
    words = (platform.system(), *names, *platform.libc_ver())
    return plain(" ".join(word for word in words if word)) or "unknown"


def plain(text: str | None) -> str | None:
    """Return the text without characters that `Text` forbids, or None if no character is left."""
    return re.sub(rf"[^{ALLOWED}]", "", text or "")[:60] or None
