import math

import pytest
from pydantic import ValidationError

from mnist_rnn.config import PARAMETERS, Configuration, Reading, read_parameters
from mnist_rnn.errors import ParameterError
from mnist_rnn.published import differences, find_claim, load_claims, load_curve, read_claims

DEFAULTS = Configuration().model_dump()

WRONG = [
    ("cell", "SimpleRNN", "'simple_rnn', 'gru' or 'lstm'", "simple_rnn"),
    ("cell", None, "'simple_rnn', 'gru' or 'lstm'", None),
    ("optimizer", "adm", "'sgd', 'rmsprop' or 'adam'", "adam"),
    ("units", 1.5, "a whole number from 1 to 4096", None),
    ("units", "true", "a whole number from 1 to 4096", None),
    ("units", True, "a whole number from 1 to 4096", None),
    ("units", 0, "a whole number from 1 to 4096", None),
    ("learning_rate", 0.0, "a finite number above 0", None),
    ("learning_rate", math.inf, "a finite number above 0", None),
    ("learning_rate", True, "a finite number above 0", None),
    ("dropout", math.nan, "a number from 0 to below 1", None),
    ("dropout", 1.0, "a number from 0 to below 1", None),
    ("batch_size", "128", "a whole number from 1 to 60000", None),
    ("epochs", -1, "a whole number from 1 to 1000", None),
    ("train_size", 60_001, "a whole number from 1 to 60000", None),
    ("seed", 2**32, "a whole number from 0 to 4294967295", None),
    ("claim", 2019, "a claim", None),
]


@pytest.mark.parametrize(("name", "value", "expected", "suggestion"), WRONG)
def test_a_wrong_value_is_refused_by_name(name, value, expected, suggestion):
    with pytest.raises(ParameterError) as refusal:
        read_parameters(DEFAULTS | {name: value})
    message = str(refusal.value)
    assert message.startswith(f"{name}: expected {expected}")
    assert f"got {value!r} ({type(value).__name__})" in message
    assert ("Did you mean" in message) == (suggestion is not None)
    assert suggestion is None or repr(suggestion) in message


def test_every_wrong_parameter_is_named_at_once():
    with pytest.raises(ParameterError) as refusal:
        read_parameters(DEFAULTS | {"units": 0, "epochs": 0})
    assert [line.split(":")[0] for line in str(refusal.value).splitlines()] == ["units", "epochs"]


def test_an_unknown_name_is_found_in_papermills_cell():
    cells = ["", "units: int = 256", "# Parameters\nepoch = 5\nunits = 64\n"]
    with pytest.raises(
        ParameterError, match=r"^epoch: .* got 5 \(int\)\. Did you mean 'epochs'\?$"
    ):
        read_parameters(DEFAULTS | {"In": cells, "epoch": 5})


def test_other_variables_are_no_parameters():
    cells = ["", "# Parameters\nunits = 64\n", "epoch = 5"]
    config = read_parameters(DEFAULTS | {"In": cells, "units": 64, "epoch": 5})
    assert config == Configuration(units=64)


def test_whole_numbers_stand_for_numbers():
    config = Configuration(dropout=0, learning_rate=1)
    assert config == Configuration(dropout=0.0, learning_rate=1.0)
    assert config.name == Configuration(dropout=0.0, learning_rate=1.0).name


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("example", 10_000, "a whole number from 0 to 9999"),
        ("test_size", 99, "a whole number from 100 to 10000"),
        ("seed", 0.5, "a whole number from 0 to 4294967295"),
    ],
)
def test_the_reading_refuses_wrong_parameters_too(name, value, expected):
    with pytest.raises(ParameterError, match=rf"^{name}: expected {expected}, got {value} "):
        read_parameters(Reading().model_dump() | {name: value}, Reading)
    cells = ["# Parameters\nexampel = 5\n"]
    with pytest.raises(ParameterError, match=r"^exampel: .* Did you mean 'example'\?$"):
        read_parameters(Reading().model_dump() | {"In": cells, "exampel": 5}, Reading)


def test_a_configuration_is_frozen():
    with pytest.raises(ValidationError):
        Configuration().units = 1


def test_all_but_claim_and_seed_tell_configurations_apart():
    other = {
        "cell": "gru",
        "units": 1,
        "optimizer": "adam",
        "learning_rate": 0.1,
        "dropout": 0.5,
        "batch_size": 1,
        "epochs": 1,
        "train_size": 1,
    }
    assert set(other) == set(PARAMETERS) - {"claim", "seed"}
    names = {Configuration(**{name: value}).name for name, value in other.items()}
    assert len(names | {Configuration().name}) == len(other) + 1
    assert Configuration(claim="notebook-2020", seed=1).name == Configuration().name


def test_every_claim_is_a_configuration():
    claims = read_claims()
    assert len(claims) >= 13
    for claim in claims:
        config = Configuration(**claim.model_dump(include=set(PARAMETERS) - {"seed"}))
        assert config.name == claim.name
        assert not differences(config, claim)


def test_the_default_is_the_original():
    assert not differences(Configuration(), find_claim("notebook-2019"))
    different = differences(Configuration(units=64, train_size=100), find_claim("notebook-2019"))
    assert different == {"units": 64, "train_size": 100}


def test_an_unknown_claim_is_refused():
    with pytest.raises(ParameterError, match=r"^claim: .* got 'notebook'"):
        find_claim("notebook")


def test_published_curves_have_20_epochs():
    claims = load_claims()
    for name, has_curve in claims["has_curve"].items():
        curve = load_curve(name)
        assert list(curve.index) == (list(range(1, 21)) if has_curve == "yes" else [])
    assert load_curve("notebook-2019").loc[1].to_dict() == {
        "train_loss": 0.6501,
        "train_accuracy": 0.8246,
    }


def test_what_the_cell_lacks_has_its_default_and_what_papermill_did_not_write_is_ignored():
    by_hand = "# Parameters\nfirst, second = 1, 2\n"
    assert read_parameters({"units": 64, "In": [by_hand]}) == Configuration(units=64)
