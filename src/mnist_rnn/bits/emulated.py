"""Run training on CPUs that Debian's qemu-user emulates.

Without arguments, `python -m mnist_rnn.bits.emulated` downloads the packages for an emulated ARM64
CPU. With the arguments `Haswell sgd`, the command takes the first training steps of the
configuration `sgd` on an emulated Haswell CPU. The command adds a row to
outputs/reproductions.csv.

For each emulated multiply-add, qemu switches twice between AVX and SSE code. Each switch is slow on
Intel CPUs. An edit of the function `cpuinfo_init` in qemu's util/cpuinfo-i386.c can make qemu
ignore the host's AVX. The edited qemu was twenty times faster, and trained one epoch in 40 minutes.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mnist_rnn.paths import ROOT

ARM64 = Path(f"{sys.prefix}-arm64")  # made by fetch_arm64
SITE = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
# Debian's ARM64 packages of Python 3.13, and of the libraries that Python or TensorFlow loads
DEBIAN_PACKAGES = """
    python3.13-minimal libpython3.13-stdlib libpython3.13-minimal libc6 libstdc++6 libgcc-s1
    libffi8 libssl3t64 zlib1g libbz2-1.0 liblzma5 libexpat1 libuuid1 libzstd1
"""


def missing(cpu: str) -> str:
    """Return the reason why this machine can't emulate the CPU, or "" if it can."""
    if platform.machine() != "x86_64":
        return "the emulation of a CPU needs an x86-64 machine"
    program = "qemu-aarch64" if cpu == "neoverse-n1" else "qemu-x86_64"
    if shutil.which(program) is None:
        return f"the program {program} is missing: `apt-get install qemu-user` installs the program"
    if cpu == "neoverse-n1" and not ARM64.exists():
        return (
            "ARM64 packages are missing: `python -m mnist_rnn.bits.emulated` downloads the packages"
        )
    return ""


def start_first_steps(cpu: str, *words: str | Path) -> subprocess.Popen:
    """Start the module `first_steps` with these names and options on an emulated CPU."""
    return start_emulated(cpu, "-m", "mnist_rnn.bits.first_steps", *words, "--emulated", cpu)


def start_emulated(cpu: str, *words: str | Path) -> subprocess.Popen:
    """Start Python with these arguments on an emulated CPU.

    The new process has its own session, and inherits standard error.
    """
    variables = {}
    if cpu == "neoverse-n1":
        root = ARM64 / "root"
        library = f"LD_LIBRARY_PATH={root}/usr/lib/aarch64-linux-gnu"
        emulator = ["qemu-aarch64", "-cpu", cpu, "-L", str(root), "-E", library]
        python, site = root / "usr" / "bin" / "python3.13", ARM64 / "site"
        variables["PYTHONHOME"] = str(root / "usr")
    else:
        emulator = ["qemu-x86_64", "-cpu", cpu]
        python, site = Path(sys.executable).resolve(), SITE  # qemu can't start a symbolic link
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(site)])
    command = [*emulator, python, *words]
    # Without OPENBLAS_CORETYPE, OpenBLAS chooses its code for the emulated CPU.
    own = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    pipe: Any = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, env=own | variables, **pipe)


def fetch_arm64() -> None:
    """Download Debian's packages and the locked wheels, and unpack them in the folder `ARM64`.

    Debian's packages are not installed, because an installation would replace the system's Python.
    """
    part = ARM64.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "debs").mkdir(parents=True)
    subprocess.run(["dpkg", "--add-architecture", "arm64"], check=True)
    try:
        subprocess.run(["apt-get", "update", "--quiet=2"], check=True)
        names = [f"{name}:arm64" for name in DEBIAN_PACKAGES.split()]
        subprocess.run(["apt-get", "download", "--quiet=2", *names], check=True, cwd=part / "debs")
    finally:
        subprocess.run(["dpkg", "--remove-architecture", "arm64"], check=True)
    for package in (part / "debs").glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, part / "root"], check=True)
    (part / "root" / "lib").symlink_to("usr/lib")
    locked = (ROOT / "requirements.lock").read_text()
    needed = r"^(?:tensorflow|keras|numpy|pydantic|tqdm|scipy)==\S+"
    pins = re.findall(needed, locked, flags=re.MULTILINE)
    tags = ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")
    platforms = [f"--platform={tag}_aarch64" for tag in tags]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(part / "site")]
    pip += ["--python-version=313", "--only-binary=:all:", *platforms, *pins]
    subprocess.run(pip, check=True)
    (part / ".made-by-mnist-rnn").touch()  # so that `make clean` removes the folder
    shutil.rmtree(ARM64, ignore_errors=True)
    part.rename(ARM64)


def main() -> None:
    """Download the ARM64 packages, or take the first training steps on an emulated CPU."""
    if len(sys.argv) == 1:
        return fetch_arm64()
    cpu, *names = sys.argv[1:]
    if missing(cpu):
        raise SystemExit(missing(cpu))
    process = start_first_steps(cpu, *names, "--record")
    for line in process.stdout or ():
        print(line, end="", flush=True)
    raise SystemExit(process.wait())


if __name__ == "__main__":
    main()
