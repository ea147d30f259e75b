"""The tables: what was published, our runs of the same configuration, and the verdict.

`python -m mnist_rnn.report` rebuilds them from the records, as 03_results.ipynb does.
"""

from pathlib import Path

import pandas as pd

from mnist_rnn.config import PARAMETERS, TEST_SIZE, Configuration
from mnist_rnn.errors import ExperimentError, RecordError
from mnist_rnn.evaluation import NUM_CLASSES
from mnist_rnn.files import replacing
from mnist_rnn.paths import RESULTS, shown
from mnist_rnn.published import Claim, differences, load_claims
from mnist_rnn.records import Record, read_records, tabulate_runs
from mnist_rnn.verdicts import judge, predict_interval

CONFIGURATION = [name for name in PARAMETERS if name not in ("claim", "seed")]
MEASURES = ["mean", "sd", "interval_low", "interval_high"]
FEATURES = 28


def count_parameters(cell: str, units: int) -> int:
    """The network's trainable parameters: the recurrent layer's and the dense layer's."""
    recurrent = {
        "simple_rnn": units * (FEATURES + units + 1),
        "lstm": 4 * units * (FEATURES + units + 1),
        "gru": 3 * units * (FEATURES + units + 2),  # Keras's GRU has two bias vectors
    }
    return recurrent[cell] + (units + 1) * NUM_CLASSES


def tabulate_accuracy(runs: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """A row a claim, then a row a configuration that has runs and that nobody published.

    Test accuracies in percent: the published figure, mean and sample standard deviation over the
    seeds, the interval and the verdict of `verdicts.RULE`.
    """
    ours = runs.groupby("configuration")["test_errors"].agg(runs="count", mean="mean", sd="std")
    # Means of whole numbers are the same on every machine; those of fractions may not be.
    ours["mean"], ours["sd"] = 100 - 100 * ours["mean"] / TEST_SIZE, 100 * ours["sd"] / TEST_SIZE
    unclaimed = runs[~runs["configuration"].isin(claims["configuration"])].drop(columns="claim")
    table = pd.concat([claims.reset_index(), unclaimed.drop_duplicates("configuration")])
    table = table.join(ours, on="configuration").reset_index(drop=True)
    table["runs"] = table["runs"].fillna(0).astype(int)
    table["parameters"] = table[["cell", "units"]].apply(lambda row: count_parameters(*row), axis=1)
    table = table.join(predict_interval(table)).round({"mean": 2, "sd": 2})
    table["verdict"] = table.apply(judge, axis=1)
    columns = ["parameters", "published_test_accuracy", "runs", *MEASURES, "verdict", "source"]
    return table[["claim", *CONFIGURATION, *columns]]


def write_tables(results: Path = RESULTS) -> tuple[list[Record], pd.DataFrame]:
    """Write accuracy.csv, accuracy.md and runs.csv from all records; returns these and the first.

    accuracy.md leaves out the sources, and the parameters in which all rows agree; it names the
    files that are not records.

    Raises:
        RecordError: there is no record.
    """
    records, left_out = read_records(results)
    if not records:
        raise RecordError(f"There is no record in {shown(results)}/runs; run `make reproduce`.")
    runs = tabulate_runs(records)
    table = tabulate_accuracy(runs, load_claims())
    decimals = {name: table[name].map("{:.2f}".format, "ignore") for name in MEASURES}
    text = table.assign(**decimals).astype("string").fillna("")
    agreed = [name for name in CONFIGURATION if len(set(text[name])) == 1]
    notes = "".join(f"\nLeft out: {error}\n" for error in left_out)
    markdown = text.drop(columns=["source", *agreed]).to_markdown(
        index=False, disable_numparse=True
    )
    contents = {
        "accuracy.csv": text.to_csv(index=False),
        "accuracy.md": f"{markdown}\n{notes}",
        "runs.csv": runs.drop(columns=["claim", *CONFIGURATION]).to_csv(
            index=False, float_format="%.3f"
        ),
    }
    for name, content in contents.items():
        with replacing(results / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return records, table


def compare(config: Configuration, claim: Claim, accuracy: float) -> str:
    """A sentence that sets a test accuracy (a fraction) beside the published figure."""
    here, published = round(100 * accuracy, 1), claim.published_test_accuracy
    departures = ", ".join(f"{name} {value}" for name, value in differences(config, claim).items())
    if departures:
        return (
            f"This run reached {here:.1f}%. The claim {claim.claim} ({published}%) is about "
            f"another configuration: here {departures}."
        )
    return (
        f"This run reached {here:.1f}%; the claim {claim.claim} published {published}%: "
        f"{here - published:+.1f} percentage points."
    )


def main() -> None:
    """Rebuild the tables from all records and show the accuracies."""
    try:
        records, _ = write_tables()
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    print((RESULTS / "accuracy.md").read_text(encoding="utf-8"))
    print(f"From {len(records)} record(s) in {shown(RESULTS / 'runs')}.")


if __name__ == "__main__":
    main()
