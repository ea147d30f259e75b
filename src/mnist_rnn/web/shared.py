"""Define functions that the makers of `draw.html` and `learn.html` share."""

import base64
import zlib
from collections.abc import Iterable
from pathlib import Path

SCRIPTS = [Path(__file__).with_name(name) for name in ("network.js", "drawing.js")]


def read_sources(paths: Iterable[Path]) -> str:
    """Return the concatenated text of these files."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def compress(content: bytes) -> str:
    """Compress bytes with zlib, and return them as base64 text."""
    return base64.b64encode(zlib.compress(content, 9)).decode()
