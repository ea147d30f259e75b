"""The tables: runs, whoever's code computed them, and claims with the runs that answer them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnist_rnn.analysis.claims import CONFIGURATION, UNPUBLISHED, tabulate_claims
from mnist_rnn.analysis.comparisons import compare_seeds
from mnist_rnn.analysis.verdicts import (
    EVIDENCE,
    FEWEST,
    choose_judged,
    judge_claims,
    predict_interval,
)
from mnist_rnn.config import Configuration
from mnist_rnn.errors import RecordError
from mnist_rnn.files import write_text
from mnist_rnn.paths import RESULTS, shown
from mnist_rnn.records.run import Run, read_runs

REPRODUCED = "notebook-2019"
# What `judge_claims` says of a claim, in a sentence about one and about several.
ANSWERS = {
    "agrees": ("agrees", "agree"),
    "in doubt": ("is in doubt", "are in doubt"),
    "contradicted": ("is contradicted", "are contradicted"),
    "too few runs": ("has too few runs", "have too few runs"),
}
SHOWN = ["claim", "published", "runs", "mean", "sd", "interval", "agrees", "p", "also_agree"]
SHOWN += ["near_misses", "detectable", "configuration"]  # the columns of accuracy.md


class Results(NamedTuple):
    """All that there is to report: three tables, and why files are no records."""

    runs: pd.DataFrame
    claims: pd.DataFrame
    accuracy: pd.DataFrame
    refused: list[RecordError]


def tabulate_runs(runs: list[Run]) -> pd.DataFrame:
    """The table of runs, by configuration and seed.

    Accuracies are in percent, losses in nats. `last_epoch_accuracy`, `first_epoch_loss` and
    `mean_log_loss` (the mean over the epochs of the loss's natural logarithm) are measured on the
    training images while the weights change. `loss_by_epoch` and `test_errors_by_epoch` are tuples.
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
            "test_accuracy": run.test_accuracy,
            "test_errors": run.test_errors,
            "test_loss": run.test_loss,
            "last_epoch_accuracy": 100 * run.history.accuracy[-1],
            "first_epoch_loss": run.history.loss[0],
            "mean_log_loss": float(np.log(run.history.loss).mean()),
            "seconds": run.seconds,
            "weights_sha256": run.weights_sha256,
            "code_sha256": run.environment.code_sha256,
            "loss_by_epoch": tuple(run.history.loss),
            "test_errors_by_epoch": tuple(run.history.test_errors),
        }
        for run in runs
    ]
    table = pd.DataFrame(rows).astype({"train_errors": "Int64"})
    return table.sort_values(["configuration", "seed"], ignore_index=True)


def tabulate_accuracy(runs: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """A row a claim, then a row a configuration that has runs and that is not among the claims.

    Accuracies in percent: the published number, mean and sample standard deviation over the seeds,
    the 95% interval of one further run as printed, and what `judge_claims` says. `agrees` of a
    claim that is not judged says where its number lies.
    """
    ours = runs.groupby("configuration")["test_errors"].agg(runs="count", mean="mean", sd="std")
    # Means of whole numbers are the same on every machine; those of fractions may not be.
    ours["mean"], ours["sd"] = 100 - ours["mean"] / 100, ours["sd"] / 100
    unclaimed = runs[~runs["configuration"].isin(claims["configuration"])]
    fields = ["configuration", *CONFIGURATION]
    others = unclaimed.drop_duplicates("configuration")[fields]
    table = pd.concat([claims.reset_index(), others], ignore_index=True)
    table = table.rename(columns={"test_accuracy": "published_test_accuracy"})
    table = table.join(ours, on="configuration").join(predict_interval(runs), on="configuration")
    table["runs"] = table["runs"].fillna(0).astype(int)
    parameters = runs.drop_duplicates("configuration").set_index("configuration")["parameters"]
    table["parameters"] = table["configuration"].map(parameters).astype("Int64")
    half = table["test_accuracy_half_unit"].fillna(0)
    table["interval_low"] = (table["interval_low"] - half).clip(lower=0)
    table["interval_high"] = (table["interval_high"] + half).clip(upper=100)
    table = table.join(judge_claims(claims, runs), on="claim")
    table["agrees"] = table["agrees"].fillna(table.apply(locate, axis=1))
    table = table.round({"mean": 2, "sd": 2})
    for column in ("also_agree", "near_misses"):
        table[column] = table[column].map("; ".join, "ignore")
    columns = ["kind", "parameters", "published_test_accuracy", "runs", "mean", "sd"]
    columns += ["interval_low", "interval_high", "agrees", "p", *EVIDENCE]
    columns += ["also_agree", "near_misses", "detectable", "source"]
    return table[["claim", *fields, *columns]]


def locate(row: pd.Series) -> str:
    """Where a number that is not judged lies, beside the interval of our runs."""
    published = row["published_test_accuracy"]
    if pd.isna(published):
        return ""
    if row["runs"] < FEWEST:
        return "too few runs"
    if row["interval_low"] <= published <= row["interval_high"]:
        return "within our interval"
    side = "below" if row["interval_low"] > published else "above"
    return f"{side} our interval"


def read_results(results: Path = RESULTS) -> Results:
    """The results of this folder, for the claims of PUBLISHED.

    Raises:
        RecordError: there is no record.
    """
    records, refused = read_runs(results)
    if not records:
        raise RecordError(f"There is no record in {shown(results / 'runs')}; run `make sweep`.")
    runs, claims = tabulate_runs(records), tabulate_claims()
    return Results(runs, claims, tabulate_accuracy(runs, claims), refused)


def leave_out(table: pd.DataFrame, unwanted: pd.Series) -> pd.DataFrame:
    """The table without the unwanted rows; with them where there is no other."""
    return table if unwanted.all() else table[~unwanted]


def write_tables(folder: Path = RESULTS) -> Results:
    """Write accuracy.csv, accuracy.md and runs.csv, and return what they are made of.

    accuracy.md has fewer columns, and claims without a number only where there are no others. It
    names the files that are not records.

    Raises:
        RecordError: there is no record.
    """
    results = read_results(folder)
    runs, _, table, refused = results
    formats = dict.fromkeys(["mean", "sd", "detectable"], "{:.2f}")
    formats |= dict.fromkeys(["interval_low", "interval_high", "p", *EVIDENCE], "{:.3f}")
    rounded = {name: table[name].map(form.format, "ignore") for name, form in formats.items()}
    text = table.assign(**rounded).astype("string").fillna("")
    notes = "".join(f"\nLeft out: {error}\n" for error in refused)
    rows = leave_out(text, table["kind"].isin(UNPUBLISHED))
    rows = rows.rename(columns={"published_test_accuracy": "published"})
    rows["interval"] = (rows["interval_low"] + " to " + rows["interval_high"]).replace(" to ", "")
    contents = {
        "accuracy.csv": text.to_csv(index=False),
        "accuracy.md": f"{rows[SHOWN].to_markdown(index=False, disable_numparse=True)}\n{notes}",
        "runs.csv": runs.drop(columns=["loss_by_epoch", "test_errors_by_epoch"]).to_csv(
            index=False, float_format="%.6g"
        ),
    }
    for name, content in contents.items():
        write_text(folder / name, content)
    return results


def compare_with_claims(run: Run, claims: pd.DataFrame) -> str:
    """Sentences that set a run's test accuracy beside the numbers published for it."""
    own = claims["configuration"] == run.configuration_name
    published = claims.loc[own, "test_accuracy"].dropna()
    sentences = [f"This run reached {run.test_accuracy:.2f}%."] + [
        f"`{claim}` published {there}%: {run.test_accuracy - there:+.2f} percentage points."
        for claim, there in published.items()
    ]
    if published.empty:
        sentences.append("Nobody published a number for its configuration.")
    return " ".join(sentences)


def describe_answers(accuracy: pd.DataFrame) -> str:
    """How many of the judged claims have each answer, in a sentence or two."""
    judged = choose_judged(accuracy)
    if judged.empty:
        return "No published result is among the claims."
    parts = []
    for answer, (of_one, of_more) in ANSWERS.items():
        claims = judged.loc[judged["agrees"] == answer, "claim"]
        names = f"({', '.join(f'`{claim}`' for claim in claims)})"
        about = "with runs of their own configuration" if answer == "agrees" else names
        if len(claims):
            parts.append(f"{len(claims)} {of_one if len(claims) == 1 else of_more} {about}")
    agreeing = judged[judged["agrees"] == "agrees"]
    return (
        f"Of {len(judged)} published results, {'; '.join(parts)}. "
        f"Of the {len(agreeing)} that agree, {(agreeing['also_agree'] == '').sum()} agree with no "
        "other published configuration."
    )


def describe_default(results: Results) -> str:
    """The answer for the reproduced notebook, in a sentence; empty without its claim or runs."""
    accuracy, default = results.accuracy.set_index("claim"), Configuration().name
    if REPRODUCED not in accuracy.index or default not in set(results.runs["configuration"]):
        return ""
    row, same = accuracy.loc[REPRODUCED], compare_seeds(results.runs, default, "seeded")
    holds = "holds" if row["agrees"] == "agrees" else ANSWERS[row["agrees"]][0]
    ours = f"{row['runs']} runs of ours reach" if row["runs"] > 1 else "1 run of ours reaches"
    spread = f" ± {row['sd']:.2f}" if row["runs"] > 1 else ""
    sentence = (
        f"The published result {holds}: {row['published_test_accuracy']}% of unseen digits read "
        f"right; {ours} {row['mean']:.2f}{spread}%."
    )
    if same.empty:
        return sentence
    return (
        f"{sentence} The original's own code, on today's Keras, given the initial weights and the "
        f"order of images of {len(same)} of these runs, makes as many test errors as ours after "
        f"{same['same_errors'].sum()} of {same['epochs'].sum()} epochs."
    )
