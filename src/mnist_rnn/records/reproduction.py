"""The record of a reproduction, to be sent in. Nothing in it tells whose machine it was."""

import hashlib
import platform
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from mnist_rnn.config import TEST_SIZE, Strict
from mnist_rnn.files import write_text
from mnist_rnn.records.environment import Environment
from mnist_rnn.records.record import read_checked, refusal

WHOLE_RUN = "default run"
LARGEST = 10_000  # bytes
# No slash, angle bracket, vertical bar or line end: neither a path nor markup.
ALLOWED = "A-Za-z0-9 ()@.,:+_-"
Text = Annotated[str, StringConstraints(pattern=rf"^[{ALLOWED}]{{1,60}}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Processor(Strict):
    """A CPU without its flags; `fuses` says whether it must give the committed bits."""

    architecture: Text
    vendor: Text | None
    family: Text | None
    model: Text | None
    name: Text | None
    fuses: bool


class Versions(Strict):
    """Of Python, and of what decides the bits."""

    python: Text
    tensorflow: Text
    keras: Text
    numpy: Text


class Reproduction(Strict):
    """What was computed on a machine: the default run, or the first steps of some kinds of run.

    `digests` maps the name of what was computed to the SHA-256 of the weights. `test_errors` (of
    10,000 images) belongs to the default run only. `emulated`: `cpu` is what an emulator imitated.
    `seconds` is the time of the training, `date` the day it ended (UTC).
    """

    schema_version: Literal[1] = 1
    digests: dict[Text, Digest] = Field(min_length=1, max_length=20)
    test_errors: int | None = Field(ge=0, le=TEST_SIZE)
    code_sha256: Digest
    versions: Versions
    cpu: Processor
    emulated: bool
    system: Text
    seconds: float = Field(ge=0)
    date: date

    @model_validator(mode="after")
    def _agree(self) -> "Reproduction":
        if WHOLE_RUN in self.digests and len(self.digests) > 1:
            raise ValueError(f"digests must be of the {WHOLE_RUN} alone, or of first steps")
        if (self.test_errors is None) == (WHOLE_RUN in self.digests):
            raise ValueError(f"test_errors must be given for the {WHOLE_RUN}, and only for it")
        return self

    @property
    def file_name(self) -> str:
        """Of CPU, Python, day and the start of the content's SHA-256."""
        cpu, python = self.cpu, ".".join(self.versions.python.split(".")[:2])
        words = [cpu.architecture, cpu.name or cpu.vendor, cpu.family, cpu.model, f"python{python}"]
        start = re.sub(r"[^a-z0-9.]+", "-", " ".join(filter(None, words)).lower()).strip("-.")
        content = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"{start}-{self.date}-{content[:8]}.json"


def describe_reproduction(
    made_with: Environment,
    digests: dict[str, str],
    seconds: float,
    day: date,
    test_errors: int | None = None,
    emulated: str | None = None,
) -> Reproduction:
    """The record of a reproduction on this machine.

    `emulated` names the CPU that an emulator imitates; what the system tells is its host's.
    """
    cpu = made_with.cpu.model_dump(exclude={"flags"})
    if emulated:
        cpu |= {"vendor": None, "family": None, "model": None, "name": emulated}
    cleaned = {name: plain(value) for name, value in cpu.items()}
    versions = {name: plain(value) for name, value in made_with.versions.items()}
    return Reproduction(
        digests=digests,
        test_errors=test_errors,
        code_sha256=made_with.code_sha256,
        versions=Versions.model_validate(versions),
        cpu=Processor.model_validate(cleaned | {"fuses": bool(emulated) or made_with.cpu.fuses}),
        emulated=bool(emulated),
        system=describe_system(),
        seconds=round(seconds, 1),
        date=day,
    )


def plain(text: str | None) -> str | None:
    """As `Text` allows it; None if nothing is left."""
    return re.sub(rf"[^{ALLOWED}]", "", text or "")[:60] or None


def describe_system() -> str:
    """The system, its distribution and its C library, without the kernel and the host's name."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    names = platform.mac_ver()[0], release.get("ID"), release.get("VERSION_ID")
    words = (platform.system(), *names, *platform.libc_ver())
    return plain(" ".join(word for word in words if word)) or "unknown"


def write_reproduction(reproduction: Reproduction, folder: Path) -> Path:
    """Write the record under its name, whole or not at all; returns the path."""
    path = folder / reproduction.file_name
    write_text(path, reproduction.model_dump_json(indent=1) + "\n")
    return path


def read_reproduction(path: Path) -> Reproduction:
    """Read and check one record.

    Raises:
        RecordError: says in one sentence what is wrong with the file.
    """
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        raise refusal(path, f"is not a file of at most {LARGEST} bytes")
    reproduction = read_checked(path, Reproduction, "the record of a reproduction")
    if path.name != reproduction.file_name:
        raise refusal(path, f"holds {reproduction.file_name}")
    return reproduction
