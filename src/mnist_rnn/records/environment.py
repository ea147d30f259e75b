"""Describe the code, versions and hardware of a run without personal data."""

import os
import platform
import re
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from mnist_rnn.config import ALLOWED, Digest, Strict, Text
from mnist_rnn.paths import ROOT
from mnist_rnn.records.digest import LOADED_SHA256

Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")]
PACKAGES = ("tensorflow", "keras", "numpy")
CPUINFO = Path("/proc/cpuinfo")


class Cpu(Strict):
    """A real or emulated CPU.

    `fuses` is true for every ARM64 CPU, and for an x86-64 CPU with AVX2 and FMA. If `fuses` is
    true, the CPU can multiply and add with a single rounding, and must compute the committed bits.
    """

    architecture: Text
    vendor: Text | None
    family: Text | None
    model: Text | None
    name: Text | None
    fuses: bool
    emulated: bool = False

    @model_validator(mode="after")
    def _arm_fuses(self) -> "Cpu":
        if not self.fuses and self.architecture != "x86_64":
            raise ValueError(f"`fuses` must be true on {self.architecture}")
        return self


class Environment(Strict):
    """The code, versions and machine of a run.

    The trained weights depend on `code_sha256` and on the versions of `PACKAGES`. `clean` is true
    if the files outside results/ were those of the commit. `code_sha256` is the digest of the code
    that computed the run: the package `experiment`, or a script in originals/. `other_bits` is true
    if the probe's training steps did not give the specified weights. `threads` is None if the
    number of threads is unknown.
    """

    commit: Commit | None
    clean: bool | None
    code_sha256: Digest
    versions: dict[Text, Text]
    cpu: Cpu
    system: Text
    threads: int | None = Field(ge=1, le=10_000)
    other_bits: bool = False


def describe_environment(threads: int | None, emulated: str | None = None) -> Environment:
    """Return the environment of this process.

    Outside a git checkout, the commit is None. Under an emulator, `emulated` must name the imitated
    CPU, because the system describes the real CPU.
    """
    # The commit is recorded only if `ROOT` is the top folder of its own git checkout.
    own = ask("git", "rev-parse", "--show-cdup") == ""
    commit = ask("git", "rev-parse", "HEAD") if own else None
    return Environment(
        commit=commit,
        clean=is_clean(commit) if commit else None,
        code_sha256=LOADED_SHA256,
        versions={"python": platform.python_version()} | find_versions(),
        cpu=describe_cpu(emulated),
        system=describe_system(),
        threads=threads,
    )


def is_clean(commit: str) -> bool:
    """Return whether the files outside results/ are exactly the files of the commit.

    The index, settings and ignore lists of a clone can hide an edit. Therefore, an empty temporary
    repository is used, which reads only the git objects of the clone.
    """
    objects = ROOT / (ask("git", "rev-parse", "--git-path", "objects") or "")
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            "HOME": folder,
            "XDG_CONFIG_HOME": folder,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
        git = ["git", f"--git-dir={folder}/git", f"--work-tree={ROOT}", "-c", "core.fileMode=false"]
        ask("git", "init", "--bare", "--template=", f"{folder}/git", **variables)
        said = [
            ask(*git, *command.split(), **variables)
            for command in (
                f"read-tree {commit}",
                "diff --name-only -- . :!results",
                "ls-files --others --exclude-standard -- . :!results",
            )
        ]
    return said == ["", "", ""]


def count_threads() -> int:
    """Return the number of threads that TensorFlow uses for one operation.

    If TF_NUM_INTRAOP_THREADS is unset, 0 or not a number, TensorFlow uses all CPUs of the process.
    """
    chosen = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def what_decides_bits(environment: Environment) -> dict[str, str]:
    """Return a dictionary with the digest of the code and the versions of `PACKAGES`."""
    versions = {name: environment.versions.get(name, "unknown") for name in PACKAGES}
    return {"code": environment.code_sha256} | versions


def what_differs(then: Environment, now: Environment) -> list[str]:
    """Return the packages that differ between two environments, and `code` if the code differs."""
    before = what_decides_bits(then)
    return [name for name, value in what_decides_bits(now).items() if value != before[name]]


def find_versions() -> dict[str, str]:
    """Return the versions of installed `PACKAGES`; `tensorflow-cpu` counts as `tensorflow`."""
    versions: dict[str, str] = {}
    for name in PACKAGES:
        for wheel in (name, f"{name}-cpu"):
            with suppress(PackageNotFoundError):
                versions.setdefault(name, version(wheel))
    return versions


def ask(*command: str, **variables: str) -> str | None:
    """Run a command in the repository, and return its output, or None if the command fails.

    The command does not inherit git's environment variables, which can name another repository.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True, env=own | variables
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def describe_cpu(emulated: str | None = None) -> Cpu:
    """Describe the CPU; on macOS and under emulators, vendor, family and model are unknown."""
    text = CPUINFO.read_text(encoding="utf-8") if CPUINFO.exists() and not emulated else ""
    said = dict(re.findall(r"^(.+?)\t*: (.*)$", text, flags=re.MULTILINE))
    name = emulated or said.get("model name") or ask("sysctl", "-n", "machdep.cpu.brand_string")
    machine = platform.machine()
    fuses = machine != "x86_64" or {"avx2", "fma"} <= set(said.get("flags", "").split())
    return Cpu(
        architecture=machine,
        vendor=plain(said.get("vendor_id", said.get("CPU implementer"))),
        family=plain(said.get("cpu family")),
        model=plain(said.get("model", said.get("CPU part"))),
        name=plain(name),
        fuses=emulated != "Nehalem" if emulated else fuses,
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
    names = platform.mac_ver()[0], release.get("ID"), release.get("VERSION_ID")
    words = (platform.system(), *names, *platform.libc_ver())
    return plain(" ".join(word for word in words if word)) or "unknown"


def plain(text: str | None) -> str | None:
    """Return the text without characters that `Text` forbids, or None if no character is left."""
    return re.sub(rf"[^{ALLOWED}]", "", text or "")[:60] or None
