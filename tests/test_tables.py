"""Compare the tables with numbers that are computed by hand or without the project's code."""

import re

import pandas as pd
import pytest
from helpers.published import CURVE, ROW, write_claims, write_curves
from helpers.recomputed import find_differences, find_wrong_cells
from helpers.runs import run_python
from helpers.samples import change
from helpers.tables import make_tables, read_results

from mnist_rnn.analysis import report
from mnist_rnn.analysis.answer import choose_results, count_around, describe_answer
from mnist_rnn.analysis.claims import tabulate_claims
from mnist_rnn.analysis.report import add_committed, describe_folder, name_rows
from mnist_rnn.analysis.tables import compare_with_claims, summarize
from mnist_rnn.config import Configuration
from mnist_rnn.records.run import write_run
from mnist_rnn.sweep import Planned, why_pending
from mnist_rnn.system.errors import RecordError
from mnist_rnn.system.paths import COMMITTED, OUTPUTS, PUBLISHED, ROOT, shown

pytestmark = pytest.mark.quick


@pytest.fixture
def write(make_record, tmp_path):
    """Return a function that writes a record for each number of test errors. Seeds start at 0."""

    def write(*errors, **parameters):
        for seed, count in enumerate(errors):
            write_run(make_record(count, seed=seed, **parameters), tmp_path)
        return tmp_path

    return write


@pytest.mark.parametrize("count", [2, 3, 7])
def test_each_number_in_the_tables_can_be_computed_from_the_records(count, make_record, tmp_path):
    """Write runs near the published curve, less accurate runs, and runs of the PyTorch code."""
    curve = pd.read_csv(PUBLISHED / "curves.csv").set_index("claim").loc["notebook-2019"]
    kinds = (200, "ours", {}), (900, "ours", {"dropout": 0.2}), (400, "pytorch", {})
    kinds += (200, "ours", {"learning_rate": 0.01}), (20, "ours", {"units": 64})  # without a claim
    for seed in range(count):
        noise = 0.05 * (7 * seed % 5 - 2)
        for errors, code, changes in kinds:
            run = make_record(errors + 7 * seed % 11, seed=seed, code=code, **changes)
            losses = curve["train_loss"][: run.config.epochs] * (errors / 200) ** 0.5 * (1 + noise)
            values = {"loss": list(losses), "accuracy": [0.9868 + noise / 100] * len(losses)}
            write_run(change(run, "history", **values), tmp_path)
    inside = make_tables(tmp_path).numbers.groupby("claim")["inside"].sum()
    assert find_wrong_cells(tmp_path) == []
    assert inside.get("notebook-2019", 0) == (0 if count < 3 else 4)
    assert inside.get("notebook-2019-dropout", 0) < 2


def test_each_committed_number_can_be_computed_from_the_committed_records():
    assert find_wrong_cells(COMMITTED) == []


def test_the_numbers_in_the_readme_and_in_03_can_be_computed_from_the_records():
    assert find_differences() == []


def test_a_published_result_is_typical_in_the_middle_half_of_the_runs():
    """A quarter of the runs must be as low, and a quarter as high."""
    claim = pd.Series({"published_test_accuracy": 98.0, "rounding": 0.1})
    for others, said in (((97, 97, 97), "typical"), ((97,) * 4, "not typical")):
        ours = pd.Series([98.0, *others], dtype=float)
        assert count_around(claim, ours) == (said, len(others), 1, 0)


def test_damaged_record_is_left_out_and_named_below_the_table(write, make_record):
    folder = write(200)
    write_run(make_record(seed=1), folder).write_text("{}")
    assert len(make_tables(folder).runs) == 1
    text = (folder / "accuracy.md").read_text()
    assert "\nLeft out: " in text
    assert "seed-1.json is not a record: config: Field required" in text


def test_run_with_different_bits_is_left_out_of_the_tables(write, make_record):
    """Check also that these runs are listed below the table, and that a sweep repeats them."""
    folder = write(200, 220)
    claims = read_results(folder).claims
    assert "leave it out" not in compare_with_claims(make_record(200), claims)
    for seed in (1, 2):
        other = change(make_record(900, seed=seed), "environment", other_bits=True)
        write_run(other, folder)
        assert "the tables leave this run out" in compare_with_claims(other, claims)
        assert why_pending(Planned("ours", other.config), folder).endswith("bits")
    make_tables(folder)
    assert read_results(folder).runs["seed"].tolist() == [0]
    text = (folder / "accuracy.md").read_text()
    assert text.count("\nLeft out: ") == 2
    write_run(change(make_record(200), "environment", other_bits=True), folder)
    with pytest.raises(RecordError) as error:
        make_tables(folder)
    assert all(f"simple_rnn-256-sgd/{seed}" in str(error.value) for seed in range(3))


def test_tables_need_at_least_one_record(tmp_path):
    with pytest.raises(RecordError, match=r"There is no record of a run"):
        make_tables(tmp_path)
    assert not list(tmp_path.iterdir())


def test_numbers_of_parameters_equal_the_published_numbers():
    """Expect 4 * 256 more parameters in CuDNN's LSTM, which has a second bias vector."""
    table = pd.read_csv(COMMITTED / "accuracy.csv").set_index("claim")
    claims = pd.read_csv(PUBLISHED / "claims.csv").set_index("claim")["published_parameters"]
    extra = (claims - table["parameters"]).dropna()
    assert len(extra) >= 5
    assert extra[extra != 0].to_dict() == {"notebook-2019-lstm-adam": 4 * 256}


def test_committed_tables_equal_new_tables_of_the_committed_records(tmp_path):
    (tmp_path / "runs").symlink_to(COMMITTED / "runs")
    make_tables(tmp_path)
    for name in ("accuracy.csv", "accuracy.md", "numbers.csv", "runs.csv"):
        assert (tmp_path / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_statements_about_the_default_run_are_true():
    """Check that seed 0 is the most accurate run, and that the model card has the right mean."""
    table = pd.read_csv(COMMITTED / "runs.csv")
    errors = table[table["configuration"] == Configuration().name].set_index("seed")["test_errors"]
    assert len(errors) == 40
    assert errors[0] < errors.drop(0).min()
    card = (ROOT / "docs" / "cards.md").read_text()
    reached = 100 - errors.mean() / 100
    assert f"the 40 runs of this configuration; their mean is {reached:.2f}%" in card


def test_answer_needs_runs_of_each_code(write):
    folder = write(200, 210, 220)
    with pytest.raises(
        RecordError, match=r"^keras: expected at least 2 runs, got 0\. `make report`"
    ):
        describe_answer(read_results(folder))
    (folder / "runs" / "simple_rnn-256-sgd" / "seed-0.json").unlink()
    with pytest.raises(RecordError, match=r"^simple_rnn-256-sgd: expected at least 3 runs, got 2"):
        describe_answer(read_results(folder))


def test_the_table_lists_each_published_number_outside_its_interval(write):
    write(3000, 3100, units=64)
    table = summarize(read_results(write(300, 310, 305)).accuracy).set_index("Result")
    table = table.replace("\N{NO-BREAK SPACE}", " ", regex=True)
    assert table.loc["notebook-2019", "Inside"].endswith(" of 4")
    assert table.loc["notebook-2019", "Outside"].startswith("test accuracy 97.9 (96.")
    assert re.search(r"\); \w", table.loc["notebook-2019", "Outside"])
    assert table["Mean ± SD (%)"].tolist() == ["69.50 ± 0.71", *["96.95 ± 0.05"] * 2]
    assert table.loc["simple_rnn-64-sgd", "Range (%)"] == "69.00 to 70.00"


OWN = """
from mnist_rnn.analysis.report import describe_folder, name_rows
from mnist_rnn.analysis.tables import summarize, tabulate_results, write_tables
from mnist_rnn.system.paths import OUTPUTS
from mnist_rnn.records.run import read_runs
results = tabulate_results(*read_runs(OUTPUTS))
write_tables(results, OUTPUTS)
print(summarize(results.accuracy).to_csv(sep="|", index=False))
print(list(name_rows(results)), describe_folder(results, []))
"""


def run_own(results, published="", **variables):
    folders = {"MNIST_RNN_RESULTS": str(results), "MNIST_RNN_PUBLISHED": str(published)}
    done = run_python(OWN, **folders, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("\N{NO-BREAK SPACE}", " ")


def test_runs_without_a_published_result_are_tabulated(write, tmp_path):
    """Check that the rows contain no published results and are sorted by the number of units."""
    write(3000, 3100, 3200, units=64)
    write(2000, 2050, units=128)
    assert run_own(tmp_path, PYTHONWARNINGS="error::DeprecationWarning") == (
        "Result|Mean ± SD (%)|Range (%)|Runs\n"
        "simple_rnn-64-sgd|69.00 ± 1.00|68.00 to 70.00|3\n"
        "simple_rnn-128-sgd|79.75 ± 0.35|79.50 to 80.00|2\n\n"
        "['simple_rnn-64-sgd', 'simple_rnn-128-sgd'] \n"
    )


def test_runs_without_a_published_result_come_first_in_the_table(write, tmp_path):
    write(3000, units=64)
    write(200)
    result, *rows = run_own(tmp_path).splitlines()[:4]
    assert result == "Result|Published (%)|Mean ± SD (%)|Runs"
    assert rows == [
        "simple_rnn-64-sgd||70.00|1", "notebook-2019|97.9|98.00|1", "notebook-2020|98.15|98.00|1",
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "curves"), [(1, False), (4, False), (4, True)])
def test_claims_and_runs_in_folders_of_researchers_are_tabulated(count, curves, write, tmp_path):
    """Write a claim of kind `near_miss`, a claim without a run, and perhaps a published curve."""
    folder = tmp_path / "published"
    folder.mkdir()
    candidate = ROW | {"claim": "wider", "kind": "near_miss", "units": "128"}
    candidate |= dict.fromkeys(["published_test_accuracy", "rounding"], "")
    write_claims(folder, ROW, ROW | {"claim": "other", "units": "32"}, candidate)
    if curves:
        write_curves(folder, CURVE)
    for units in (64, 128):
        errors = range(240, 240 + count)
        write(*errors, layer="gru", units=units, optimizer="adam", dropout=0.1, epochs=3)
    printed = run_own(tmp_path, folder, PYTHONWARNINGS="error::DeprecationWarning")
    assert "nan" not in printed
    names, missing = printed.splitlines()[-1].split("] ")
    assert names == "['wider', 'mine'"
    assert missing == "Claims without a run: `other`."
    table = pd.read_csv(tmp_path / "accuracy.csv", keep_default_na=False, dtype=str)
    assert table["claim"].tolist() == ["wider", "mine"]
    inside = "" if count == 1 else "2 of 3" if curves else "1 of 1"
    assert table["inside"].tolist() == ["", inside]


def test_run_is_compared_with_the_numbers_published_for_it(make_record):
    said = compare_with_claims(make_record(200), tabulate_claims())
    assert re.findall(r"`(\S+)` published ([\d.]+)%, a difference of (\S+)", said) == [
        ("notebook-2019", "97.9", "+0.10"),
        ("notebook-2020", "98.15", "-0.15"),
    ]
    other = compare_with_claims(make_record(200, units=64), tabulate_claims())
    assert re.findall(r"[+-]?\d+\.\d+", other) == ["98.00"]


def test_report_names_missing_and_left_out_runs(write, make_record, monkeypatch, caplog):
    folder = write(3000, 3100, units=64)
    write_run(make_record(seed=3), folder).write_text("{}")
    results = read_results(folder)
    results = results._replace(claims=results.claims.loc[["notebook-2019", "notebook-2020"]])
    (error,) = results.rejected
    assert caplog.messages == [str(error)]
    said = f"Left out: {error}"
    assert describe_folder(results, []) == said
    monkeypatch.setattr(report, "OWN_CLAIMS", True)
    missing = "Claims without a run: `notebook-2019`, `notebook-2020`."
    assert describe_folder(results, []) == f"{said}\n\n{missing}"


def test_each_row_of_a_report_has_its_runs_and_its_claims(write):
    """Expect the names of the claims, or of a configuration without one."""
    write(3000, 3100, units=64)
    write(300, learning_rate=0.005)
    results = read_results(write(200, 210))
    rows = name_rows(results)
    near = Configuration(learning_rate=0.005).name
    (claim,) = results.claims.index[results.claims["configuration"] == near]
    default, alone = Configuration().name, "simple_rnn-64-sgd"
    both = ["notebook-2019", "notebook-2020"]
    assert {
        name: (*set(runs["configuration"]), runs["seed"].tolist(), claims.index.tolist())
        for name, (runs, claims) in rows.items()
    } == {
        alone: (alone, [0, 1], []),
        claim: (near, [0], [claim]),
        ", ".join(both): (default, [0, 1], both),
    }


def test_a_report_adds_the_committed_runs_of_published_results(write):
    results = read_results(write(200, 210, units=64))
    runs, names = add_committed(results).runs, choose_results(results.claims)["configuration"]
    folders = dict(iter(runs.groupby("folder")["configuration"]))
    assert folders[shown(OUTPUTS)].tolist() == ["simple_rnn-64-sgd"] * 2
    assert {*folders[shown(COMMITTED)]} == {*names}
