"""The tables, by hand and once more from the files without this project's code."""

import json
import re
from collections.abc import Mapping
from math import exp, log
from pathlib import Path
from statistics import mean, stdev

import pandas as pd
import pytest
from helpers.published import CURVE, ROW, write_claims, write_curves
from helpers.runs import run_python
from helpers.samples import change
from scipy import stats

from mnist_rnn.analysis.claims import CONFIGURATION
from mnist_rnn.analysis.tables import (
    describe_answers,
    describe_default,
    locate,
    read_results,
    write_tables,
)
from mnist_rnn.config import Configuration
from mnist_rnn.errors import RecordError
from mnist_rnn.paths import COMMITTED, PUBLISHED, ROOT
from mnist_rnn.records.run import write_run

pytestmark = pytest.mark.quick


@pytest.fixture
def write(make_record, tmp_path):
    """Write records with these test errors, seeds 0 and on; returns their folder."""

    def write(*errors, **parameters):
        for seed, count in enumerate(errors):
            write_run(make_record(count, seed=seed, **parameters), tmp_path)
        return tmp_path

    return write


@pytest.mark.parametrize(("errors", "end"), [((100, 6000), 0), ((1, 2), 100)])
def test_an_interval_stays_between_0_and_100_percent(errors, end, write):
    row = write_tables(write(*errors)).accuracy.set_index("claim").loc["notebook-2019"]
    assert end in (row["interval_low"], row["interval_high"])
    assert 0 <= row["interval_low"] < row["interval_high"] <= 100


@pytest.mark.parametrize("count", [2, 3, 7])
def test_each_figure_follows_from_the_files(count, make_record, tmp_path):
    """Some runs close to the published curve, as many of worse networks and of PyTorch's code."""
    curve = pd.read_csv(PUBLISHED / "curves.csv").set_index("claim").loc["notebook-2019"]
    kinds = (200, "ours", {}), (900, "ours", {"dropout": 0.2}), (400, "pytorch", {})
    kinds += (200, "ours", {"learning_rate": 0.01}), (2, "ours", {"units": 64})  # of no claim
    for seed in range(count):
        noise = 0.05 * (7 * seed % 5 - 2)
        for errors, code, changes in kinds:
            run = make_record(errors + 7 * seed % 11, seed=seed, code=code, **changes)
            losses = curve["train_loss"][: run.config.epochs] * (errors / 200) ** 0.5 * (1 + noise)
            values = {"loss": list(losses), "accuracy": [0.9868 + noise / 100] * len(losses)}
            write_run(change(run, "history", **values), tmp_path)
    write_tables(tmp_path)
    answers = check_tables(tmp_path)
    assert answers["notebook-2019"] == ("too few runs" if count < 3 else "agrees")


def test_each_committed_figure_follows_from_the_files():
    assert set(check_tables(COMMITTED).values()) <= {"agrees", "in doubt"}


def check_tables(folder: Path) -> dict[str, str]:
    """Every number of accuracy.csv and runs.csv, from the JSON files alone; the answers."""
    lines = pd.read_csv(folder / "runs.csv", dtype={"weights_sha256": str})
    lines = lines.set_index(["configuration", "seed"])
    groups = {}
    for path in sorted(folder.glob("runs/*/seed-*.json")):
        run = json.loads(path.read_text())
        groups.setdefault(path.parent.name, []).append(run)
        check_run(run, lines.loc[path.parent.name, run["config"]["seed"]])
    assert len(lines) == sum(map(len, groups.values()))
    claims = pd.read_csv(PUBLISHED / "claims.csv", dtype={"train_size": "Int64"}).set_index("claim")
    judged = claims[claims["kind"].isin(["run", "table"])].index
    near = claims[claims["kind"] == "near_miss"].index
    curves = pd.read_csv(PUBLISHED / "curves.csv").groupby("claim")["train_loss"].apply(list)
    accuracy = pd.read_csv(folder / "accuracy.csv", keep_default_na=False, dtype=str)
    for _, row in accuracy[accuracy["claim"] == ""].iterrows():
        assert not any(row[["agrees", "published_test_accuracy", "p"]])
        check_mean(row, claims.iloc[0].to_dict() | {"rounding": 0}, groups[row["configuration"]])
    assert set(groups) <= set(accuracy["configuration"])
    accuracy = accuracy[accuracy["claim"] != ""].set_index("claim")
    names = accuracy["configuration"].to_dict()
    several = {names[claim] for claim in judged}, {names[claim] for claim in near}
    answers = {}
    for claim, row in accuracy.iterrows():
        published, runs = claims.loc[claim], groups.get(names[claim], [])
        check_mean(row, published, runs)
        if claim in judged:
            answers[claim] = row["agrees"]
            tested = {name: runs for name, runs in groups.items() if len(runs) >= 3}
            check_answer(row, published, curves.get(claim), tested, several, len(judged))
        else:
            assert row["agrees"] == place_again(row)
            assert not any(row[["p", "also_agree", "near_misses", "detectable"]])
    return answers


def check_run(run: dict, line: pd.Series) -> None:
    """A line of runs.csv, of our code or of another, which has measured less."""
    history, config = run["history"], run["config"]
    errors = history["test_errors"][-1]
    assert run["mistakes"] is None or len(run["mistakes"]) == errors
    right = run["train_errors"] is not None and 1 - run["train_errors"] / config["train_size"]
    expected = {
        # A record that is older than a parameter has its default.
        **{name: config.get(name, field.default) for name, field in CONFIGURATION.items()},
        "code": run["code"],
        "parameters": run["parameters"],
        "train_accuracy": 100 * right or None,
        **{name: run[name] for name in ("train_errors", "train_loss", "test_loss", "seconds")},
        "test_accuracy": 100 - errors / 100,
        "test_errors": errors,
        "last_epoch_accuracy": 100 * history["accuracy"][-1],
        "first_epoch_loss": history["loss"][0],
        "mean_log_loss": mean(map(log, history["loss"])),
        "weights_sha256": history["weights_sha256"][-1],
        "code_sha256": run["environment"]["code_sha256"],
    }
    assert set(expected) == set(line.index)
    for name, value in expected.items():
        if value is None:
            assert pd.isna(line[name]), name
        else:
            assert line[name] == (
                value if isinstance(value, str) else pytest.approx(value, rel=1e-5)
            ), name


def check_mean(row: pd.Series, claim: Mapping, runs: list[dict]) -> None:
    """What accuracy.csv says of the runs that answer a claim."""
    accuracies = [accuracy_of(run) for run in runs]
    assert int(row["runs"]) == len(runs)
    if runs:
        assert float(row["mean"]) == pytest.approx(mean(accuracies), abs=0.0051)
        assert {run["parameters"] for run in runs} == {int(row["parameters"])}
        assert {run["code"] for run in runs} == {claim["answered_by"]}
        for name in CONFIGURATION:
            given = runs[0]["config"][name]
            assert row[name] == ("" if given is None else str(given)), name
    if len(runs) < 2:
        return
    half = 0 if pd.isna(claim["rounding"]) else claim["rounding"] / 2
    logs = [log(100 - accuracy) for accuracy in accuracies]
    reach = stats.t.ppf(0.975, len(runs) - 1) * stdev(logs) * (1 + 1 / len(runs)) ** 0.5
    low = max(0, 100 - exp(mean(logs) + reach) - half)
    high = min(100, 100 - exp(mean(logs) - reach) + half)
    said = row[["sd", "interval_low", "interval_high"]].astype(float).tolist()
    assert said == pytest.approx([stdev(accuracies), low, high], abs=0.0051)


def check_answer(row, claim, curve, groups, several, judged) -> None:
    """Whether accuracy.csv says that a claim agrees, and its evidence, by each one's runs."""
    own = row["configuration"]
    published, near = several
    p = {}
    for name, runs in groups.items():
        found = weigh_again(claim, curve, runs)
        p[name] = min(1, min(found.values()) * len(found))
        if name == own:
            said = {measure: row[f"p_{measure}"] for measure in found}
            assert {m: float(p) for m, p in said.items()} == pytest.approx(found, abs=0.002)
            assert sum(row.filter(like="p_") != "") == len(found)
    for column, names in (("also_agree", published), ("near_misses", near - published)):
        also = {name for name in names - {own} if p.get(name, 0) >= 0.05}
        assert set(filter(None, row[column].split("; "))) == also
    if own not in groups:
        assert row[["p", "agrees", "detectable"]].tolist() == ["", "too few runs", ""]
        return
    assert float(row["p"]) == pytest.approx(p[own], abs=0.002)
    doubt = "contradicted" if p[own] * judged < 0.05 else "in doubt"
    assert row["agrees"] == ("agrees" if p[own] >= 0.05 else doubt)
    n = len(groups[own])
    logs = [log(100 - accuracy_of(run)) for run in groups[own]]
    wrong = 1 - (float(row["detectable"]) - claim.rounding / 2) / exp(mean(logs))
    shift = -log(wrong) / stdev(logs) / (1 + 1 / n) ** 0.5
    least = stats.t.isf(0.05 / 2 / sum(row.filter(like="p_") != "") / judged, n - 1)
    assert stats.nct.sf(least, n - 1, shift) == pytest.approx(0.8, abs=0.03)


def place_again(row: pd.Series) -> str:
    """What is said of a number that is not judged."""
    if not row["published_test_accuracy"]:
        return ""
    if int(row["runs"]) < 3:
        return "too few runs"
    number, *ends = map(float, row[["published_test_accuracy", "interval_low", "interval_high"]])
    side = "below" if number < ends[0] else "above" if number > ends[1] else "within"
    return f"{side} our interval"


def accuracy_of(run: dict) -> float:
    """The test accuracy in the end, in percent."""
    return 100 - run["history"]["test_errors"][-1] / 100


def weigh_again(claim: pd.Series, curve: list | None, runs: list[dict]) -> dict[str, float]:
    """The p-value of each of a claim's numbers, by these runs."""
    logs = [[log(loss) for loss in r["history"]["loss"]] for r in runs]
    trained = claim.published_train_accuracy
    numbers = {  # the least and the most error that rounds to the published one, and ours
        "test_accuracy": (
            [100 - claim.published_test_accuracy + half * claim.rounding for half in (-0.5, 0.5)],
            [100 - accuracy_of(r) for r in runs],
        ),
        "last_epoch_accuracy": (
            [100 - trained + half for half in (-0.005, 0.005)],
            [100 - 100 * r["history"]["accuracy"][-1] for r in runs],
        ),
        "test_loss": ([claim.published_test_loss] * 2, [r["test_loss"] for r in runs]),
    }
    numbers = {name: [list(map(log, part)) for part in parts] for name, parts in numbers.items()}
    if curve:
        numbers["first_epoch_loss"] = [log(curve[0])] * 2, [values[0] for values in logs]
        numbers["mean_log_loss"] = [mean(map(log, curve))] * 2, [mean(values) for values in logs]
    found = {}
    for name, ((low, high), ours) in numbers.items():
        if not pd.isna(low):
            far = max(0, low - mean(ours), mean(ours) - high)
            t = far / max(stdev(ours), 1e-9) / (1 + 1 / len(ours)) ** 0.5
            found[name] = 2 * (1 - stats.t.cdf(t, len(ours) - 1))
    return found


def test_a_bad_record_is_left_out_and_named_in_the_table(write, make_record):
    folder = write(200)
    write_run(make_record(seed=1), folder).write_text("{}")
    assert len(write_tables(folder).runs) == 1
    text = (folder / "accuracy.md").read_text()
    assert "\nLeft out: " in text
    assert "seed-1.json is not a record: config: Field required" in text


def test_without_a_record_there_is_no_table(tmp_path):
    with pytest.raises(RecordError, match=r"no record in .*; run `make sweep`"):
        write_tables(tmp_path)
    assert not list(tmp_path.iterdir())


def test_parameters_are_the_published_ones():
    """Of the committed runs; CuDNN's LSTM has a second bias vector, of 4 * 256."""
    table = pd.read_csv(COMMITTED / "accuracy.csv").set_index("claim")
    claims = pd.read_csv(PUBLISHED / "claims.csv").set_index("claim")["published_parameters"]
    extra = (claims - table["parameters"]).dropna()
    assert len(extra) >= 5
    assert extra[extra != 0].to_dict() == {"notebook-2019-lstm-adam": 4 * 256}


def test_the_committed_tables_are_those_of_the_committed_records(tmp_path):
    (tmp_path / "runs").symlink_to(COMMITTED / "runs")
    write_tables(tmp_path)
    for name in ("accuracy.csv", "accuracy.md", "runs.csv"):
        assert (tmp_path / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_what_is_said_in_words_of_the_default_run():
    """By 02_train: that of seed 0 is the most accurate. By the model's card: the mean of all."""
    table = pd.read_csv(COMMITTED / "runs.csv")
    errors = table[table["configuration"] == Configuration().name].set_index("seed")["test_errors"]
    assert len(errors) == 40
    assert errors[0] < errors.drop(0).min()
    card = (ROOT / "docs" / "cards.md").read_text()
    reached = 100 - errors.mean() / 100
    assert f"the 40 runs of this configuration; their mean is {reached:.2f}%" in card


def test_the_answers_in_words():
    rows = [
        ("a", "run", "agrees", ""), ("b", "table", "contradicted", ""), ("c", "run", "agrees", "x"),
        ("d", "text", "within our interval", None), ("e", "run", "too few runs", ""),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["claim", "kind", "agrees", "also_agree"])
    assert describe_answers(table) == (
        "Of 4 published results, 2 agree with runs of their own configuration; 1 is contradicted "
        "(`b`); 1 has too few runs (`e`). Of the 2 that agree, 1 agree with no other "
        "published configuration."
    )


@pytest.mark.parametrize(
    ("errors", "answer", "ours"),
    [((200,), "has too few runs", "1 run of ours reaches 98.00%."),
     ((200, 210, 205), "is contradicted", "3 runs of ours reach 97.95 ± 0.05%.")],
)  # fmt: skip
def test_the_answer_in_words_for_few_runs(errors, answer, ours, write):
    assert describe_default(read_results(write(*errors))) == (
        f"The published result {answer}: 97.9% of unseen digits read right; {ours}"
    )


@pytest.mark.parametrize(
    ("number", "runs", "said"),
    [(97.8, 3, "within our interval"), (97.0, 3, "below our interval"), (None, 3, ""),
     (99.0, 3, "above our interval"), (99.0, 2, "too few runs")],
)  # fmt: skip
def test_a_number_that_is_not_judged_is_set_beside_ours(number, runs, said):
    ours = {"runs": runs, "interval_low": 97.8, "interval_high": 98.2}
    assert locate(pd.Series({"published_test_accuracy": number} | ours)) == said


OWN = """
from mnist_rnn.analysis import comparisons, verdicts
from mnist_rnn.analysis.tables import describe_answers, describe_default, write_tables
results = write_tables()
print(repr(describe_default(results)), describe_answers(results.accuracy))
runs, claims = results.runs, results.claims
verdicts.judge_wrong_configurations(claims, runs), verdicts.simulate_true_claims(claims, runs)
verdicts.count_outside(claims, runs), comparisons.summarize_configurations(runs)
verdicts.tabulate_agreement(verdicts.choose_judged(claims), runs)
"""


def run_own(results, published, **variables):
    folders = {"MNIST_RNN_RESULTS": str(results), "MNIST_RNN_PUBLISHED": str(published)}
    return run_python(OWN, **folders, **variables)


@pytest.mark.parametrize("curves", [False, True])
@pytest.mark.parametrize("count", [1, 4])
def test_a_researchers_own_folders(count, curves, write, tmp_path):
    """A claim without a curve, or with, and one without a run; nothing of the repository's."""
    folder = tmp_path / "published"
    folder.mkdir()
    write_claims(folder, ROW, ROW | {"claim": "other", "units": "32"})
    if curves:
        write_curves(folder, CURVE)
    write(*range(240, 240 + count), layer="gru", units=64, optimizer="adam", dropout=0.1, epochs=3)
    done = run_own(tmp_path, folder, PYTHONWARNINGS="error::DeprecationWarning")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("'' Of 2 published results, ")
    assert pd.read_csv(tmp_path / "accuracy.csv")["claim"].tolist() == ["mine", "other"]


def test_a_researchers_near_misses_alone(write, tmp_path):
    """Nothing was published; the tables have the runs."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "claims.csv").write_text(
        "claim,kind,units,epochs,seeds,source\nsmall,near_miss,64,2,3,my question\n"
    )
    write(240, 250, 260, units=64, epochs=2)
    done = run_own(tmp_path, folder)
    assert done.stdout == "'' No published result is among the claims.\n", done.stderr
    row = (tmp_path / "accuracy.md").read_text().splitlines()[2]
    assert re.split(r" *\| *", row)[1:6] == ["small", "", "3", "97.50", "0.10"]
