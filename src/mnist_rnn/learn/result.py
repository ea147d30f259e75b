"""The file that `learn.html` saves: what a browser has computed. Nothing in it tells whose."""

from datetime import date
from typing import Literal

from pydantic import Field

from mnist_rnn.config import Strict
from mnist_rnn.records.reproduction import Digest, Text


class BrowserResult(Strict):
    """The whole run of `learn.steps`, computed in a browser.

    `weights_sha256` is the digest of the weights after the last step, as `weights_sha256` makes it.
    `same`: they are TensorFlow's; otherwise the bits differed for the first time after step
    `first_difference`, 0 being before the first. `engine` has the browser's kind and main version,
    `processor` is `x86`, `ARM` or `unknown`. `path`: `fused`, by the instruction that multiplies
    and adds in one rounding, or `exact`, from float64. `seconds` is the time of the training,
    `date` the day it ended (UTC).
    """

    schema_version: Literal[1]
    weights_sha256: Digest
    steps: int = Field(ge=1)
    same: bool
    first_difference: int | None = Field(ge=0)
    engine: Text
    system: Text
    processor: Text
    path: Literal["fused", "exact"]
    seconds: float = Field(ge=0)
    date: date
