"""Test that any input is either accepted unchanged or rejected with a message."""

import contextlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from helpers.values import change_one, json_values, many, nest, scalars
from hypothesis import given
from hypothesis import strategies as st

from mnist_rnn import data
from mnist_rnn.config import Configuration
from mnist_rnn.errors import DataError, ParameterError, RecordError
from mnist_rnn.parameters import read_parameters
from mnist_rnn.records.checkpoint import Checkpoint, State
from mnist_rnn.records.run import History, read_run, run_path

PARAMETERS = list(Configuration.model_fields)
near = st.integers(-2, 60_002) | st.floats(-1, 2) | st.sampled_from(["sgd", "gru", "adam", "lstm"])


@many
@given(st.dictionaries(st.sampled_from(PARAMETERS), nest(scalars) | near))
def test_any_value_of_a_parameter_is_accepted_unchanged_or_rejected(parameters):
    namespace = Configuration().model_dump() | parameters
    try:
        config = read_parameters(namespace)
    except ParameterError as error:
        named = {line.split(":")[0] for line in str(error).splitlines()}
        assert named & set(parameters)
        return
    assert config.model_dump() == namespace
    folder = run_path(config, ".json", Path("/results"))
    assert folder.resolve() == folder
    assert folder.is_relative_to("/results/runs")
    assert len(folder.parts) == 5


@many
@given(name=st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True), value=scalars)
def test_any_unknown_parameter_name_is_rejected(name, value):
    if name in PARAMETERS:
        return
    try:
        compile(f"{name} = 1", "", "exec")
    except SyntaxError:
        return
    cells = [f"# Parameters\n{name} = {value!r}\n"]
    if isinstance(value, float):  # papermill writes float('nan')
        cells = [f"# Parameters\n{name} = float('{value}')\n"]
    with pytest.raises(ParameterError, match=f"^{name}: expected one of "):
        read_parameters(Configuration().model_dump() | {name: value, "In": cells})


def read(content):
    with tempfile.TemporaryDirectory() as folder:
        path = run_path(Configuration(), ".json", Path(folder))
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return read_run(path)


@many
@given(st.data())
def test_a_record_with_any_change_is_read_correctly_or_rejected(committed, draws):
    """Replace one value of a committed record with a random JSON value."""
    content = change_one(committed.model_dump_json(), draws)
    with contextlib.suppress(RecordError):
        taken = read(content.encode()).model_dump_json()
        assert holds(json.loads(taken, parse_int=float), json.loads(content, parse_int=float))


def holds(taken, given):
    """Return whether `taken` contains all values of `given` unchanged."""
    if isinstance(given, dict):
        return all(key in taken and holds(taken[key], given[key]) for key in given)
    return taken == given


@many
@given(st.binary() | st.text().map(str.encode) | json_values.map(json.dumps).map(str.encode))
def test_arbitrary_bytes_are_rejected_as_a_record(content):
    with pytest.raises(RecordError, match=r"seed-0\.json is not a record"):
        read(content)


@many
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_rejected_as_mnist_data(content):
    with pytest.raises(DataError, match="SHA-256"):
        data.unpack_wheel(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train-images-idx3-ubyte"
        path.write_bytes(content)
        with pytest.raises(DataError, match=path.name):
            data.read_cache(path.parent)
        assert os.listdir(folder) == [path.name]


@many
@given(st.binary(max_size=200), st.integers(0, 10_000), st.integers(1, 255))
def test_any_damage_to_a_checkpoint_is_detected(content, position, change):
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / "checkpoint", {})
        checkpoint.path.write_bytes(content)
        assert checkpoint.read() is None
        assert os.listdir(folder) == ["checkpoint.damaged"]
        Path(folder, "checkpoint.damaged").unlink()
        history = {name: [1.0] for name in History.model_fields}
        checkpoint.write(State(history, 1.0, [], {}))
        whole = bytearray(checkpoint.path.read_bytes())
        whole[position % len(whole)] ^= change
        checkpoint.path.write_bytes(whole)
        assert checkpoint.read() is None
        assert os.listdir(folder) == ["checkpoint.damaged"]
