"""Compare the tables with numbers that are computed by hand or without the project's code."""

import json
import re
from math import exp, factorial, log
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pandas as pd
import pytest
from helpers.published import CURVE, ROW, write_claims, write_curves
from helpers.runs import run_python
from helpers.samples import change
from helpers.tables import make_tables, read_results
from scipy import stats

from mnist_rnn.analysis import report
from mnist_rnn.analysis.answer import (
    compare_other_networks,
    describe_answer,
    describe_spread,
)
from mnist_rnn.analysis.claims import CONFIGURATION, tabulate_claims
from mnist_rnn.analysis.report import (
    choose_runs,
    compare_runs,
    describe_folder,
    list_runs,
    name_rows,
)
from mnist_rnn.analysis.tables import (
    compare_with_claims,
    summarize,
    tabulate_results,
    tabulate_runs,
)
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ParameterError, RecordError
from mnist_rnn.paths import COMMITTED, PUBLISHED, ROOT
from mnist_rnn.records.run import write_run
from mnist_rnn.sweep import Planned, why_pending

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
    make_tables(tmp_path)
    inside = check_tables(tmp_path)
    assert inside.get("notebook-2019", 0) == (0 if count < 3 else 4)
    assert inside.get("notebook-2019-dropout", 0) < 2


def test_each_committed_number_can_be_computed_from_the_committed_records():
    assert len(check_tables(COMMITTED)) >= 12


def check_tables(folder: Path) -> dict[str, int]:
    """Check all numbers of three tables.

    Returns how many published numbers of each claim lie in their prediction intervals.
    """
    lines = pd.read_csv(folder / "runs.csv", dtype={"weights_sha256": str})
    lines = lines.set_index(["configuration", "seed"])
    groups = {}
    for path in sorted(folder.glob("runs/*/seed-*.json")):
        run = json.loads(path.read_text())
        groups.setdefault(path.parent.name, []).append(run)
        check_run(run, lines.loc[path.parent.name, run["config"]["seed"]])
    assert len(lines) == sum(map(len, groups.values()))
    claims = pd.read_csv(PUBLISHED / "claims.csv", dtype={"train_size": "Int64"}).set_index("claim")
    curves = pd.read_csv(PUBLISHED / "curves.csv").groupby("claim")["train_loss"].apply(list)
    numbers = pd.read_csv(folder / "numbers.csv").set_index(["claim", "number"])
    accuracy = pd.read_csv(folder / "accuracy.csv", keep_default_na=False, dtype=str)
    assert set(groups) == set(accuracy["configuration"])
    with_number = accuracy["published_test_accuracy"] != ""
    # Rows without a published accuracy come first.
    assert with_number.tolist() == sorted(with_number)
    inside, count = {}, 0
    for _, row in accuracy.iterrows():
        runs, claim = groups[row["configuration"]], row["claim"]
        check_mean(row, runs)
        if not claim:
            assert not any(row[["published_test_accuracy", "inside", "outside", "source"]])
            continue
        published = claims.loc[claim]
        assert {run["code"] for run in runs} == {published["answered_by"]}
        found = compute_intervals(published, curves.get(claim), runs) if len(runs) >= 3 else {}
        for number, (value, low, high) in found.items():
            line = numbers.loc[claim, number]
            assert line["published"] == pytest.approx(value, abs=6e-5)
            assert line[["low", "high"]].tolist() == pytest.approx([low, high], abs=6e-5)
            assert line["inside"] == (low <= value <= high)
        within = [low <= value <= high for value, low, high in found.values()]
        assert row["inside"] == (f"{sum(within)} of {len(within)}" if found else "")
        assert row["outside"].count("; ") == max(0, len(within) - sum(within) - 1)
        inside |= {claim: sum(within)} if found else {}
        count += len(found)
    assert len(numbers) == count
    return inside


def check_run(run: dict, line: pd.Series) -> None:
    """Check a line of runs.csv. Runs of the original code have fewer measurements than our runs."""
    history, config = run["history"], run["config"]
    errors = history["test_errors"][-1]
    assert run["mistakes"] is None or len(run["mistakes"]) == errors
    right = run["train_errors"] is not None and 1 - run["train_errors"] / config["train_size"]
    expected = {
        # If a record is older than a parameter, the parameter has its default value.
        **{name: config.get(name, field.default) for name, field in CONFIGURATION.items()},
        "code": run["code"],
        "parameters": run["parameters"],
        "train_accuracy": 100 * right or None,
        **{name: run[name] for name in ("train_errors", "train_loss", "test_loss", "seconds")},
        "test_accuracy": 100 - errors / 100,
        "test_errors": errors,
        "last_epoch_accuracy": 100 * history["accuracy"][-1],
        "first_epoch_loss": history["loss"][0],
        "mean_loss": exp(mean(map(log, history["loss"]))),
        "keras": run["environment"]["versions"].get("keras"),
        "weights_sha256": history["weights_sha256"][-1],
    }
    assert set(expected) == set(line.index)
    for name, value in expected.items():
        if value is None:
            assert pd.isna(line[name]), name
        else:
            assert line[name] == (
                value if isinstance(value, str) else pytest.approx(value, rel=1e-5)
            ), name


def check_mean(row: pd.Series, runs: list[dict]) -> None:
    """Check a row of accuracy.csv, which has the statistics of a configuration's runs."""
    accuracies = [accuracy_of(run) for run in runs]
    assert int(row["runs"]) == len(runs)
    assert {run["parameters"] for run in runs} == {int(row["parameters"])}
    for name, field in CONFIGURATION.items():
        given = runs[0]["config"].get(name, field.default)
        assert row[name] == ("" if given is None else str(given)), name
    said = row[["mean", "lowest", "highest"]].astype(float).tolist()
    assert said == pytest.approx([mean(accuracies), min(accuracies), max(accuracies)], abs=0.0051)
    if len(runs) < 2:
        assert row["sd"] == ""
        return
    assert float(row["sd"]) == pytest.approx(stdev(accuracies), abs=0.0051)
    ends = row[["interval_low", "interval_high"]].tolist()
    if len(runs) < 3:
        assert ends == ["", ""]
        return
    low, high = interval([log(100 - accuracy) for accuracy in accuracies])
    assert list(map(float, ends)) == pytest.approx([100 - high, 100 - low], abs=6e-4)


def accuracy_of(run: dict) -> float:
    """Return the final test accuracy of a run in percent."""
    return 100 - run["history"]["test_errors"][-1] / 100


def interval(logs: list[float]) -> tuple[float, float]:
    """Return the 95% prediction interval of values whose logarithms are given."""
    n = len(logs)
    reach = stats.t.ppf(0.975, n - 1) * stdev(logs) * (1 + 1 / n) ** 0.5
    return exp(mean(logs) - reach), exp(mean(logs) + reach)


def compute_intervals(claim: pd.Series, curve: list | None, runs: list[dict]) -> dict[str, tuple]:
    """Return each published number of a claim, and the prediction interval for this number.

    Each interval is widened by half of the unit to which the number is rounded.
    """
    found = {}
    for number, value, half, errors in (
        ("test_accuracy", claim.published_test_accuracy, claim.rounding / 2,
         [100 - accuracy_of(run) for run in runs]),
        ("last_epoch_accuracy", claim.published_train_accuracy, 0.005,
         [100 - 100 * run["history"]["accuracy"][-1] for run in runs]),
    ):  # fmt: skip
        if not pd.isna(value):
            low, high = interval(list(map(log, errors)))
            found[number] = value, max(0, 100 - high - half), min(100, 100 - low + half)
    losses = [run["history"]["loss"] for run in runs]
    for number, value, half, ours in (
        ("test_loss", claim.published_test_loss, 0.00005, [run["test_loss"] for run in runs]),
        ("first_epoch_loss", curve and curve[0], 0.00005, [loss[0] for loss in losses]),
        ("mean_loss", curve and exp(mean(map(log, curve))), 0,
         [exp(mean(map(log, loss))) for loss in losses]),
    ):  # fmt: skip
        if value is not None and not pd.isna(value):
            low, high = interval(list(map(log, ours)))
            found[number] = value, low - half, high + half
    return found


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
    assert text.count(" has weights that differ from the specification.\n") == 2
    write_run(change(make_record(200), "environment", other_bits=True), folder)
    with pytest.raises(
        RecordError, match="All 3 runs have weights that differ from the specification"
    ):
        make_tables(folder)


def test_tables_need_at_least_one_record(tmp_path):
    with pytest.raises(RecordError, match=r"is no record of a run\. `make sweep` trains"):
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


def test_sentences_of_the_answer_agree_with_the_runs(make_record, tmp_path):
    """Of four rounded accuracies, two equal 97.9%, one is lower, and one is higher."""
    for seed, errors in enumerate([205, 215, 217, 203]):
        for code, apart in (("ours", 0), ("seeded", 3e-8)):
            run = make_record(errors, seed=seed, code=code)
            write_run(change(run, "history", loss=[0.5 + apart] * 20), tmp_path)
    for code, errors in (("keras", 210), ("keras_2019", 520)):
        for seed in range(2):
            write_run(make_record(errors + 2 * seed, seed=seed, code=code), tmp_path)
    for parameters in ({"optimizer": "adam"}, {"dropout": 0.2}):
        write_run(make_record(300, **parameters), tmp_path)
    results = read_results(tmp_path)
    typical, ours, codes, published = describe_answer(results)
    assert typical == (
        "The published test accuracy of 97.9% is typical of our 4 runs: 2 round to 97.9%, 1 are "
        "lower and 1 are higher."
    )
    assert ours.startswith(
        "Our 4 runs have a mean test accuracy of 97.90%, a standard deviation of 0.07 percentage "
        "points, and a range from 97.83% to 97.97%. "
    )
    assert ours.endswith(" `notebook-2020`, is 98.15%, which 0 of our 4 runs reached or exceeded.")
    assert "2 runs of the author's code on Keras 3.15.1 is 0.01 percentage points (95%" in codes
    ends = np.array(re.findall(r"interval (-?[0-9.]+) to (-?[0-9.]+)\)", codes), float)
    own, others = [97.95, 97.85, 97.83, 97.97], ([97.90, 97.88], [94.80, 94.78])
    exact = [stats.ttest_ind(own, some, equal_var=False).confidence_interval() for some in others]
    assert ends == pytest.approx(np.array(exact), abs=0.00501)
    assert f"by at most {np.ceil(100 * np.abs(exact).max()) / 100:.2f} percentage" in codes
    assert "2 runs of the author's code on Keras 3.15.1 is 3.11 percentage points (95%" in codes
    assert "orders of 4 of our runs. In all 20 epochs of these runs, the training" in codes
    assert codes.endswith("differ by at most 1e-7.")
    inside = results.numbers["inside"].sum()
    assert published.startswith(f"Of 9 numbers in 2 published results, {inside} lie inside the")
    assert "about 0 of 9 numbers lie outside. " in published
    by_result = results.numbers.groupby("claim")["inside"].all()
    assert f" For {by_result.sum()} of the 2 published results, every published" in published
    _, accuracy, pairs, _, model = describe_spread(results.runs)
    assert "Of our 4 runs, 4 lie in this prediction interval, and 0 have" in accuracy
    assert "differ by more than 0.11 percentage points. In 0% of all pairs " in pairs
    assert "seed 0 is number 2 of our 4 runs, with a test accuracy of 97.95%." in model
    assert model.endswith("near the mean of our runs, 97.90%.")


def test_answer_reports_the_comparisons_with_other_networks():
    results = read_results(COMMITTED)
    said = describe_answer(results)[-1]
    pairs = compare_other_networks(results.claims, results.runs)
    inside = sum(pairs["test_accuracy"])
    assert f"In {inside} of {len(pairs)} comparisons, the test accuracy" in said
    assert said.endswith(f"In {sum(pairs['all'])} comparisons, all numbers lie inside.")


def test_fishers_method_combines_the_p_values_of_the_joint_tests():
    """Recompute the p-value in 03_results by a closed form of the chi-squared distribution."""
    text = (ROOT / "notebooks" / "03_results.ipynb").read_text()
    chances = [int(far) / int(n) for far, n in re.findall(r"(\d+) of (\d+) runs deviate", text)]
    assert len(chances) == 4
    half = -sum(map(log, chances))
    combined = exp(-half) * sum(half**k / factorial(k) for k in range(len(chances)))
    assert f"these p-values into p = {combined:.2f}." in text


def test_answer_needs_runs_of_each_code(write):
    folder = write(200, 210, 220)
    with pytest.raises(
        RecordError, match=r"^keras: expected at least 2 runs, got 0\. `make report`"
    ):
        describe_answer(read_results(folder))
    (folder / "runs" / "simple_rnn-256-sgd" / "seed-0.json").unlink()
    with pytest.raises(RecordError, match=r"^simple_rnn-256-sgd: expected at least 3 runs, got 2"):
        describe_answer(read_results(folder))


def test_answer_says_that_a_published_number_is_not_typical(make_record, tmp_path):
    """Use four runs below the published accuracy, and a run on another version of Keras."""
    for seed, errors in enumerate([300, 301, 302, 303]):
        for values in ({}, {"dropout": 0.2}, {"code": "keras_2019"}):
            write_run(make_record(errors, seed=seed, **values), tmp_path)
        seeded = make_record(errors, seed=seed, code="seeded")
        write_run(change(seeded, "history", loss=[0.501] * 20), tmp_path)
        run = make_record(210 + seed, seed=seed, code="keras")
        versions = run.environment.versions | {"keras": "1.0" if seed == 2 else "3.0"}
        write_run(change(run, "environment", versions=versions), tmp_path)
    results = read_results(tmp_path)
    typical, _, codes, published = describe_answer(results)
    assert "97.9% is not typical of our 4 runs: 0 round to 97.9%, 4 are lower and 0" in typical
    assert "author's code on Keras 1.0 and 3.0 is " in codes
    assert 20 > len(results.numbers) >= 10
    assert "about 1 of 15 numbers lie outside. " in published


def test_the_spread_is_described_by_counts_of_runs_and_of_pairs(make_record):
    """Use three runs with 97.62%, 97.6% and 97.1%.

    Only one run is above 97.6%, and one pair of runs differs by exactly half a percentage point.
    """
    runs = [make_record(errors, seed=seed) for seed, errors in enumerate([238, 240, 290])]
    runs += [make_record(300, optimizer="adam"), make_record(305, dropout=0.2)]
    _, accuracy, pairs, _, model = describe_spread(tabulate_runs(runs))
    assert accuracy.endswith(
        "Of our 3 runs, 3 lie in this prediction interval, and 2 have a test accuracy of 97.6% or "
        "lower."
    )
    assert "differ by more than 0.50 percentage points. In 33% of all pairs " in pairs
    assert pairs.endswith("differ by more than 0.5 percentage points.")
    assert "seed 0 is the best of our 3 runs, with a test accuracy of 97.62%." in model
    assert model.endswith("near the mean of our runs, 97.44%.")


def test_published_results_are_compared_with_runs_of_other_networks(write, make_record):
    """Expect that no published result is compared with runs of its own network."""
    folder = write(210, 212, 208)
    for seed, errors in enumerate([700, 710, 690]):
        write_run(make_record(errors, seed=seed, learning_rate=0.005), folder)
    results = read_results(folder)
    pairs = compare_other_networks(results.claims, results.runs)
    pairs = pairs.set_index(["claim", "configuration"])
    near = Configuration(learning_rate=0.005).name
    assert {name for _, name in pairs.index} <= {near, Configuration().name}
    assert not pairs.loc[("notebook-2019", near), "test_accuracy"]
    assert ("notebook-2019", Configuration().name) not in pairs.index
    assert all(own != results.claims.loc[result, "configuration"] for result, own in pairs.index)


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
from mnist_rnn.paths import RESULTS
from mnist_rnn.records.run import read_runs
results = tabulate_results(*read_runs(RESULTS))
write_tables(results, RESULTS)
print(summarize(results.accuracy).to_csv(sep="|", index=False))
print(list(name_rows(results)[0]), describe_folder(results))
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


@pytest.mark.parametrize("curves", [False, True])
@pytest.mark.parametrize("count", [1, 4])
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
    assert names == "['wider', 'gru-64-adam-dropout_0.1-epochs_3'"
    assert missing == "Claims without a run: `other`."
    table = pd.read_csv(tmp_path / "accuracy.csv", keep_default_na=False, dtype=str)
    assert table["claim"].tolist() == ["wider", "mine"]
    inside = "" if count == 1 else "2 of 3" if curves else "1 of 1"
    assert table["inside"].tolist() == ["", inside]


def test_claims_of_kind_near_miss_are_tabulated_without_published_results(write, tmp_path):
    """Check the printed table and the Markdown table."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "claims.csv").write_text(
        "claim,kind,units,epochs,seeds,source\nsmall,near_miss,64,2,3,my question\n"
    )
    write(240, 250, 260, units=64, epochs=2)
    assert run_own(tmp_path, folder) == (
        "Result|Mean ± SD (%)|Range (%)|Runs\nsmall|97.50 ± 0.10|97.40 to 97.60|3\n\n['small'] \n"
    )
    row = (tmp_path / "accuracy.md").read_text().splitlines()[2].replace("\N{NO-BREAK SPACE}", " ")
    assert re.split(r" *\| *", row)[1:5] == ["small", "97.50 ± 0.10", "97.40 to 97.60", "3"]


def test_two_chosen_runs_are_compared(write):
    """Check also that the most and the least accurate run are compared by default."""
    write(3000, 3100, units=64)
    runs = list_runs(read_results(write(7000, units=16, dropout=0.1)).runs)
    table = compare_runs(choose_runs(runs))
    names = ["simple_rnn-64-sgd/0", "simple_rnn-16-sgd-dropout_0.1/0"]
    assert table.columns.tolist() == names
    assert table.index.tolist()[:3] == ["units", "dropout", "test_accuracy"]
    assert table.loc[["units", "test_errors"]].to_numpy().tolist() == [
        ["64", "16"],
        ["3000", "7000"],
    ]
    chosen = compare_runs(choose_runs(runs, "simple_rnn-64-sgd/1", names[0]))
    assert chosen.loc["seed"].tolist() == ["1", "0"]
    assert compare_runs(choose_runs(runs.iloc[:1])).shape[1] == 1
    with pytest.raises(ParameterError, match=rf"first: .* a run, such as {names[1]}, got none/1\."):
        choose_runs(runs, "none/1")


def test_run_is_compared_with_the_numbers_published_for_it(make_record):
    claims, reached = tabulate_claims(), "This run has a test accuracy of 98.00%."
    assert compare_with_claims(make_record(200), claims) == (
        f"{reached} `notebook-2019` published 97.9%, a difference of +0.10 percentage points. "
        "`notebook-2020` published 98.15%, a difference of -0.15 percentage points."
    )
    run = make_record(200, units=64)
    alone = f"{reached} No test accuracy was published for this configuration."
    assert compare_with_claims(run, claims) == alone
    assert compare_with_claims(change(run, "environment", other_bits=True), claims) == (
        f"{alone} The weights of this run differ from the specification, so the tables leave this "
        "run out."
    )


def test_each_left_out_run_is_named_in_a_sentence(write, make_record):
    others = [
        change(run, "environment", other_bits=True)
        for run in (make_record(code="pytorch"), make_record(seed=1))
    ]
    for run in others:
        write_run(run, write(200))
    refused = make_tables(write()).refused
    assert list(map(str, refused)) == [
        f"The run {name} has weights that differ from the specification."
        for name in ("pytorch with seed 0", "simple_rnn-256-sgd with seed 1")
    ]
    _, notes = (write() / "accuracy.md").read_text().split("\n\n", 1)
    assert notes == "".join(f"Left out: {error}\n\n" for error in refused).removesuffix("\n")
    for records, said in (
        ([], "There is no record of a run"),
        (others, "All 2 runs have weights that differ from the specification"),
    ):
        with pytest.raises(RecordError) as error:
            tabulate_results(records, [])
        assert str(error.value) == f"{said}. `make sweep` trains the runs."


def test_answer_counts_the_runs_that_reach_the_other_published_number(make_record, tmp_path):
    """Use two runs that reach 98.15%, one just below, and one that widens the interval."""
    for seed, errors in enumerate([185, 186, 184, 260]):
        for code, loss in (("ours", 0.5), ("seeded", 0.501), ("keras", 0.5), ("keras_2019", 0.5)):
            run = make_record(errors, seed=seed, code=code)
            write_run(change(run, "history", loss=[loss] * 20), tmp_path)
    assert describe_answer(read_results(tmp_path))[1].endswith(
        " `notebook-2020`, is 98.15%, which 2 of our 4 runs reached or exceeded."
    )


def test_report_names_missing_and_left_out_runs(write, make_record, monkeypatch):
    folder = write(3000, 3100, units=64)
    write_run(make_record(seed=3), folder).write_text("{}")
    results = read_results(folder)
    results = results._replace(claims=results.claims.loc[["notebook-2019", "notebook-2020"]])
    (error,) = results.refused
    said = f"Left out: {error}"
    assert describe_folder(results) == said
    monkeypatch.setattr(report, "PUBLISHED", folder)
    missing = "Claims without a run: `notebook-2019`, `notebook-2020`."
    assert describe_folder(results) == f"{said}\n\n{missing}"


def test_each_row_of_a_report_has_its_runs_and_its_claims(write):
    """Expect the name of a claim without a published number, else the configuration's."""
    write(3000, 3100, units=64)
    write(300, learning_rate=0.005)
    results = read_results(write(200, 210))
    rows, published = name_rows(results)
    near = Configuration(learning_rate=0.005).name
    (claim,) = results.claims.index[results.claims["configuration"] == near]
    default, alone = Configuration().name, "simple_rnn-64-sgd"
    expected = {default: (default, [0, 1]), alone: (alone, [0, 1]), claim: (near, [0])}
    assert {
        name: (*set(runs["configuration"]), runs["seed"].tolist()) for name, runs in rows.items()
    } == expected
    assert {name: claims.index.tolist() for name, claims in published.items()} == {
        default: ["notebook-2019", "notebook-2020"], alone: [], claim: [claim],
    }  # fmt: skip


def test_table_of_two_runs_has_what_differs_and_what_they_reached(write, make_record):
    folder = write(3000, units=64)
    other = make_record(7000, layer="lstm", dropout=0.1)
    write_run(other.model_copy(update={"test_loss": 0.71234567}), folder)
    runs = list_runs(read_results(folder).runs)
    assert runs.index.name == "run"
    assert compare_runs(choose_runs(runs)).T.to_dict("list") == {
        "layer": ["simple_rnn", "lstm"], "units": ["64", "256"], "dropout": ["0", "0.1"],
        "test_accuracy": ["70", "30"],
        "test_errors": ["3000", "7000"], "test_loss": ["0.3", "0.71235"],
        "last_epoch_accuracy": ["90", "90"], "mean_loss": ["0.5", "0.5"],
        "parameters": ["6602", "294410"], "seconds": ["1.5", "1.5"],
    }  # fmt: skip
    with pytest.raises(ParameterError) as error:
        choose_runs(runs, second="none/1")
    expected = f"the name of a run, such as {runs.index[0]}"
    assert str(error.value) == f"second: expected {expected}, got none/1."


def test_of_equally_accurate_runs_the_first_and_the_last_are_chosen():
    runs = pd.DataFrame({"test_accuracy": [98.0, 97.0] * 50}, index=[f"a/{i}" for i in range(100)])
    assert choose_runs(runs).index.tolist() == ["a/0", "a/99"]
