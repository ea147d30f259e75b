"""Write files whole or not at all, and read other people's files safely."""

import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_rnn.errors import OutputError

log = logging.getLogger(__name__)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends without an error.

    Until then, and after a crash, `path` is the complete old file. The temporary path has the same
    suffix, since some writers choose the format by it.

    Raises:
        OutputError: the folder can't be written, or the disk is full; `path` is unchanged.
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
    """Write a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_regular(path: Path, largest: int) -> bytes:
    """Return the content of a regular file of at most `largest` bytes.

    Raises:
        OSError: the file is a link, a device or a pipe, is too large, or can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > largest:
            raise OSError(0, f"expected a file of at most {largest:,} bytes")
        return file.read()


def set_aside(path: Path) -> None:
    """Rename a damaged file to `<name>.damaged`, and warn of it."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
        log.warning("%s is damaged and was renamed to %s", path, aside.name)
    except FileNotFoundError:  # another process has renamed it
        pass
    except OSError as error:
        log.warning("%s is damaged and can't be renamed: %s", path, error)
