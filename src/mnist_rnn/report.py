"""The accuracy table: every configuration that has runs, beside what was published for it.

`python -m mnist_rnn.report` rebuilds it from the records.
"""

from pathlib import Path

import pandas as pd

from mnist_rnn.config import TRAIN_SIZE, Configuration
from mnist_rnn.errors import RecordError
from mnist_rnn.files import replacing
from mnist_rnn.paths import RESULTS, shown
from mnist_rnn.published import EXPERIMENT, differences, load_claims
from mnist_rnn.records import read_records, tabulate_runs

CONFIGURATION = [*EXPERIMENT, "learning_rate", "train_size"]


def tabulate_accuracy(runs: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """A row a claim that has runs, then a row a configuration that nobody published.

    Test accuracies in percent: mean and sample standard deviation over the seeds (none for a
    single run), and the published figure.
    """
    runs = runs.assign(test_accuracy=100 * runs["test_accuracy"])
    runs = runs.astype({"learning_rate": "float64"})
    accuracy = runs.groupby(CONFIGURATION, dropna=False)["test_accuracy"]
    ours = accuracy.agg(runs="count", mean="mean", sd="std").round(2).reset_index()
    claims = claims.assign(learning_rate=float("nan"), train_size=TRAIN_SIZE).reset_index()
    claims = claims[["claim", *CONFIGURATION, "published_test_accuracy"]]
    claimed = claims.merge(ours, on=CONFIGURATION)
    unclaimed = ours.merge(claims[CONFIGURATION], on=CONFIGURATION, how="left_anti")
    table = pd.concat([claimed, unclaimed], ignore_index=True)
    return table[["claim", *CONFIGURATION, "runs", "mean", "sd", "published_test_accuracy"]]


def write_tables(table: pd.DataFrame, left_out: list[RecordError], results: Path) -> list[Path]:
    """Write accuracy.csv and accuracy.md; the latter names the files that were left out."""
    notes = "".join(f"\nLeft out: {error}\n" for error in left_out)
    decimals = {name: table[name].map("{:.2f}".format, "ignore") for name in ("mean", "sd")}
    table = table.assign(**decimals).astype("string").fillna("")
    contents = {
        results / "accuracy.csv": table.to_csv(index=False),
        results / "accuracy.md": table.to_markdown(index=False, disable_numparse=True)
        + f"\n{notes}",
    }
    for path, content in contents.items():
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return list(contents)


def compare(config: Configuration, claim: pd.Series, accuracy: float) -> str:
    """A sentence that sets a test accuracy (a fraction) beside the published figure."""
    here, published = round(100 * accuracy, 1), claim["published_test_accuracy"]
    departures = differences(config, claim)
    if departures:
        listed = ", ".join(f"{name} {value}" for name, value in departures.items())
        return (
            f"This run reached {here:.1f}%. The claim {claim.name} ({published}%) is about "
            f"another configuration: here {listed}."
        )
    return (
        f"This run reached {here:.1f}%; the claim {claim.name} published {published}%: "
        f"{here - published:+.1f} percentage points."
    )


def main() -> None:
    """Rebuild the tables from all records and say what they hold."""
    records, left_out = read_records()
    if not records:
        raise SystemExit(f"There is no record in {shown(RESULTS)}/runs; run `make reproduce`.")
    table = tabulate_accuracy(tabulate_runs(records), load_claims())
    paths = write_tables(table, left_out, RESULTS)
    print(paths[1].read_text(encoding="utf-8"))
    print(f"From {len(records)} record(s) in {shown(RESULTS / 'runs')}.")
    print("Written:", ", ".join(map(shown, paths)))


if __name__ == "__main__":
    main()
