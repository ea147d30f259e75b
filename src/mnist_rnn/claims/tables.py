"""The tables: what was published, our runs of the same configuration, and the verdict."""

from pathlib import Path

import pandas as pd

from mnist_rnn.claims.originals import Original, measure_history, read_originals, tabulate_originals
from mnist_rnn.claims.published import CONFIGURATION, JUDGED, find_claims, load_claims, read_numbers
from mnist_rnn.claims.verdicts import FEWEST, SCALES, VERDICTS, judge_claims, predict_interval
from mnist_rnn.config import TEST_SIZE
from mnist_rnn.errors import RecordError
from mnist_rnn.files import write_text
from mnist_rnn.paths import RESULTS, shown
from mnist_rnn.records.record import Record, read_records

OF_RUNS = ["runs", "mean", "sd", "interval_low", "interval_high"]
EVIDENCE = [f"p_{measure}" for measure in SCALES]
SHOWN = ["claim", "verdict", "published", "runs", "mean", "sd", "interval", "p", "detectable"]
SHOWN += ["leave_one_out", "network"]  # the columns of accuracy.md


def tabulate_runs(records: list[Record]) -> pd.DataFrame:
    """A row a run, by configuration and seed: accuracies in percent, losses in nats, digest."""
    rows = [
        {"configuration": record.config.name, "network": record.config.label}
        | record.config.model_dump()
        | {
            "parameters": record.parameters,
            "train_accuracy": 100 * record.train.accuracy,
            "train_errors": record.train.errors,
            "test_accuracy": 100 * record.test.accuracy,
            "test_errors": record.test.errors,
            "test_loss": record.test.loss,
        }
        | measure_history(record.history)
        | {"seconds": record.seconds, "weights_sha256": record.weights_sha256}
        for record in records
    ]
    return pd.DataFrame(rows).sort_values(["configuration", "seed"], ignore_index=True)


def tabulate_accuracy(runs: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """A row a claim, then a row a configuration that has runs and that is not among the claims.

    Accuracies in percent: the published number, mean and sample standard deviation over the
    seeds, the 95% interval of one further run as printed, and what `judge_claims` says.
    """
    ours = runs.groupby("configuration")["test_errors"].agg(runs="count", mean="mean", sd="std")
    # Means of whole numbers are the same on every machine; those of fractions may not be.
    ours["mean"], ours["sd"] = 100 - 100 * ours["mean"] / TEST_SIZE, 100 * ours["sd"] / TEST_SIZE
    unclaimed = runs[~runs["configuration"].isin(claims["configuration"])]
    table = pd.concat([claims.reset_index(), unclaimed.drop_duplicates("configuration")])
    table = table.join(ours, on="configuration").reset_index(drop=True)
    table["runs"] = table["runs"].fillna(0).astype(int)
    parameters = runs.drop_duplicates("configuration").set_index("configuration")["parameters"]
    table["parameters"] = table["configuration"].map(parameters).astype("Int64")
    table = table.join(predict_interval(runs), on="configuration")
    half = table["rounding"].fillna(0) / 2
    table["interval_low"] = (table["interval_low"] - half).clip(lower=0)
    table["interval_high"] = (table["interval_high"] + half).clip(upper=100)
    table = table.round(dict.fromkeys(OF_RUNS[1:], 2))
    numbers = read_numbers(claims)
    table = table.join(judge_claims(numbers, runs), on="claim")
    table["verdict"] = table["verdict"].fillna(table.apply(compare_text, axis=1))
    networks = dict(zip(table["configuration"], table["network"], strict=True))
    table["also_agree"] = table["also_agree"].map(
        lambda names: "; ".join(networks[name] for name in names), "ignore"
    )
    columns = ["kind", "verdict", "parameters", "published_test_accuracy", *OF_RUNS]
    columns += ["p", *EVIDENCE, "detectable", "by_test_accuracy", "leave_one_out", "also_agree"]
    columns += ["network", "source"]
    return table[["claim", "configuration", *CONFIGURATION, *columns]]


def add_pytorch(runs: pd.DataFrame, originals: dict[str, Original]) -> pd.DataFrame:
    """These runs, and those of the PyTorch notebook's code, which answer its claims."""
    theirs = tabulate_originals(originals, "pytorch")
    if theirs.empty:
        return runs
    whole = runs.select_dtypes("integer").columns.difference(theirs.columns)  # theirs are missing
    return pd.concat([runs.astype(dict.fromkeys(whole, "Int64")), theirs], ignore_index=True)


def compare_text(row: pd.Series) -> str:
    """Where a number that is not judged lies, beside the interval of our runs."""
    published = row["published_test_accuracy"]
    if pd.isna(published):
        return ""
    if row["runs"] < FEWEST:
        return "too few runs"
    if row["interval_low"] <= published <= row["interval_high"]:
        return "within our interval"
    side = "higher" if row["mean"] > published else "lower"
    return f"ours {side} by {abs(row['mean'] - published):.2f}"


def describe_verdicts(accuracy: pd.DataFrame) -> str:
    """How many claims are judged, and which have each verdict."""
    judged = accuracy[accuracy["kind"].isin(JUDGED)]
    lines = []
    for verdict in VERDICTS:
        names = [f"`{claim}`" for claim in judged.loc[judged["verdict"] == verdict, "claim"]]
        lines.append(f"- **{verdict}**: {len(names)}" + (f" ({', '.join(names)})" if names else ""))
    alone = (judged["by_test_accuracy"] == "reproduced").sum()
    return (
        f"{len(judged)} claims are judged.\n\n" + "\n".join(lines) + "\n\n"
        f"By the test accuracy alone, {alone or 'none'} would be *reproduced*."
    )


def write_tables(results: Path = RESULTS) -> tuple[list[Record], pd.DataFrame, pd.DataFrame]:
    """Write accuracy.csv, accuracy.md and runs.csv.

    Returns the records, a table of all runs (PyTorch's included), and the accuracy table.

    accuracy.md has fewer columns, and no candidates; it names the files that are not records.

    Raises:
        RecordError: there is no record.
    """
    records, left_out = read_records(results)
    if not records:
        raise RecordError(f"There is no record in {shown(results / 'runs')}; run `make sweep`.")
    ours = tabulate_runs(records)
    runs = add_pytorch(ours, read_originals(results / "originals"))
    table = tabulate_accuracy(runs, load_claims())
    two = {
        name: table[name].map("{:.2f}".format, "ignore") for name in [*OF_RUNS[1:], "detectable"]
    }
    three = {name: table[name].map("{:.3f}".format, "ignore") for name in ["p", *EVIDENCE]}
    text = table.assign(**two, **three).astype("string").fillna("")
    notes = "".join(f"\nLeft out: {error}\n" for error in left_out)
    rows = text[table["kind"] != "candidate"].rename(
        columns={"published_test_accuracy": "published"}
    )
    rows["interval"] = (rows["interval_low"] + " to " + rows["interval_high"]).replace(" to ", "")
    markdown = rows[SHOWN].to_markdown(index=False, disable_numparse=True)
    contents = {
        "accuracy.csv": text.to_csv(index=False),
        "accuracy.md": f"{markdown}\n{notes}",
        "runs.csv": ours.drop(columns=[*CONFIGURATION, "network"]).to_csv(
            index=False, float_format="%.6g"
        ),
    }
    for name, content in contents.items():
        write_text(results / name, content)
    return records, runs, table


def compare_with_claims(record: Record) -> str:
    """Sentences that set a run's test accuracy beside the numbers published for it."""
    here = 100 * record.test.accuracy
    sentences = [f"This run reached {here:.2f}%."]
    for claim in find_claims(record.config):
        there = claim.published_test_accuracy
        if there is not None:
            sentences.append(
                f"`{claim.claim}` published {there}%: {here - there:+.2f} percentage points."
            )
    if len(sentences) == 1:
        sentences.append("Nobody published a number for its configuration.")
    return " ".join(sentences)
