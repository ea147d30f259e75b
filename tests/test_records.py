import json
import os

import numpy as np
import pytest

from mnist_rnn import environment
from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256
from mnist_rnn.environment import describe_environment
from mnist_rnn.errors import RecordError
from mnist_rnn.evaluation import measure
from mnist_rnn.files import replacing
from mnist_rnn.paths import RESULTS, ROOT
from mnist_rnn.published import find_claim, load_claims
from mnist_rnn.records import (
    Record,
    read_record,
    read_records,
    run_path,
    tabulate_runs,
    write_record,
)
from mnist_rnn.report import compare, tabulate_accuracy, write_tables
from mnist_rnn.verify import verdict


def make_record(errors=200, **parameters):
    """A record with so many of the 10,000 test images read wrong: zeros taken for ones."""
    config = Configuration(**{"train_size": 1, "epochs": 1} | parameters)

    def metrics(count, wrong):
        answers = np.zeros(count, int)
        answers[:wrong] = 1
        return measure(np.eye(10, dtype="float32")[answers], np.zeros(count, int))

    return Record(
        config=config,
        history={"loss": [0.5] * config.epochs, "accuracy": [0.9] * config.epochs},
        train=metrics(config.train_size, 0),
        test=metrics(10_000, errors),
        mistakes=dict.fromkeys(range(errors), 1),
        weights_sha256="0" * 64,
        data_sha256=DATA_SHA256,
        seconds=1.5,
        environment=describe_environment(device="CPU", threads=2),
    )


@pytest.fixture
def record():
    return make_record()


def test_a_record_comes_back_as_it_was_written(record, tmp_path):
    path = write_record(record, tmp_path)
    assert path == run_path(record.config, ".json", tmp_path)
    assert read_record(path, tmp_path) == record
    assert os.listdir(path.parent) == ["seed-0.json"]


def test_a_record_says_what_it_was_made_with(record):
    made_with = record.environment
    assert made_with.commit == environment.git("rev-parse", "HEAD")
    assert made_with.versions["tensorflow"].startswith("2.")
    assert set(made_with.cpu) == {"vendor", "family", "model", "name", "flags"}


def test_the_commit_is_unknown_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    unknown = describe_environment("CPU", 1)
    assert (unknown.commit, unknown.clean) == (None, None)


def damage(record, **changes):
    return json.dumps(json.loads(record.model_dump_json()) | changes).encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda record: record.model_dump_json().encode()[:-100], "Invalid JSON"),
        (lambda record: b"", "Invalid JSON"),
        (lambda record: b"\xff\xfe", "Invalid JSON"),
        (lambda record: damage(record, note="by hand"), "note: Extra inputs"),
        (lambda record: damage(record, schema_version=1), "schema_version: Input should be 2"),
        (lambda record: damage(record, seconds="fast"), "seconds: Input should be a valid number"),
        (lambda record: damage(record, history={"loss": [0.5]}), "history must have accuracy"),
        (lambda record: damage(record, test=json.loads(record.train.model_dump_json())), "10000"),
        (lambda record: damage(record, mistakes={"10000": 1}), "test images 0 to 9999"),
        (lambda record: damage(record, mistakes={"3": 1}), "as often as"),
    ],
)
def test_a_damaged_record_is_named(content, problem, record, tmp_path):
    path = write_record(record, tmp_path)
    path.write_bytes(content(record))
    with pytest.raises(RecordError, match=problem) as error:
        read_record(path, tmp_path)
    assert "seed-0.json is not a record" in str(error.value)


def test_a_record_in_the_wrong_place_is_named(record, tmp_path):
    path = write_record(record, tmp_path)
    foreign = path.with_name("seed-1.json")
    path.rename(foreign)
    with pytest.raises(RecordError, match=r"seed-1\.json holds the run of .*seed-0\.json"):
        read_record(foreign, tmp_path)


def test_a_bad_record_is_left_out_and_named_in_the_table(record, tmp_path):
    write_record(record, tmp_path)
    write_record(make_record(seed=1), tmp_path).write_text("{}")
    records, left_out = read_records(tmp_path)
    assert records == [record]
    table = tabulate_accuracy(tabulate_runs(records), load_claims())
    _, markdown = write_tables(table, left_out, tmp_path)
    assert "Left out: " in markdown.read_text()
    assert "seed-1.json is not a record: config: Field required" in markdown.read_text()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert os.listdir(tmp_path) == ["record.json"]
    assert path.read_text() == "old"


def test_the_new_file_takes_its_place_only_when_whole(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]
    assert path.read_text() == "new"


def test_the_accuracy_table_by_hand():
    full = {"train_size": 60_000, "epochs": 20}
    records = [
        make_record(errors=200, seed=0, **full),
        make_record(errors=180, seed=1, **full),
        make_record(errors=190, seed=0, units=64, **full),
    ]
    table = tabulate_accuracy(tabulate_runs(records), load_claims())
    # 98.00 and 98.20: mean 98.10, sample standard deviation 0.20 / sqrt(2)
    assert table["claim"].tolist()[:2] == ["notebook-2019", "notebook-2020"]
    for row, published in zip(table.index[:2], (97.9, 98.2), strict=True):
        values = table.loc[row, ["runs", "mean", "sd", "published_test_accuracy"]]
        assert values.tolist() == [2, 98.1, 0.14, published]
    assert len(table) == 3
    assert table.loc[2, ["units", "runs", "mean"]].tolist() == [64, 1, 98.1]
    assert table.loc[2, ["claim", "sd", "published_test_accuracy"]].isna().all()


def test_a_learning_rate_of_ones_own_answers_no_claim():
    records = [make_record(learning_rate=0.01, train_size=60_000, epochs=20)]
    table = tabulate_accuracy(tabulate_runs(records), load_claims())
    assert len(table) == 1
    assert table["claim"].isna().all()


def test_the_sentence_of_comparison():
    claim = find_claim("notebook-2019")
    assert compare(Configuration(), claim, 0.9809) == (
        "This run reached 98.1%; the claim notebook-2019 published 97.9%: +0.2 percentage points."
    )
    other = compare(Configuration(units=64, epochs=1), claim, 0.9)
    assert "another configuration: here units 64, epochs 1." in other


def test_the_committed_tables_are_those_of_the_committed_records(tmp_path):
    records, left_out = read_records(RESULTS)
    assert not left_out
    table = tabulate_accuracy(tabulate_runs(records), load_claims())
    for path in write_tables(table, left_out, tmp_path):
        assert path.read_bytes() == (RESULTS / path.name).read_bytes()


def test_the_readme_shows_the_committed_table():
    assert (RESULTS / "accuracy.md").read_text() in (ROOT / "README.md").read_text()


def test_the_default_runs_record_is_of_a_clean_tree():
    record = read_record(run_path(Configuration(), ".json"))
    assert record.environment.clean
    assert record.data_sha256 == DATA_SHA256
    assert 97.5 <= 100 * record.test.accuracy <= 98.5


def change(record, part, **values):
    return record.model_copy(update={part: getattr(record, part).model_copy(update=values)})


def test_the_same_machine_must_give_the_same_bits(record):
    assert verdict(record, record)[0]
    assert verdict(change(record, "environment", threads=1), record)[0]
    other = record.model_copy(update={"weights_sha256": "1" * 64})
    assert verdict(other, record) == (
        False,
        "same CPU and versions: the weights are NOT the same, bit for bit",
    )


@pytest.mark.parametrize(("errors", "expected"), [(250, True), (150, True), (251, False)])
def test_another_machine_must_come_close(errors, expected, record):
    other = change(make_record(errors), "environment", versions={"python": "3.14.0"})
    other = other.model_copy(update={"weights_sha256": "1" * 64})
    assert verdict(other, record)[0] == expected
