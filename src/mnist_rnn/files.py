"""Files that appear whole or not at all."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_rnn.errors import OutputError

log = logging.getLogger(__name__)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    The name keeps the suffix, by which some writers choose the format. Whoever reads `path`
    meanwhile, or after a crash, sees the complete old file.

    Raises:
        OutputError: the folder can't be written, or the disk is full; `path` is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from error


def write_text(path: Path, text: str) -> None:
    """Write a file of text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def set_aside(path: Path) -> None:
    """Rename a damaged file out of the way, as `<name>.damaged`, and say so."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
        log.warning("%s is damaged and was set aside as %s", path, aside.name)
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as error:
        log.warning("%s is damaged and can't be set aside: %s", path, error)
