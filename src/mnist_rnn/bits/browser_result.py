"""Define the record that `learn.html` saves.

Nothing in the record identifies a person.
"""

import hashlib
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator

from mnist_rnn.config import Configuration, Digest, Strict, Text
from mnist_rnn.records.run import find_impossible

# The configuration that `learn.html` trains in a browser
PAGE_CONFIG = Configuration(learning_rate=0.05, batch_size=64, train_size=1280)
PAGE_STEPS = PAGE_CONFIG.epochs * PAGE_CONFIG.train_size // PAGE_CONFIG.batch_size


def _require_past(day: date) -> date:
    if not date(2024, 1, 1) <= day <= datetime.now(UTC).date():
        raise ValueError(f"expected a past day, from 2024 on, got {day}")
    return day


Day = Annotated[date, AfterValidator(_require_past)]


class BrowserResult(Strict):
    """The record of a run in a browser, with the configuration `PAGE_CONFIG`.

    `weights_sha256` is the digest of the final weights. `learn.html` compares the initial weights,
    and the weights after each epoch, with TensorFlow's weights. `first_difference` is the number of
    steps before the first difference, or None if all compared weights are bit-identical.
    `browser` has the browser's kind and main version. `processor` is `x86`, `ARM` or `unknown`.
    `arithmetic` is `fused` if one instruction multiplies and adds with one rounding. If float64 is
    used, `arithmetic` is `exact`. In the file, the key of `browser` is `engine`, and the key of
    `arithmetic` is `path`. `seconds` is the training time. `date` is the UTC day on which the
    training ended.
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
        """Return `{"run": text}`; the text names the browser, system, processor and arithmetic.

        A second record with the same text is rejected.
        """
        made_with = self.browser, self.system, self.processor, self.arithmetic
        return {"run": str(made_with)}

    @property
    def file_name(self) -> str:
        """Return the file name, which has the date and eight digits of the content's SHA-256."""
        content = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"learned-{self.date}-{content[:8]}.json"
