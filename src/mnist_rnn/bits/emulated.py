"""Run training on CPUs that Debian's qemu-user emulates.

Without arguments, `python -m mnist_rnn.bits.emulated` downloads the packages for an emulated ARM64
CPU. With the arguments `Haswell sgd`, it takes the first training steps of the configuration `sgd`
on an emulated Haswell CPU, and adds a row to outputs/reproductions.csv.

On Intel CPUs, qemu becomes twenty times faster if the function `cpuinfo_init` in its
util/cpuinfo-i386.c ignores the host's AVX.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mnist_rnn.system.errors import ExperimentError, one_sentence
from mnist_rnn.system.paths import ROOT

ARM64 = Path(f"{sys.prefix}-arm64")  # made by fetch_arm64
SITE = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
# Debian's ARM64 packages of Python 3.13, and of the libraries that Python or TensorFlow loads
DEBIAN_PACKAGES = """
    python3.13-minimal libpython3.13-stdlib libpython3.13-minimal libc6 libstdc++6 libgcc-s1
    libffi8 libssl3t64 zlib1g libbz2-1.0 liblzma5 libexpat1 libuuid1 libzstd1
"""


def find_python(cpu: str) -> list[str | Path]:
    """Return the command that starts Python on an emulated CPU."""
    arm64, root = cpu == "neoverse-n1", ARM64 / "root"
    emulator = "qemu-aarch64" if arm64 else "qemu-x86_64"
    if platform.machine() != "x86_64" or not shutil.which(emulator):
        expected = f"an x86-64 machine with {emulator}"
        raise ExperimentError(f"{cpu}: expected {expected}. `apt install qemu-user` installs it.")
    if arm64 and not ARM64.exists():
        command = "python -m mnist_rnn.bits.emulated"
        raise ExperimentError(f"{cpu}: expected ARM64 packages, which `{command}` downloads.")
    path = f"PYTHONPATH={ROOT / 'src'}{os.pathsep}{ARM64 / 'site' if arm64 else SITE}"
    # Without OPENBLAS_CORETYPE, OpenBLAS chooses its code for the emulated CPU.
    options = [emulator, "-cpu", cpu, "-U", "OPENBLAS_CORETYPE", "-E", path]
    if not arm64:  # qemu can't start a symbolic link
        return [*options, Path(sys.executable).resolve()]
    options += ["-E", f"PYTHONHOME={root}/usr", "-L", str(root)]
    options += ["-E", f"LD_LIBRARY_PATH={root}/usr/lib/aarch64-linux-gnu"]
    return [*options, root / "usr" / "bin" / "python3.13"]


def fetch_arm64() -> None:
    """Download Debian's packages and the locked wheels, and unpack them in the folder `ARM64`.

    Debian's packages are not installed, because an installation would replace the system's Python.
    """

    def run(*command: str | Path, cwd: Path = ROOT) -> None:
        subprocess.run(command, check=True, cwd=cwd)

    part = ARM64.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "debs").mkdir(parents=True)
    run("dpkg", "--add-architecture", "arm64")
    try:
        run("apt-get", "update", "--quiet=2")
        names = [f"{name}:arm64" for name in DEBIAN_PACKAGES.split()]
        run("apt-get", "download", "--quiet=2", *names, cwd=part / "debs")
    finally:
        run("dpkg", "--remove-architecture", "arm64")
    for package in (part / "debs").glob("*.deb"):
        run("dpkg", "-x", package, part / "root")
    (part / "root" / "lib").symlink_to("usr/lib")
    needed = r"^(?:tensorflow|keras|numpy|pydantic|tqdm|scipy)==\S+"
    pins = re.findall(needed, (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--only-binary=:all:"]
    uv += ["--quiet", "--python-version=3.13", "--python-platform=aarch64-manylinux_2_28"]
    run(*uv, "--target", part / "site", *pins)
    (part / ".made-by-mnist-rnn").touch()  # so that `make clean` removes the folder
    shutil.rmtree(ARM64, ignore_errors=True)
    part.rename(ARM64)


@one_sentence()
def main() -> None:
    """Download the ARM64 packages, or take the first training steps on an emulated CPU."""
    if len(sys.argv) == 1:
        return fetch_arm64()
    cpu, *names = sys.argv[1:]
    command = [*find_python(cpu), "-m", "mnist_rnn.bits.first_steps", *names]
    raise SystemExit(subprocess.run([*command, "--record", "--emulated", cpu]).returncode)


if __name__ == "__main__":
    main()
