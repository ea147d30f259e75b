"""Test how claims.csv and curves.csv are read, and how wrong rows are rejected."""

import pytest
from helpers.published import CURVE, ROW, write_claims, write_curves

from mnist_rnn.analysis.claims import (
    COLUMNS,
    UNPUBLISHED,
    read_claims,
    read_curves,
    tabulate_claims,
)
from mnist_rnn.config import PROGRAMS, Configuration
from mnist_rnn.sweep import plan_runs
from mnist_rnn.system.errors import ClaimError
from mnist_rnn.system.paths import PUBLISHED

pytestmark = pytest.mark.quick

NAMED = f"one of {', '.join(COLUMNS)}"
ANSWERS = "code that can compute this configuration"


def test_each_row_of_the_table_is_read_as_a_claim(tmp_path):
    rate = {"claim": "slow", "learning_rate": "0.001", "train_size": "1000"}
    slow, mine = read_claims(write_claims(tmp_path, ROW | rate, ROW))
    assert mine.config == Configuration(
        layer="gru", units=64, optimizer="adam", dropout=0.1, epochs=3
    )
    assert (mine.seeds, mine.published_parameters) == (3, None)
    assert (slow.config.learning_rate, slow.config.train_size) == (0.001, 1000)


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("units", "64.5", "a whole number from 1 to 4096, got '64.5'."),
        ("published_test_accuracy", "100.1", "a percentage above 1, or nothing, got '100.1'."),
        ("published_test_accuracy", "nan", "a percentage above 1, or nothing, got 'nan'."),
        ("published_test_accuracy", "0.979", "a percentage above 1, or nothing, got '0.979'."),
        ("published_train_accuracy", "9807", "a percentage above 1, or nothing, got '9807'."),
        ("rounding", "inf", "the unit of the published test accuracy, above 0 and at most 1, or"),
        ("rounding", "0", "the unit of the published test accuracy, above 0 and at most 1, or"),
        ("rounding", "50", "the unit of the published test accuracy, above 0 and at most 1, or"),
        ("rounding", "0.2", "the unit of the published test accuracy, above 0 and at most 1, or"),
        ("config", "{}", f"{NAMED}, got '{{}}'."),
        ("seeds", "0", "a whole number from 1 to 1000, got '0'."),
        ("published_parameters", "int", "a whole number above 0, or nothing, got 'int'."),
        ("kind", "prose", "'run', 'table', 'text', 'near_miss', 'control' or 'page', got 'prose'."),
        ("published_test_loss", "-1", "a number from 0, or nothing, got '-1'."),
        ("answered_by", "torch", "'ours', 'keras', 'keras_rmsprop', 'seeded', 'seeded_xla', "),
        ("answered_by", "pytorch", f"{ANSWERS}, got 'pytorch'."),
        ("answered_by", "keras", f"{ANSWERS}, got 'keras'."),
        ("claim", "x | y", "a name without |, `, < and >, got 'x | y'."),
        ("claim", "<b>", "a name without |, `, < and >, got '<b>'."),
        ("epoch", "5", f"{NAMED}, got '5'. Did you mean 'epochs'?"),
        ("seed", "0", f"{NAMED}, got '0'. Did you mean 'seeds'?"),
    ],
)
def test_error_names_the_claim_and_column_of_a_wrong_cell(column, cell, expected, tmp_path):
    write_claims(tmp_path, ROW | {column: cell})
    with pytest.raises(ClaimError) as error:
        read_claims(tmp_path)
    name = cell if column == "claim" else "mine"
    wanted = f"claims.csv, line 2, claim {name!r}, column {column}: expected {expected}"
    assert str(error.value).startswith(wanted)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("column", ["kind", "seeds", "source"])
def test_error_names_a_missing_column(column, tmp_path):
    write_claims(tmp_path, {name: ROW[name] for name in ROW if name != column})
    with pytest.raises(ClaimError, match=f"'mine', column {column}: expected (?!None).*, got noth"):
        read_claims(tmp_path)


@pytest.mark.parametrize("kind", ["run", "table", "text", *UNPUBLISHED])
def test_kind_of_a_claim_requires_or_forbids_a_published_accuracy(kind, tmp_path):
    number = ROW | {"kind": kind}
    none = number | {"published_test_accuracy": "", "rounding": ""}
    right, wrong = (none, number) if kind in UNPUBLISHED else (number, none)
    assert read_claims(write_claims(tmp_path, right))
    with pytest.raises(ClaimError, match=r"published_test_accuracy: expected .*, got"):
        read_claims(write_claims(tmp_path, wrong))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r".* in .*claims.csv, got: No such file or directory"),
        ("claim,layer\ncafé,gru\n".encode("latin-1"), r".*CSV .*, got: 'utf-8'"),
        (b'claim,source\nmine,"a book\nyours,another\n', r".*CSV .*, got: unexpected end of data"),
        (b"claim;layer\nmine;gru\n", r"a name .*, got nothing(.|\n)* got 'mine;gru'"),
        (b"claim,units,units\nmine,64,128\n", r".* once, got claim, units, units"),
        (b"claim,layer\n", r".*, got no row"),
        (b"claim,layer\nmine,gru,more\n", r"'run'(.|\n)*without a name\).*'more'"),
    ],
)
def test_file_that_is_not_a_table_of_claims_is_rejected(content, problem, tmp_path):
    if content is not None:
        (tmp_path / "claims.csv").write_bytes(content)
    with pytest.raises(ClaimError, match=f"^claims.*: expected {problem}") as error:
        read_claims(tmp_path)
    assert all(line.startswith("claims") for line in str(error.value).split("\n"))


def test_repeated_claim_name_is_rejected(tmp_path):
    write_claims(tmp_path, *2 * [ROW], *3 * [ROW | {"claim": "other"}], ROW | {"claim": "last"})
    said = r"^claims.csv: .*, got 'mine' in 2 rows, 'other' in 3 rows\.$"
    with pytest.raises(ClaimError, match=said):
        read_claims(tmp_path)


def test_byte_order_mark_of_a_spreadsheet_is_ignored(tmp_path):
    text = (PUBLISHED / "claims.csv").read_text()
    (tmp_path / "claims.csv").write_text(text, encoding="utf-8-sig")
    assert read_claims(tmp_path) == read_claims()


def test_curve_has_one_row_per_epoch_and_is_optional(tmp_path):
    write_claims(tmp_path, ROW)
    assert read_curves(read_claims(tmp_path), tmp_path) == {}
    assert tabulate_claims(tmp_path)[["loss_by_epoch", "published_test_loss"]].isna().all(axis=None)
    curve = write_curves(tmp_path, CURVE)["mine"]
    assert curve["loss"].to_dict() == {1: 0.5, 2: 0.4, 3: 0.3}
    assert curve["accuracy"].isna().tolist() == [False, True, False]
    assert (curve.index.name, curve["accuracy"].dtype) == ("epoch", "float64")
    assert tabulate_claims(tmp_path).loc["mine", "loss_by_epoch"] == (0.5, 0.4, 0.3)


COLUMN = r"^curves.csv, line \d, claim 'mine', column "
ORPHAN = r"^curves.csv: expected the name of a claim in claims.csv, got "
GAP = r"^curves.csv, claim 'mine': expected the epochs from 1 to 3 in order, got the epochs"


@pytest.mark.parametrize(
    ("row", "change", "problem"),
    [
        (0, ("mine", "1", "inf", "0.9"), COLUMN + "train_loss: .* above 0, got 'inf'"),
        (1, ("mine", "2", "nan", ""), COLUMN + "train_loss: .* above 0, got 'nan'"),
        (1, ("mine", "2", "0", ""), COLUMN + "train_loss: .* above 0, got '0'"),
        (1, ("mine", "2", "0.4", "nan"), COLUMN + "train_accuracy: .* 0 to 1, or nothing, got"),
        (1, ("mine", "2", "0.4", "93.1"), COLUMN + "train_accuracy: .* 0 to 1, or nothing, got"),
        (1, ("mine", "2", "0.4", "-0.1"), COLUMN + "train_accuracy: .* 0 to 1, or nothing, got"),
        (1, ("mine", "2.5", "0.4", ""), COLUMN + "epoch: expected a whole number, got '2.5'"),
        (1, ("mine", "2"), COLUMN + "train_loss: .* above 0, got nothing"),
        (1, ("mine", "2", "0.4", "0", "93"), COLUMN + r".*: expected one of claim, .*\['93'\]"),
        (0, ("mime", "1", "0.5", "0.9"), ORPHAN + r"'mime'\.$"),
        (1, ("mine", "1", "0.4", ""), GAP + r" 1, 1, 3\.$"),
        (2, ("mine", "4", "0.4", ""), GAP + r" 1, 2, 4\.$"),
        (0, ("mine", "0", "0.4", ""), GAP + r" 0, 2, 3\.$"),
    ],
)  # fmt: skip
def test_wrong_curve_is_rejected_with_one_sentence(row, change, problem, tmp_path):
    write_claims(tmp_path, ROW)
    rows = [*CURVE[:row], change, *CURVE[row + 1 :]]
    with pytest.raises(ClaimError, match=problem) as error:
        write_curves(tmp_path, rows)
    assert "\n" not in str(error.value)
    with pytest.raises(ClaimError, match=problem):
        tabulate_claims(tmp_path)


@pytest.mark.parametrize(
    ("rows", "header", "problem"),
    [(CURVE[:2], "claim,epoch,train_loss,train_accuracy", GAP + r" 1, 2\.$"),
     (CURVE, "claim,epoch,loss,train_accuracy", r"column train_loss: expected .*, got nothing"),
     ([], "claim,epoch,train_loss,train_accuracy", r"^curves: expected .*, got no row"),
     ([], "", r"^curves: expected .*, got no row")],
)  # fmt: skip
def test_incomplete_table_of_curves_is_rejected(rows, header, problem, tmp_path):
    with pytest.raises(ClaimError, match=problem):
        write_curves(write_claims(tmp_path, ROW), rows, header)


def test_results_of_the_pytorch_notebook_need_runs_of_the_pytorch_code():
    """Check that a sweep of our code makes no run for the two results of the PyTorch notebook."""
    claims = read_claims()
    theirs = [claim for claim in claims if claim.answered_by == "pytorch"]
    assert [claim.published_test_accuracy for claim in theirs] == [95.67, 96.81]
    assert {claim.config for claim in theirs} == {PROGRAMS["pytorch"].base}
    assert {claim.configuration_name for claim in theirs} == {"pytorch"}
    assert plan_runs(theirs) == []
    assert all(plan_runs(claims, code) for code in PROGRAMS)
