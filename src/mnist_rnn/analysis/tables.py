"""Make the tables of runs, and tables that compare published results with runs."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnist_rnn.analysis.claims import CONFIGURATION, tabulate_claims
from mnist_rnn.analysis.statistics import (
    MEASURES,
    compare_numbers,
    find_interval,
    measure_runs,
    split,
)
from mnist_rnn.records.run import Run, find_outdated
from mnist_rnn.system.errors import RecordError
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import require_own_folder

SPACE = "\N{NO-BREAK SPACE}"  # keeps an interval on one line of a table cell
UNWRITTEN = ["loss_by_epoch", "accuracy_by_epoch", "test_errors_by_epoch", "mistakes"]


class Results(NamedTuple):
    """Four tables of results, and one error for each record that the tables leave out."""

    runs: pd.DataFrame
    claims: pd.DataFrame
    numbers: pd.DataFrame
    accuracy: pd.DataFrame
    rejected: list[RecordError]


def tabulate_runs(runs: list[Run]) -> pd.DataFrame:
    """Return the table of runs, sorted by code, parameters and seed.

    docs/data-dictionary.md describes the columns. The columns whose names end in `_by_epoch`
    contain tuples, and so does `mistakes`, the misclassified test images.
    """
    rows = [
        {"configuration": run.configuration_name, "code": run.code}
        | run.config.model_dump()
        | {
            "parameters": run.parameters,
            "train_accuracy": None
            if run.train_errors is None
            else 100 - 100 * run.train_errors / run.config.train_size,
            "train_errors": run.train_errors,
            "train_loss": run.train_loss,
            "test_errors": run.test_errors,
            "test_loss": run.test_loss,
            "seconds": run.seconds,
            "keras": run.environment.versions.get("keras"),
            "weights_sha256": run.weights_sha256,
            "loss_by_epoch": tuple(run.history.loss),
            "accuracy_by_epoch": tuple(run.history.accuracy),
            "test_errors_by_epoch": tuple(run.history.test_errors),
            "mistakes": None if run.mistakes is None else tuple(run.mistakes),
        }
        for run in runs
    ]
    table = pd.DataFrame(rows).astype({"train_errors": "Int64"})
    table = table.sort_values(["code", *CONFIGURATION, "seed"])
    groups = table.groupby("configuration")
    measured = pd.concat([measure_runs(group, group["epochs"].iloc[0]) for _, group in groups])
    return table.join(measured.drop(columns="test_loss"))


def tabulate_numbers(runs: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Return one row per published number, with the prediction interval of the runs.

    Published numbers without enough runs for a prediction interval are left out.
    """
    tables = []
    for name, claim in claims.iterrows():
        own = runs[runs["configuration"] == claim["configuration"]]
        if len(own):
            tables.append(compare_numbers(claim, own).assign(claim=name))
    columns = ["claim", "number", "published", "low", "high", "inside"]
    found = pd.concat(tables) if tables else pd.DataFrame()
    return found.rename_axis("number").reset_index().reindex(columns=columns)


def tabulate_accuracy(
    runs: pd.DataFrame, claims: pd.DataFrame, numbers: pd.DataFrame
) -> pd.DataFrame:
    """Return a row for each claim that has runs, and for each configuration without a claim.

    Rows without a published test accuracy come first.
    """
    groups = runs.groupby("configuration", sort=False)
    found = pd.DataFrame.from_dict({n: describe_runs(g) for n, g in groups}, orient="index")
    found = found.rename_axis("configuration").reset_index()
    first = ["claim", "configuration", "kind", "published_test_accuracy"]
    named = claims.reset_index()[[*first, "source"]].merge(found, on="configuration")
    others = found[~found["configuration"].isin(claims["configuration"])]
    table = pd.concat([others, named])
    by_claim = split(numbers, "claim")
    table["inside"] = table["claim"].map(
        {name: f"{t['inside'].sum()} of {len(t)}" for name, t in by_claim.items()}
    )
    table["outside"] = table["claim"].map({name: name_outside(t) for name, t in by_claim.items()})
    published = table["published_test_accuracy"].notna()
    table = pd.concat([table[~published], table[published]])
    last = ["inside", "outside", "source"]
    return table[first + [name for name in found if name not in first] + last]


def describe_runs(runs: pd.DataFrame) -> dict:
    """Return the runs' configuration, its number of weights, and statistics of test accuracies."""
    errors = runs["test_errors"]  # every machine computes the same mean of whole numbers
    mean, sd = np.round([100 - errors.mean() / 100, errors.std() / 100], 2)
    low, high = find_interval("test_accuracy", runs["test_accuracy"])
    return runs.iloc[0][[*CONFIGURATION, "parameters"]].to_dict() | {
        "runs": len(runs),
        "mean": mean,
        "sd": sd,
        "lowest": 100 - errors.max() / 100,
        "highest": 100 - errors.min() / 100,
        "interval_low": low,
        "interval_high": high,
    }


def describe_interval(number: str, low: float, high: float) -> str:
    """Format the prediction interval of `number`, which is a key of `MEASURES`."""
    digits = 3 if number.endswith("accuracy") else 4
    return f"{low:.{digits}f}{SPACE}to{SPACE}{high:.{digits}f}"


def name_outside(numbers: pd.DataFrame) -> str:
    """Return the published numbers outside their prediction intervals, with the intervals."""
    words = []
    for row in numbers[~numbers["inside"].astype(bool)].to_dict("records"):
        interval = describe_interval(row["number"], row["low"], row["high"])
        words.append(f"{MEASURES[row['number']]} {row['published']:g} ({interval})")
    return "; ".join(words)


def summarize(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Format the results in the table for readers, without the parameters and empty columns."""
    rows = [
        {
            "Result": row["configuration"] if pd.isna(row["claim"]) else row["claim"],
            "Folder": row.get("folder"),
            "Published (%)": row["published_test_accuracy"],
            "Mean ± SD (%)": f"{row['mean']:.2f}"
            + f"{SPACE}±{SPACE}{row['sd']:.2f}" * (row["runs"] > 1),
            "Range (%)": f"{row['lowest']:.2f}{SPACE}to{SPACE}{row['highest']:.2f}"
            * (row["runs"] > 1),
            "Runs": row["runs"],
            "Inside": row["inside"],
            "Outside": row["outside"],
        }
        for row in accuracy.to_dict("records")
    ]
    table = pd.DataFrame(rows).map(lambda value: "" if pd.isna(value) else str(value))
    return table.loc[:, (table != "").any()]


def tabulate_results(records: list[Run], rejected: list[RecordError]) -> Results:
    """Return the tables of these records and of the claims in the folder `PUBLISHED`.

    Outdated runs can't be compared with others, so they are left out and added to `rejected`.
    """
    counted = [run for run in records if not find_outdated(run)]
    rejected = rejected + [
        RecordError(f"The run {run.name} has other {', '.join(why)}, so it can't be compared.")
        for run in records
        if (why := find_outdated(run))
    ]
    if not counted:
        problem = "There is no record of a run that counts. `make reproduce` trains a run."
        raise RecordError("\n".join([problem, *map(str, rejected)]))
    runs, claims = tabulate_runs(counted), tabulate_claims()
    numbers = tabulate_numbers(runs, claims)
    return Results(runs, claims, numbers, tabulate_accuracy(runs, claims, numbers), rejected)


def write_tables(results: Results, folder: Path) -> None:
    """Write accuracy.csv, accuracy.md, numbers.csv and runs.csv.

    accuracy.md also lists the records that the tables leave out.
    """
    require_own_folder()
    notes = "".join(f"\nLeft out: {error}\n" for error in results.rejected)
    table = summarize(results.accuracy).to_markdown(index=False, disable_numparse=True)
    contents = {
        "accuracy.csv": results.accuracy.round(3).to_csv(index=False),
        "accuracy.md": f"{table}\n{notes}",
        "numbers.csv": results.numbers.round(4).to_csv(index=False),
        "runs.csv": results.runs.drop(columns=UNWRITTEN).to_csv(index=False, float_format="%.6g"),
    }
    for name, content in contents.items():
        write_text(folder / name, content)


def compare_with_claims(run: Run, claims: pd.DataFrame) -> str:
    """Return sentences that compare a run's test accuracy with the published test accuracies."""
    own = claims["configuration"] == run.configuration_name
    published = claims.loc[own, "published_test_accuracy"].dropna()
    sentences = [f"This run has a test accuracy of {run.test_accuracy:.2f}%."] + [
        f"`{claim}` published {there}%, a difference of {run.test_accuracy - there:+.2f} "
        "percentage points."
        for claim, there in published.items()
    ]
    if published.empty:
        sentences.append("No test accuracy was published for this configuration.")
    if run.environment.other_bits:
        sentences.append(
            "The weights of this run differ from the specification, so the tables leave this run "
            "out."
        )
    return " ".join(sentences)
