"""Define code that `draw.html` and `learn.html` share."""

import base64
import zlib
from collections.abc import Iterable
from pathlib import Path

SCRIPTS = [Path(__file__).with_name(name) for name in ("network.js", "drawing.js")]


def read_sources(paths: Iterable[Path]) -> str:
    """Return the text of these files, one after the other."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def compress(content: bytes) -> str:
    """Return the content, compressed by zlib, in base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode()
