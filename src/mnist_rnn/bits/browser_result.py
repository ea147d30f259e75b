"""Define the record that `learn.html` saves, without anything that identifies people."""

import hashlib
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from mnist_rnn.config import Configuration, Digest, Strict, Text
from mnist_rnn.records.run import find_impossible

# The run that the page repeats
PAGE_CONFIG = Configuration(learning_rate=0.05, batch_size=64, train_size=1280)
PAGE_STEPS = PAGE_CONFIG.epochs * PAGE_CONFIG.train_size // PAGE_CONFIG.batch_size


def _require_past(day: date) -> date:
    if not date(2024, 1, 1) <= day <= datetime.now(UTC).date():
        raise ValueError(f"expected a past day, from 2024 on, got {day}")
    return day


Day = Annotated[date, AfterValidator(_require_past)]


class BrowserResult(Strict):
    """A run of PAGE_CONFIG that a browser has computed.

    `weights_sha256` is the digest of the final weights. The page compares the initial weights with
    TensorFlow's, and the weights after each epoch. `first_difference` is the first step after which
    the compared weights differ (0: the initial weights), or None. `browser` (`engine` in the file)
    has the kind and the main version. `processor` is `x86`, `ARM` or `unknown`. `arithmetic`
    (`path` in the file) is `fused` if one instruction multiplied and added with one rounding, or
    `exact` if float64 was used. `seconds` is the time of the training, and `date` the day on which
    it ended (UTC).
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
        """Return a key for the run; a record with a known key adds no evidence."""
        made_with = self.browser, self.system, self.processor, self.arithmetic
        return {"run": str(made_with)}

    @property
    def file_name(self) -> str:
        """Return the file name, from the day and the start of the content's SHA-256."""
        content = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"learned-{self.date}-{content[:8]}.json"
