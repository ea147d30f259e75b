"""The claims: a row that is not one is refused in words."""

import csv

import pytest

from mnist_rnn.claims import published
from mnist_rnn.claims.published import COLUMNS, load_claims, load_curve, read_claims, read_numbers
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ClaimError
from mnist_rnn.paths import PUBLISHED

pytestmark = pytest.mark.quick

ROW = dict(
    zip(
        ("claim", "layer", "units", "optimizer", "dropout", "batch_size", "epochs", "seeds"),
        ("mine", "gru", "64", "adam", "0.1", "128", "20", "3"),
        strict=True,
    ),
    kind="run",
    published_test_accuracy="97.5",
    rounding="0.1",
    source="a book",
)
PERCENT = "a number from 0 to 100, or nothing for a candidate"
NOT_PYTORCH = "where the parameters are not the PyTorch notebook's"


def write_claims(folder, *rows):
    with (folder / "claims.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "claims.csv"


def test_a_claim_is_one_row(tmp_path):
    rate = {"claim": "slow", "learning_rate": "0.001", "train_size": "1000"}
    slow, mine = read_claims(write_claims(tmp_path, ROW | rate, ROW))
    assert mine.config == Configuration(layer="gru", units=64, optimizer="adam", dropout=0.1)
    assert (mine.seeds, mine.published_parameters) == (3, None)
    assert (slow.config.learning_rate, slow.config.train_size) == (0.001, 1000)


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("units", "64.5", "a whole number from 1 to 4096, got '64.5'."),
        ("published_test_accuracy", "100.1", f"{PERCENT}, got '100.1'."),
        ("published_test_accuracy", "-1", f"{PERCENT}, got '-1'."),
        ("published_test_accuracy", "nan", f"{PERCENT}, got 'nan'."),
        ("published_train_accuracy", "9807", "a number from 0 to 100, or nothing, got '9807'."),
        ("seeds", "0", "a whole number from 1 to 1000, got '0'."),
        ("published_parameters", "int", "a whole number above 0, or nothing, got 'int'."),
        ("kind", "prose", "'run', 'table', 'text' or 'candidate', got 'prose'."),
        ("published_test_loss", "-1", "a number from 0, or nothing, got '-1'."),
        ("answered_by", "torch", "'ours' or 'pytorch', got 'torch'. Did you mean 'pytorch'?"),
        ("answered_by", "pytorch", f"ours {NOT_PYTORCH}, got 'pytorch'."),
        ("epoch", "5", f"one of {', '.join(COLUMNS)}, got '5'. Did you mean 'epochs'?"),
        ("seed", "0", f"one of {', '.join(COLUMNS)}, got '0'. Did you mean 'seeds'?"),
    ],
)
def test_a_wrong_cell_names_its_claim_and_column(column, cell, expected, tmp_path):
    path = write_claims(tmp_path, ROW | {column: cell})
    with pytest.raises(ClaimError) as error:
        read_claims(path)
    assert str(error.value) == (f"claims.csv, claim 'mine', column {column}: expected {expected}")


@pytest.mark.parametrize("column", [name for name in ROW if name != "claim"])
def test_a_missing_column_is_named(column, tmp_path):
    path = write_claims(tmp_path, {name: ROW[name] for name in ROW if name != column})
    with pytest.raises(ClaimError, match=f"claim 'mine', column {column}: .*, got nothing"):
        read_claims(path)


def test_two_claims_of_one_name_are_refused(tmp_path):
    path = write_claims(tmp_path, ROW, ROW | {"units": "32"})
    with pytest.raises(ClaimError, match=r"claim 'mine', column claim: .* got 2 rows"):
        read_claims(path)


def test_a_row_with_a_cell_too_many_is_refused(tmp_path):
    path = write_claims(tmp_path, ROW)
    path.write_text(path.read_text().rstrip() + ",more\n")
    with pytest.raises(ClaimError, match=r"claim 'mine', column \(without a name\): .*'more'"):
        read_claims(path)


def test_curves_that_are_missing_are_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "PUBLISHED", tmp_path)
    with pytest.raises(ClaimError, match=r"^curves: expected the file .*curves.csv, got nothing"):
        load_curve("notebook-2019")
    for content, problem in (
        ("claim,epoch,loss\nmine,1,0.5\n", r".* train_loss, .* got claim, epoch, loss\.$"),
        ("", r"expected numbers in .*curves.csv, got No columns"),
        ("claim,epoch,train_loss,train_accuracy\nmine,1,0.65x,0.8\n", r".* got could not .*0.65x"),
    ):
        (tmp_path / "curves.csv").write_text(content)
        with pytest.raises(ClaimError, match=f"^curves: {problem}"):
            load_curve("notebook-2019")


@pytest.mark.parametrize(
    ("row", "change"),
    [
        ("notebook-2019,1,0.6501,0.8246\n", ""),
        ("notebook-2019,2,", "notebook-2019,2,,0.9\nx,2,"),
        ("notebook-2019,20,0.0453,", "notebook-2019,20,0,"),
    ],
)
def test_a_curve_that_is_not_whole_is_refused(row, change, tmp_path, monkeypatch):
    content = (PUBLISHED / "curves.csv").read_text()
    assert content.count(row) == 1
    (tmp_path / "curves.csv").write_text(content.replace(row, change))
    claims = load_claims()
    monkeypatch.setattr(published, "PUBLISHED", tmp_path)
    with pytest.raises(ClaimError, match=r"^curves: .* above 0 for each epoch of notebook-2019,"):
        read_numbers(claims)


def test_no_claims_are_said_in_words(tmp_path):
    path = tmp_path / "claims.csv"
    with pytest.raises(ClaimError, match=r"^claims: expected the file .*claims.csv, got nothing"):
        read_claims(path)
    path.write_bytes("claim,layer\ncafé,gru\n".encode("latin-1"))
    with pytest.raises(ClaimError, match=r"^claims: expected CSV in UTF-8 in .*csv, got 'utf-8'"):
        read_claims(path)
    path.write_text('claim,source\nmine,"a book\nyours,another\n')
    with pytest.raises(ClaimError, match=r"^claims: expected CSV .*, got unexpected end of data"):
        read_claims(path)
    path.write_text("claim;layer\nmine;gru\n")
    with pytest.raises(ClaimError, match=r"^claims: expected each column once, .* got claim;layer"):
        read_claims(path)
    path.write_text("claim,units,units\nmine,64,128\n")
    with pytest.raises(ClaimError, match=r"^claims: .* once, .* got claim, units, units"):
        read_claims(path)
    path.write_text("claim,layer\n")
    with pytest.raises(ClaimError, match=r"^claims: expected at least one row in .*, got none"):
        read_claims(path)


def test_the_mark_that_a_spreadsheet_writes_first_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text((PUBLISHED / "claims.csv").read_text(), encoding="utf-8-sig")
    assert read_claims(path) == read_claims()


@pytest.mark.parametrize(
    ("kind", "number", "got"),
    [("run", "", "nothing"), ("table", "", "nothing"), ("text", "", "nothing"),
     ("candidate", "97.5", "'97.5'")],
)  # fmt: skip
def test_a_candidate_and_nothing_else_has_no_number(kind, number, got, tmp_path):
    path = write_claims(tmp_path, ROW | {"kind": kind, "published_test_accuracy": number})
    with pytest.raises(ClaimError, match=rf"published_test_accuracy: .* got {got}"):
        read_claims(path)
