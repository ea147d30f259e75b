"""The same Python and packages on other CPUs, by Debian's user-mode emulation (qemu-user).

`python -m mnist_rnn.bits.emulated` fetches ARM64's packages; with `Haswell sgd` it computes the
first steps of `sgd` on this CPU and leaves a record for the ledger in outputs/reproductions.

On Intel CPUs, which pay for each change between AVX and SSE code, qemu makes two for each
multiply-add of the guest. A qemu that takes its host for one without AVX (`cpuinfo_init` in its
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

ARM64 = Path(f"{sys.prefix}-arm64")  # what fetch_arm64 makes
SITE = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
# Python 3.13 and the libraries that it and TensorFlow load, as Debian has them for ARM64.
DEBIAN_PACKAGES = """
    python3.13-minimal libpython3.13-stdlib libpython3.13-minimal libc6 libstdc++6 libgcc-s1
    libffi8 libssl3t64 zlib1g libbz2-1.0 liblzma5 libexpat1 libuuid1 libzstd1
"""


def missing(cpu: str) -> str:
    """What the machine lacks to emulate this CPU, in words, or nothing."""
    if platform.machine() != "x86_64":
        return "other CPUs are emulated on x86-64 only"
    program = "qemu-aarch64" if cpu == "neoverse-n1" else "qemu-x86_64"
    if shutil.which(program) is None:
        return f"no {program}: to try other CPUs, `apt-get install qemu-user`"
    if cpu == "neoverse-n1" and not ARM64.exists():
        return "no ARM64 packages: `python -m mnist_rnn.bits.emulated` fetches them"
    return ""


def start_first_steps(cpu: str, *words: str | Path) -> subprocess.Popen:
    """`first_steps` with these names and options on this CPU; a line of output for each name."""
    return start_emulated(cpu, "-m", "mnist_rnn.bits.first_steps", *words, "--emulated", cpu)


def start_emulated(cpu: str, *words: str | Path) -> subprocess.Popen:
    """Python with these arguments on this CPU, in a session of its own; stderr is this one's."""
    variables = {}
    if cpu == "neoverse-n1":
        root = ARM64 / "root"
        library = f"LD_LIBRARY_PATH={root}/usr/lib/aarch64-linux-gnu"
        emulator = ["qemu-aarch64", "-cpu", cpu, "-L", str(root), "-E", library]
        python, site = root / "usr" / "bin" / "python3.13", ARM64 / "site"
        variables["PYTHONHOME"] = str(root / "usr")
    else:
        emulator = ["qemu-x86_64", "-cpu", cpu]
        python, site = Path(sys.executable).resolve(), SITE  # qemu starts programs, not links
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(site)])
    command = [*emulator, python, *words]
    # NumPy's library is to choose by the emulated CPU, whatever is set for this one.
    own = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    pipe: Any = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, env=own | variables, **pipe)


def fetch_arm64() -> None:
    """Unpack Debian's ARM64 Python, and the wheels of the lock for it, into ARM64; no installing.

    Debian's packages are only unpacked: installed, they would replace the system's Python.
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
    """Fetch ARM64's packages, or compute first steps on the CPU that was named."""
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
