"""The code, versions and hardware that a run was made with. Nothing in it tells whose they are."""

import os
import platform
import re
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mnist_rnn.config import ALLOWED, Digest, Strict, Text
from mnist_rnn.paths import ROOT
from mnist_rnn.records.digest import LOADED_SHA256

PACKAGES = ("tensorflow", "keras", "numpy")
CPUINFO = Path("/proc/cpuinfo")


class Cpu(Strict):
    """A CPU, or what an emulator imitates; different ones may carry the same name.

    `fuses` says whether it multiplies and adds with one rounding, as all of ARM64 does, and x86-64
    with AVX2 and FMA: then it must give the committed bits.
    """

    architecture: Text
    vendor: Text | None
    family: Text | None
    model: Text | None
    name: Text | None
    fuses: bool
    emulated: bool = False


class Environment(Strict):
    """What a run was made with; its bits depend on `code_sha256` and the versions of PACKAGES.

    `clean` says whether nothing outside results/ differed from the commit. `code_sha256` is of the
    package `experiment`, or of an original's script. `other_bits`: the probe of the training step
    found other bits than the specified ones, and the user went on. `threads` is None where nobody
    counted them.
    """

    commit: str | None
    clean: bool | None
    code_sha256: Digest
    versions: dict[Text, Text]
    cpu: Cpu
    system: Text
    threads: int | None
    other_bits: bool = False


def describe_environment(threads: int | None, emulated: str | None = None) -> Environment:
    """The environment of this process; the commit is None outside a git checkout.

    `emulated` names the CPU that an emulator imitates; what the system tells is its host's.
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
    """Say whether no file of ROOT outside results/ differs from the commit or is new.

    A clone's index, settings and lists of ignored files can hide an edit. So the files are compared
    with the commit from an empty repository, which borrows the objects of this one.
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


def what_differs(then: Environment, now: Environment) -> list[str]:
    """What decides the bits and is not the same: `code`, or the name of a package."""
    before = what_decides_bits(then)
    return [name for name, value in what_decides_bits(now).items() if value != before[name]]


def find_versions() -> dict[str, str]:
    """The versions of PACKAGES, as far as installed; TensorFlow's without GPUs has another name."""
    versions: dict[str, str] = {}
    for name in PACKAGES:
        for wheel in (name, f"{name}-cpu"):
            with suppress(PackageNotFoundError):
                versions.setdefault(name, version(wheel))
    return versions


def ask(*command: str, **variables: str) -> str | None:
    """What a command says in the repository; None if it is not installed or fails.

    Git is not told of another repository, as its hooks and some users tell it by variables.
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
    """The CPU as Linux tells it; on macOS its architecture and name."""
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
    """The system, its distribution and its C library, without the kernel and the host's name."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    names = platform.mac_ver()[0], release.get("ID"), release.get("VERSION_ID")
    words = (platform.system(), *names, *platform.libc_ver())
    return plain(" ".join(word for word in words if word)) or "unknown"


def plain(text: str | None) -> str | None:
    """As `Text` allows it; None if nothing is left."""
    return re.sub(rf"[^{ALLOWED}]", "", text or "")[:60] or None
