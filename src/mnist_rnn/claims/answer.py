"""The answer of the reproduction, in sentences whose numbers are computed from results/."""

import csv
from collections import Counter

from mnist_rnn.claims.equivalence import compare_seeds
from mnist_rnn.claims.originals import read_originals
from mnist_rnn.claims.published import JUDGED
from mnist_rnn.claims.verdicts import VERDICTS
from mnist_rnn.config import Configuration
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records.record import read_record, run_path


def read_results() -> list[dict[str, str]]:
    """The rows of accuracy.csv whose claims are judged."""
    with (COMMITTED / "accuracy.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in JUDGED]


def answer() -> str:
    """Whether the accuracy of the reproduced notebook holds, and how exactly, in one sentence."""
    name = Configuration().name
    row = next(row for row in read_results() if row["configuration"] == name)
    originals = read_originals(COMMITTED / "originals")
    seeds = (int(run.split("-")[1]) for run in originals if run.startswith("seeded-"))
    paths = (run_path(Configuration(seed=seed), ".json", COMMITTED) for seed in seeds)
    seeded = compare_seeds([read_record(path) for path in paths], originals)
    return (
        f"The published {row['published_test_accuracy']}% "
        f"{'does not hold' if row['verdict'] == 'not reproduced' else 'holds'}: {row['runs']} runs "
        f"of ours reach {row['mean']} ± {row['sd']}%, and the original's code, started from the "
        f"same weights as ours, makes the same number of test errors after "
        f"{seeded['same_errors'].sum()} of {seeded['epochs'].sum()} epochs."
    )


def count_verdicts() -> str:
    """How many of the published results have each verdict, in one sentence."""
    counts = Counter(row["verdict"] for row in read_results())
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    return f"Verdicts on {counts.total()} published results: {', '.join(parts)}."
