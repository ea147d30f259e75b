"""The file that `learn.html` saves: what a browser has computed. Nothing in it tells whose."""

import hashlib
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from mnist_rnn.config import Configuration, Digest, Strict, Text
from mnist_rnn.records.run import find_impossible

# The run that the page repeats.
PAGE_CONFIG = Configuration(learning_rate=0.05, batch_size=64, train_size=1280)
PAGE_STEPS = PAGE_CONFIG.epochs * PAGE_CONFIG.train_size // PAGE_CONFIG.batch_size


def _require_past(day: date) -> date:
    if not date(2024, 1, 1) <= day <= datetime.now(UTC).date():
        raise ValueError(f"expected a day that has been, from 2024 on, got {day}")
    return day


Day = Annotated[date, AfterValidator(_require_past)]


class BrowserResult(Strict):
    """The whole run of PAGE_CONFIG, computed in a browser.

    `weights_sha256` is the digest of the weights after the last step, as `weights_sha256` makes it.
    The page compares weights with TensorFlow's at first and after each epoch. They are the same
    unless they differed for the first time after step `first_difference`. `browser` has its kind
    and main version, and is `engine` in the file; `processor` is `x86`, `ARM` or `unknown`.
    `arithmetic`, in the file `path`: `fused`, by the instruction that multiplies and adds in one
    rounding, or `exact`, from float64. `seconds` is the time of the training, `date` the day it
    ended (UTC).
    """

    model_config = ConfigDict(serialize_by_alias=True)

    schema_version: Literal[2]
    weights_sha256: Digest
    first_difference: int | None = Field(ge=0, le=PAGE_STEPS)
    browser: Text = Field(alias="engine")
    system: Text
    processor: Text
    arithmetic: Literal["fused", "exact"] = Field(alias="path")
    seconds: float
    date: Day

    @field_validator("seconds")
    @classmethod
    def _possible(cls, seconds: float) -> float:
        if problem := find_impossible(seconds, PAGE_CONFIG):
            raise ValueError(problem)
        return seconds

    @property
    def evidence(self) -> dict[str, str]:
        """Return a key for the run: what a further record would only repeat."""
        made_with = self.browser, self.system, self.processor, self.arithmetic
        return {"run": str(made_with)}

    @property
    def file_name(self) -> str:
        """Of the day and the start of the content's SHA-256."""
        content = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"learned-{self.date}-{content[:8]}.json"
