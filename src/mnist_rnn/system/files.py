"""Write files atomically, and read untrusted files safely."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from mnist_rnn.system.errors import OutputError

LEFTOVER = ".writing-"  # the prefix of temporary folders


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces `path` if the `with` block succeeds.

    If the `with` block fails or the process crashes, the old file at `path` stays unchanged. The
    temporary file has the same suffix as `path`, because some libraries choose the file format by
    the suffix.

    Raises:
        OutputError: the file can't be written. The old file at `path` is unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        prefix = f"{LEFTOVER}{path.stem}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_regular(path: Path, largest: int) -> bytes:
    """Return the content of a regular file of at most `largest` bytes.

    Raises:
        OSError: the file can't be read, is too large, or isn't a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > largest:
            raise OSError(0, f"expected a regular file of at most {largest:,} bytes")
        return file.read()


def remove_leftovers(path: Path) -> None:
    """Remove the temporary folders of killed processes that were writing `path`.

    A folder that is younger than a minute may belong to a process that is still writing.
    """
    for folder in path.parent.glob(f"{LEFTOVER}{escape(path.stem)}-*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > 60:
                shutil.rmtree(folder)
