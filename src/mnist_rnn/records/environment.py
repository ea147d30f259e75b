"""Describe the code, versions and hardware of a run, without anything that identifies people."""

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
    """A CPU, or the one that an emulator imitates; different CPUs may have the same name.

    `fuses` says whether the CPU can multiply and add with one rounding. All ARM64 CPUs can, and so
    can x86-64 CPUs with AVX2 and FMA. Such a CPU must compute the committed bits.
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
            raise ValueError(f"fuses must be true on {self.architecture}")
        return self


class Environment(Strict):
    """The environment of a run, whose bits depend on `code_sha256` and the versions of PACKAGES.

    `clean` is true if no file outside results/ differed from the commit. `code_sha256` is the
    digest of the package `experiment`, or of an original's script. `other_bits` is true if the
    bits of the probe's training steps differ from the specified ones. `threads` is None if it was
    not measured.
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
    """Return the environment of this process; the commit is None outside a git checkout.

    `emulated` names the CPU that an emulator imitates, since the system describes the real one.
    """
    # ROOT must be the top of a checkout, not a folder in another one.
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
    """Return whether no file of ROOT outside results/ differs from the commit or is new.

    A clone's index, settings and lists of ignored files can hide an edit. So the files are compared
    with the commit from an empty repository, which uses the objects of this one.
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
        ask("git", "init", "--quiet", "--bare", "--template=", f"{folder}/git", **variables)
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
    """Return the number of threads for one operation, which TF_NUM_INTRAOP_THREADS sets.

    TensorFlow uses all CPUs of the process if the variable is unset, 0 or not a number.
    """
    chosen = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def what_decides_bits(environment: Environment) -> dict[str, str]:
    """Return the digest of the code, and the versions of PACKAGES."""
    versions = {name: environment.versions.get(name, "unknown") for name in PACKAGES}
    return {"code": environment.code_sha256} | versions


def what_differs(then: Environment, now: Environment) -> list[str]:
    """Return the names of differing settings that decide bits: `code`, or packages."""
    before = what_decides_bits(then)
    return [name for name, value in what_decides_bits(now).items() if value != before[name]]


def find_versions() -> dict[str, str]:
    """Return the versions of the installed PACKAGES; TensorFlow may be `tensorflow-cpu`."""
    versions: dict[str, str] = {}
    for name in PACKAGES:
        for wheel in (name, f"{name}-cpu"):
            with suppress(PackageNotFoundError):
                versions.setdefault(name, version(wheel))
    return versions


def ask(*command: str, **variables: str) -> str | None:
    """Return the output of a command in the repository, or None if it is missing or fails.

    Variables of git are left out, since they can name another repository, as in a hook.
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
    """Return the CPU as Linux describes it; on macOS, only its architecture and name."""
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
    """Return the system, its distribution and C library, without the kernel and host name."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    names = platform.mac_ver()[0], release.get("ID"), release.get("VERSION_ID")
    words = (platform.system(), *names, *platform.libc_ver())
    return plain(" ".join(word for word in words if word)) or "unknown"


def plain(text: str | None) -> str | None:
    """Return the text without characters that `Text` forbids, or None if nothing is left."""
    return re.sub(rf"[^{ALLOWED}]", "", text or "")[:60] or None
