"""Run the same Python and packages on emulated CPUs, with Debian's qemu-user.

`python -m mnist_rnn.bits.emulated` downloads packages for ARM64. With `Haswell sgd`, it computes
the first steps of `sgd` on an emulated Haswell, and writes a record for the ledger to
outputs/reproductions.

qemu switches twice between AVX and SSE code for each multiply-add of the emulated CPU, which is
slow on Intel CPUs. A qemu that was changed to ignore the AVX of its host (`cpuinfo_init` in
util/cpuinfo-i386.c) was twenty times faster: a whole epoch took 40 minutes.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mnist_rnn.paths import OUTPUTS, ROOT

ARM64 = Path(f"{sys.prefix}-arm64")  # made by fetch_arm64
SITE = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
# Debian's ARM64 packages of Python 3.13, and of the libraries that it and TensorFlow load
DEBIAN_PACKAGES = """
    python3.13-minimal libpython3.13-stdlib libpython3.13-minimal libc6 libstdc++6 libgcc-s1
    libffi8 libssl3t64 zlib1g libbz2-1.0 liblzma5 libexpat1 libuuid1 libzstd1
"""


def missing(cpu: str) -> str:
    """Return what the machine lacks to emulate this CPU, or "" if it lacks nothing."""
    if platform.machine() != "x86_64":
        return "other CPUs can be emulated only on x86-64"
    program = "qemu-aarch64" if cpu == "neoverse-n1" else "qemu-x86_64"
    if shutil.which(program) is None:
        return f"no {program}: to try other CPUs, `apt-get install qemu-user`"
    if cpu == "neoverse-n1" and not ARM64.exists():
        return "no ARM64 packages: `python -m mnist_rnn.bits.emulated` fetches them"
    return ""


def start_first_steps(cpu: str, *words: str | Path) -> subprocess.Popen:
    """Start `first_steps` with these names and options on this CPU."""
    return start_emulated(cpu, "-m", "mnist_rnn.bits.first_steps", *words, "--emulated", cpu)


def start_emulated(cpu: str, *words: str | Path) -> subprocess.Popen:
    """Start Python with these arguments on this CPU, in its own session, with this stderr."""
    variables = {}
    if cpu == "neoverse-n1":
        root = ARM64 / "root"
        library = f"LD_LIBRARY_PATH={root}/usr/lib/aarch64-linux-gnu"
        emulator = ["qemu-aarch64", "-cpu", cpu, "-L", str(root), "-E", library]
        python, site = root / "usr" / "bin" / "python3.13", ARM64 / "site"
        variables["PYTHONHOME"] = str(root / "usr")
    else:
        emulator = ["qemu-x86_64", "-cpu", cpu]
        python, site = Path(sys.executable).resolve(), SITE  # qemu can't start a link
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(site)])
    command = [*emulator, python, *words]
    # If OPENBLAS_CORETYPE is unset, NumPy's library chooses its code by the emulated CPU.
    own = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    pipe: Any = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, env=own | variables, **pipe)


def fetch_arm64() -> None:
    """Download Debian's Python for ARM64 and the locked wheels for it, and unpack them in ARM64.

    Debian's packages are not installed, since they would replace the system's Python.
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
    shutil.rmtree(ARM64, ignore_errors=True)
    part.rename(ARM64)


def main() -> None:
    """Download ARM64's packages, or compute first steps on the named CPU."""
    if len(sys.argv) == 1:
        return fetch_arm64()
    cpu, *names = sys.argv[1:]
    if missing(cpu):
        raise SystemExit(missing(cpu))
    process = start_first_steps(cpu, *names, "--record", OUTPUTS / "reproductions")
    for line in process.stdout or ():
        print(line, end="", flush=True)
    raise SystemExit(process.wait())


if __name__ == "__main__":
    main()
