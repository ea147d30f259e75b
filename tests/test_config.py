"""Test the defaults, limits and names of parameters, and the errors about wrong parameters."""

import math
from contextlib import suppress
from typing import get_args

import pytest
from pydantic import ValidationError

from mnist_rnn.analysis.claims import CONFIGURATION, read_claims, read_curves
from mnist_rnn.config import Configuration, OneBit
from mnist_rnn.parameters import read_parameters
from mnist_rnn.system.errors import ParameterError

pytestmark = pytest.mark.quick

DEFAULTS = Configuration().model_dump()

WRONG = [
    ("layer", "SimpleRNN", "'simple_rnn', ", "simple_rnn"),
    ("optimizer", "adm", "'sgd', ", "adam"),
    ("units", True, "a whole number from 1 to 4096", None),
    ("units", 0, "a whole number from 1 to 4096", None),
    ("learning_rate", 0.0, "a finite number above 0", None),
    ("learning_rate", math.inf, "a finite number above 0", None),
    ("dropout", math.nan, "a number from 0 to below 1", None),
    ("dropout", 1.0, "a number from 0 to below 1", None),
    ("batch_size", "128", "a whole number from 1 to 60000", None),
    ("epochs", -1, "a whole number from 1 to 1000", None),
    ("train_size", 60_001, "a whole number from 1 to 60000", None),
    ("seed", 2**32, "a whole number from 0 to 4294967295", None),
]


@pytest.mark.parametrize(("name", "value", "expected", "suggestion"), WRONG)
def test_the_error_names_a_parameter_that_has_a_wrong_value(name, value, expected, suggestion):
    with pytest.raises(ParameterError) as rejection:
        read_parameters(DEFAULTS | {name: value})
    message = str(rejection.value)
    assert message.startswith(f"{name}: expected {expected}")
    assert f"got {value!r} ({type(value).__name__})" in message
    assert ("Did you mean" in message) == (suggestion is not None)
    assert suggestion is None or repr(suggestion) in message


@pytest.mark.parametrize("change", ["", "w[0] bit 0", "W[0] bit 32", "W[0, 0] bit 0 "])
def test_a_changed_bit_has_a_name(change):
    with pytest.raises(ParameterError, match=r"^change: expected a bit of an array .*, got "):
        read_parameters({"change": change}, OneBit)


MEANT = {
    "epoch": "epochs",
    "n_units": "units",
    "dropout_rate": "dropout",
    "batchsize": "batch_size",
}
MEANT |= dict.fromkeys(("dataset", "activation", "input_size"))


@pytest.mark.parametrize(("name", "meant"), MEANT.items())
def test_an_unknown_parameter_gets_the_right_suggestion_or_no_suggestion(name, meant):
    with pytest.raises(ParameterError) as rejection:
        read_parameters({"In": [f"# Parameters\n{name} = 1\n"], name: 1})
    said = str(rejection.value)
    assert said.endswith(f"Did you mean {meant!r}?" if meant else "got 1 (int).")


PAPERMILL_CELL = "# Parameters\nepoch = 5\nunits = 64\n"


@pytest.mark.parametrize(
    "cell", [PAPERMILL_CELL, "epoch: int = 5\nunits: int = 64\n", "epoch=5\nunits: int = 64\n"]
)
def test_an_unknown_parameter_is_rejected(cell):
    """Give a wrong name in papermill's cell or in the notebook's parameters cell."""
    said = r"^epoch: .* got 5 \(int\)\. Did you mean 'epochs'\?$"
    with pytest.raises(ParameterError, match=said):
        read_parameters({"In": ["", cell], "units": 64, "epoch": 5})


@pytest.mark.parametrize(
    "cells",
    [
        ["# Parameters\nunits = 64\n", "epoch = 5"],
        # The second cell is not valid Python code.
        ["# Parameters\nfirst, second = 1, 2\n", "units: 64 after 3"],
        [PAPERMILL_CELL, "# Parameters\nunits = 64\n"],  # a corrected cell
        ["epoch: int = 5\nunits: int = 64\n", "units: int = 64\n", "units = 64\nepoch = 5"],
    ],
)
def test_variables_outside_the_parameters_cell_are_not_parameters(cells):
    config = read_parameters({"In": cells, "units": 64, "epoch": 5})
    assert config == Configuration(units=64)


def test_equal_numbers_give_equal_configurations():
    assert Configuration(learning_rate=0.01) == Configuration()
    assert Configuration(optimizer="adam").learning_rate == 0.001
    assert Configuration(optimizer="adam", learning_rate=0.01).name.endswith("learning_rate_0.01")
    config = Configuration(dropout=0, learning_rate=1)
    assert config == Configuration(dropout=0.0, learning_rate=1.0)
    assert config.name == Configuration(dropout=-0.0, learning_rate=1.0).name


def another_value(name):
    """Return a valid value that differs from the default of the parameter `name`."""
    field = Configuration.model_fields[name]
    for value in (*get_args(field.annotation), 0.1, 1):
        with suppress(ValidationError):
            if Configuration(**{name: value}) != Configuration():
                return value
    raise AssertionError(f"expected a second value of the parameter {name}, got none")


def test_every_parameter_except_the_seed_changes_the_configuration_name():
    other = {name: another_value(name) for name in CONFIGURATION}
    names = {Configuration(**{name: value}).name for name, value in other.items()}
    assert len(names | {Configuration().name}) == len(other) + 1
    assert Configuration(seed=1).name == Configuration().name


def test_the_original_notebooks_use_the_default_configuration():
    claims, default = read_claims(), Configuration(seed=7).name
    curves = read_curves(claims)
    own = {claim.claim for claim in claims if claim.configuration_name == default}
    assert {"notebook-2019", "notebook-2020"} <= own & curves.keys()
    assert curves["notebook-2019"].loc[1].to_dict() == {"loss": 0.6501, "accuracy": 0.8246}
