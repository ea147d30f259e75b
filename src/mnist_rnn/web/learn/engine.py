"""Compile `engine.c` with a pinned compiler to two WebAssembly files.

`python -m mnist_rnn.web.learn.engine` rewrites the files `fused.wasm` and `exact.wasm`. To install
the compiler, first run `.venv/bin/python -m pip install --group engine`.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from mnist_rnn.system.files import replacing

HERE = Path(__file__).parent
OPTIONS = {"fused": ("-DFUSED", "-mrelaxed-simd"), "exact": ()}
DATA = "images labels order message question answer"


def build_engine(kind: str, output: Path) -> None:
    """Compile one of the two engines, `fused` or `exact`, to the same bytes on every system."""
    command = [sys.executable, "-m", "ziglang", "cc", "engine.c"]
    command += ["-target", "wasm32-freestanding", "-mcpu=generic+simd128+bulk_memory", "-O3"]
    command += ["-Wall", "-Wextra", "-Werror", "-nostdlib", "-ffp-contract=off"]
    command += ["-Wl,--no-entry,--strip-all", *(f"-Wl,--export={name}" for name in DATA.split())]
    with replacing(output) as temporary:
        subprocess.run([*command, *OPTIONS[kind], "-o", temporary], cwd=HERE, check=True)


if __name__ == "__main__":
    if find_spec("ziglang") is None:
        raise SystemExit("ziglang: expected the compiler of the group `engine`, got none.")
    for kind in OPTIONS:
        build_engine(kind, HERE / f"{kind}.wasm")
