"""The parameters of a run: one frozen configuration, refused when wrong."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TRAIN_SIZE, TEST_SIZE = 60_000, 10_000  # images of MNIST
TIMESTEPS, FEATURES, NUM_CLASSES = 28, 28, 10


class Strict(BaseModel):
    """Nothing is converted, changed or ignored: no unknown name, no nan."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def whole(default: Any, least: int, most: int) -> Any:
    """A field for a whole number in a range, in the words of an error message."""
    return Field(default, ge=least, le=most, description=f"a whole number from {least} to {most}")


class Configuration(Strict):
    """All that decides what a run computes. The defaults are the original notebook's.

    `rmsprop` has the formula of Keras 2.

    Raises:
        pydantic.ValidationError: from the constructor; `read_parameters` words it for people.
    """

    layer: Literal["simple_rnn", "gru", "lstm"] = "simple_rnn"
    units: int = whole(256, 1, 4096)
    optimizer: Literal["sgd", "rmsprop", "adam"] = "sgd"
    learning_rate: float | None = Field(
        None, gt=0, description="a finite number above 0, or None for Keras's default"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    batch_size: int = whole(128, 1, TRAIN_SIZE)
    epochs: int = whole(20, 1, 1000)
    train_size: int = whole(TRAIN_SIZE, 1, TRAIN_SIZE)
    seed: int = whole(0, 0, 2**32 - 1)

    @property
    def name(self) -> str:
        """The folder of this configuration's runs: everything but the seed."""
        name = (
            f"{self.layer}-{self.units}-{self.optimizer}-dropout_{abs(self.dropout)}"
            f"-batch_{self.batch_size}-epochs_{self.epochs}"
        )
        rare = {"learning_rate", "train_size"}
        changed = self.model_dump(include=rare, exclude_defaults=True)
        return name + "".join(f"-{field}_{value}" for field, value in changed.items())

    @property
    def label(self) -> str:
        """A short name for tables, as in `simple_rnn 256, adam, dropout 0.2`."""
        always = {"layer", "units", "optimizer", "seed"}
        changed = self.model_dump(exclude=always, exclude_defaults=True)
        parts = [f"{self.layer} {self.units}", self.optimizer]
        return ", ".join([*parts, *(f"{field} {value}" for field, value in changed.items())])


class Interpretation(Strict):
    """The parameters of 04_reading.ipynb, which trains nothing."""

    test_size: int = whole(2000, 100, TEST_SIZE)
    example: int = whole(0, 0, TEST_SIZE - 1)
    seed: int = whole(0, 0, 2**32 - 1)
