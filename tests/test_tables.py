"""The tables, by hand and once more from the files without this project's code."""

import json
from math import log
from pathlib import Path
from statistics import mean, stdev

import pandas as pd
import pytest
from scipy import stats

from mnist_rnn.claims.tables import compare_with_claims, write_tables
from mnist_rnn.errors import RecordError
from mnist_rnn.paths import COMMITTED, PUBLISHED
from mnist_rnn.records.record import write_record

pytestmark = pytest.mark.quick

FULL = {"train_size": 60_000, "epochs": 20}
# From a printed table of Student's t, 0.975: by the number of runs.
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
T = dict(enumerate(QUANTILES, 2)) | {20: 2.093, 40: 2.023}


@pytest.fixture
def write(make_record, tmp_path):
    """Write records with these test errors, seeds 0 and on; returns their folder."""

    def write(*errors, **parameters):
        for seed, count in enumerate(errors):
            write_record(make_record(count, seed=seed, **FULL | parameters), tmp_path)
        return tmp_path

    return write


def test_the_accuracy_table_by_hand(write):
    write(190, units=64)
    _, table = write_tables(write(200, 180))
    claims = pd.read_csv(PUBLISHED / "claims.csv")["claim"].tolist()
    assert table["claim"].tolist()[:-1] == claims
    rows = table.set_index("claim")
    # 98.00 and 98.20: mean 98.10, sample standard deviation 0.20 / sqrt(2)
    for claim, published in (("notebook-2019", 97.9), ("notebook-2020", 98.15)):
        values = rows.loc[claim, ["published_test_accuracy", "runs", "mean", "sd"]]
        assert values.tolist() == [published, 2, 98.1, 0.14]
    assert rows.loc["book-256-sgd", ["runs", "verdict"]].tolist() == [0, "too few runs"]
    assert rows.loc["book-256-sgd", ["mean", "sd", "interval_low"]].isna().all()
    other = table.loc[len(claims)]
    assert other[["units", "runs", "mean", "verdict"]].tolist() == [64, 1, 98.1, ""]
    assert other[["claim", "sd", "published_test_accuracy"]].isna().all()


def test_a_learning_rate_of_ones_own_answers_no_claim(write):
    folder = write(200, 180, learning_rate=0.01)
    _, table = write_tables(folder)
    *claimed, other = table["runs"]
    assert (set(claimed), other) == ({0}, 2)
    assert table.iloc[-1][["interval_low", "interval_high"]].notna().all()
    assert "learning_rate 0.01" in (folder / "accuracy.md").read_text()


@pytest.mark.parametrize("count", range(2, 11))
def test_each_figure_follows_from_the_files(count, write):
    folder = write(*[200 + 7 * seed % 11 for seed in range(count)])
    write_tables(folder)
    check_tables(folder)


def test_each_committed_figure_follows_from_the_files():
    check_tables(COMMITTED)


def check_tables(folder: Path) -> None:
    """Every number of accuracy.csv and runs.csv, from the JSON files alone."""
    files = {path: json.loads(path.read_text()) for path in folder.glob("runs/*/seed-*.json")}
    lines = pd.read_csv(folder / "runs.csv", dtype={"weights_sha256": str})
    lines = lines.set_index(["configuration", "seed"])
    assert len(lines) == len(files)
    for path, run in files.items():
        line = lines.loc[path.parent.name, run["config"]["seed"]]
        matrix = run["test"]["confusion_matrix"]
        right = sum(matrix[digit][digit] for digit in range(10))
        assert line["test_accuracy"] == pytest.approx(right / 100)
        assert line["test_errors"] == len(run["mistakes"]) == 10_000 - right
        train_size = run["config"]["train_size"]
        assert line["train_accuracy"] == pytest.approx(
            100 - 100 * line["train_errors"] / train_size, abs=0.0006
        )
        assert line["weights_sha256"] == run["weights_sha256"]
    claims = pd.read_csv(PUBLISHED / "claims.csv").set_index("claim")
    judged = claims[claims["kind"].isin(["run", "table"])].index
    curves = pd.read_csv(PUBLISHED / "curves.csv").groupby("claim")["train_loss"].apply(list)
    accuracy = pd.read_csv(folder / "accuracy.csv", keep_default_na=False, dtype=str)
    accuracy = accuracy[accuracy["claim"] != ""].set_index("claim")
    groups = {}
    for path, run in files.items():
        groups.setdefault(path.parent.name, []).append(run)
    for path in folder.glob("originals/pytorch-*.json"):
        run = json.loads(path.read_text())
        right = 1 - run["test_errors"][-1] / 10_000
        test = {"accuracy": right, "loss": run["test_loss"]}
        groups.setdefault("pytorch", []).append({"test": test, "history": run})
    own = {
        claim: name_folder(row) if pd.isna(row.answered_by) else row.answered_by
        for claim, row in claims.iterrows()
    }
    for claim, row in accuracy.iterrows():
        runs = groups.get(own[claim], [])
        accuracies = [100 * run["test"]["accuracy"] for run in runs]
        assert int(row["runs"]) == len(runs)
        if runs:
            assert float(row["mean"]) == pytest.approx(mean(accuracies), abs=0.0051)
        if len(runs) < 3:
            assert row["verdict"] == ("" if row["kind"] == "candidate" else "too few runs")
            continue
        assert float(row["sd"]) == pytest.approx(stdev(accuracies), abs=0.0051)
        half = claims.loc[claim].fillna({"rounding": 0})["rounding"] / 2
        reach = T[len(runs)] * stdev(accuracies) * (1 + 1 / len(runs)) ** 0.5 + half
        low, high = mean(accuracies) - reach, mean(accuracies) + reach
        assert float(row["interval_low"]) == pytest.approx(low, abs=0.006)
        assert float(row["interval_high"]) == pytest.approx(high, abs=0.006)
        if claim not in judged:
            continue
        p = {
            name: weigh_again(claims.loc[claim], curves.get(claim), groups[name])
            for name in {own[other] for other in judged} & groups.keys()
        }
        assert float(row["p"]) == pytest.approx(p[own[claim]], abs=0.002)
        others = [value for name, value in p.items() if name != own[claim]]
        agree = "compatible" if max(others, default=0) >= 0.05 else "reproduced"
        expected = "not reproduced" if p[own[claim]] * len(judged) < 0.05 else agree
        assert row["verdict"] == expected
        assert len(row["also_agree"]) > 0 or max(others, default=0) < 0.05


def name_folder(claim: pd.Series) -> str:
    """The folder of the runs that answer a claim."""
    name = f"{claim.layer}-{claim.units}-{claim.optimizer}-dropout_{claim.dropout}"
    name += f"-batch_{claim.batch_size}-epochs_{claim.epochs}"
    return name if pd.isna(claim.loss) else f"{name}-loss_{claim.loss}"


def weigh_again(claim: pd.Series, curve: list | None, runs: list[dict]) -> float:
    """A claim's p-value, by these runs."""
    pairs = [
        (
            claim.published_test_accuracy,
            claim.rounding / 2,
            [100 * r["test"]["accuracy"] for r in runs],
        ),
        (claim.published_train_accuracy, 0.005, [100 * r["history"]["accuracy"][-1] for r in runs]),
        (log(claim.published_test_loss), 0, [log(r["test"]["loss"]) for r in runs]),
    ]
    if curve:
        logs = [[log(loss) for loss in r["history"]["loss"]] for r in runs]
        pairs.append((log(curve[0]), 0, [values[0] for values in logs]))
        pairs.append((mean(map(log, curve)), 0, [mean(values) for values in logs]))
    found = []
    for published, half, ours in pairs:
        if not pd.isna(published):
            far = max(0, abs(published - mean(ours)) - half)
            t = far / max(stdev(ours), 1e-9) / (1 + 1 / len(ours)) ** 0.5
            found.append(2 * (1 - stats.t.cdf(t, len(ours) - 1)))
    return min(1, min(found) * len(found))


def test_runs_come_by_configuration_and_seed(write):
    folder = write(*range(200, 212))
    write_tables(folder)
    assert pd.read_csv(folder / "runs.csv")["seed"].tolist() == list(range(12))


def test_a_bad_record_is_left_out_and_named_in_the_table(write, make_record):
    folder = write(200)
    write_record(make_record(seed=1), folder).write_text("{}")
    records, _ = write_tables(folder)
    assert len(records) == 1
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
    assert extra[extra != 0].to_dict() in ({}, {"notebook-2019-lstm-adam": 4 * 256})


def test_the_sentence_of_comparison(make_record):
    assert compare_with_claims(make_record(191, **FULL)) == (
        "This run reached 98.09%. `notebook-2019` published 97.9%: +0.19 percentage points. "
        "`notebook-2020` published 98.15%: -0.06 percentage points."
    )
    assert compare_with_claims(make_record(191, units=64, **FULL)) == (
        "This run reached 98.09%. Nobody published a figure for its configuration."
    )


def test_the_committed_tables_are_those_of_the_committed_records(tmp_path):
    (tmp_path / "runs").symlink_to(COMMITTED / "runs")
    write_tables(tmp_path)
    for name in ("accuracy.csv", "accuracy.md", "runs.csv"):
        assert (tmp_path / name).read_bytes() == (COMMITTED / name).read_bytes()
