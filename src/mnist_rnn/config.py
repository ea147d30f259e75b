"""Define the parameters of the notebooks, and the programs that compute runs."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

TRAIN_SIZE, TEST_SIZE = 60_000, 10_000  # images of MNIST
TIMESTEPS, FEATURES, NUM_CLASSES = 28, 28, 10


class Layer(NamedTuple):
    """A layer: its class's name in `experiment.layers`, and its numbers of gates and biases."""

    class_name: str
    gates: int = 1
    biases: int = 1


LAYERS = {
    "simple_rnn": Layer("SimpleRNN"),
    "gru": Layer("GRU", gates=3, biases=2),
    "lstm": Layer("LSTM", gates=4),
}
# The code that computed a run: our code, or an original that originals/README.md describes.
Code = Literal["ours", "keras", "keras_rmsprop", "seeded", "seeded_xla", "keras_2019", "pytorch"]
# Keras's defaults
LEARNING_RATES = {"sgd": 0.01, "rmsprop": 0.001, "adam": 0.001}


# Without slashes, angle brackets, vertical bars and line ends, the text in another person's record
# can't be a path or markup.
ALLOWED = "A-Za-z0-9 ()@.,:+_-"
Text = Annotated[str, StringConstraints(pattern=rf"^[{ALLOWED}]{{1,60}}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Strict(BaseModel):
    """A frozen pydantic model that rejects wrong types, unknown fields, infinity and nan."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def whole(default: Any, least: int, most: int) -> Any:
    """Return a pydantic field for a whole number from `least` to `most`."""
    return Field(default, ge=least, le=most, description=f"a whole number from {least} to {most}")


class Configuration(Strict):
    """The parameters of a run, with the values of the original notebook as defaults.

    `rmsprop` is RMSprop with the formula of Keras 2.
    """

    layer: Literal[*LAYERS] = "simple_rnn"  # type: ignore[valid-type]
    units: int = whole(256, 1, 4096)
    optimizer: Literal[*LEARNING_RATES] = "sgd"  # type: ignore[valid-type]
    learning_rate: float | None = Field(
        None,
        gt=0,
        validate_default=True,
        description="a finite number above 0, or None for Keras's default",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="a number from 0 to below 1")
    batch_size: int = whole(128, 1, TRAIN_SIZE)
    epochs: int = whole(20, 1, 1000)
    train_size: int = whole(TRAIN_SIZE, 1, TRAIN_SIZE)
    seed: int = whole(0, 0, 2**32 - 1)

    @field_validator("learning_rate")
    @classmethod
    def _use_default(cls, given: float | None, info: ValidationInfo) -> float | None:
        return LEARNING_RATES.get(info.data.get("optimizer", "")) if given is None else given

    @property
    def name(self) -> str:
        """Return the configuration's name, such as `simple_rnn-256-adam-dropout_0.2`.

        The name consists of the layer, the units, the optimizer, and each other parameter that
        differs from its default. The seed is never part of the name.
        """
        base = Configuration(layer=self.layer, units=self.units, optimizer=self.optimizer)
        changes = (f"{field}_{value}" for field, value in self.find_changes(base).items())
        return "-".join([self.layer, str(self.units), self.optimizer, *changes])

    def find_changes(self, base: "Configuration") -> dict[str, Any]:
        """Return the parameters that differ from `base`, except the seed.

        The learning rate is left out if it is the optimizer's default.
        """
        usual = base.model_dump() | {"seed": self.seed}
        if self.learning_rate == LEARNING_RATES[self.optimizer]:
            usual["learning_rate"] = self.learning_rate
        return {name: value for name, value in self.model_dump().items() if value != usual[name]}


PAGE_CONFIG = Configuration(learning_rate=0.05, batch_size=64, train_size=1280)  # learn.html


class ByHand(Strict):
    """The parameters of 05_by_hand.ipynb, which computes training steps in NumPy."""

    steps: int = whole(4, 1, 10**9)
    epochs: int = whole(0, 0, 1000)
    train_size: int = whole(224, 1, TRAIN_SIZE)
    batch_size: int = whole(128, 1, TRAIN_SIZE)
    units: int = whole(256, 1, 4096)
    seed: int = whole(0, 0, 2**32 - 1)


BIT = r"([WUbVc])\[([0-9]+(?:, [0-9]+)?)\] bit ([0-9]|[12][0-9]|3[01])"  # an array, index and bit


class OneBit(Configuration):
    """The parameters of 06_one_bit.ipynb, which compares runs that differ in one bit."""

    epochs: int = whole(0, 0, 1000)
    change: str = Field(
        "W[14, 0] bit 0", pattern=f"^{BIT}$", description="a bit of an array W, U, b, V or c"
    )


class Interpretation(Strict):
    """The parameters of 04_reading.ipynb, which analyses a trained network."""

    model: str = Field("", description="the path of a .keras file, or an empty string")
    test_size: int = whole(2000, 100, TEST_SIZE)
    example: int = whole(0, 0, TEST_SIZE - 1)


class Program(NamedTuple):
    """A program that computes runs.

    `script` is the program's file in originals/, or "" for our code. The program accepts `epochs`,
    `train_size` and the parameters in `takes`. All other parameters have the values of `base`. If
    `here` is false, the program needs its own Python environment.
    """

    script: str
    takes: tuple[str, ...] = ()
    base: Configuration = Configuration()
    here: bool = True


RMSPROP = Configuration(optimizer="rmsprop", dropout=0.2)
ADAM = Configuration(optimizer="adam", batch_size=64, epochs=10)
PROGRAMS: dict[Code, Program] = {
    "ours": Program("", tuple(Configuration.model_fields)),
    "keras": Program("keras_notebook.py"),
    "keras_rmsprop": Program("keras_rmsprop.py", base=RMSPROP),
    "seeded": Program("seeded_notebook.py", ("seed",)),
    "seeded_xla": Program("seeded_xla.py", ("seed",)),
    "keras_2019": Program("keras_2019.py", ("optimizer", "dropout"), here=False),
    "pytorch": Program("pytorch_notebook.py", base=ADAM, here=False),
}


def name_configuration(config: Configuration, code: Code = "ours") -> str:
    """Return the name of a configuration and its code, as used in folders and tables.

    For our code, the name is `Configuration.name`. For another program, the name is the program's
    name, followed by each parameter that differs from its `base`: `keras_2019-dropout_0.2`.
    """
    if code == "ours":
        return config.name
    changes = config.find_changes(PROGRAMS[code].base)
    return "-".join([code, *(f"{field}_{value}" for field, value in changes.items())])


def count_parameters(config: Configuration, code: Code = "ours") -> int:
    """Return the number of parameters of the network; PyTorch's RNN has two bias vectors."""
    _, gates, biases = LAYERS[config.layer]
    inputs = FEATURES + config.units + (2 if code == "pytorch" else biases)
    return gates * config.units * inputs + (config.units + 1) * NUM_CLASSES


def count_products(config: Configuration) -> int:
    """Return the number of multiplications in all forward passes of the recurrent layer."""
    weights = LAYERS[config.layer].gates * config.units * (FEATURES + config.units)
    return weights * TIMESTEPS * config.train_size * config.epochs
