"""Prepare the tables and sentences that workflow/report.ipynb shows about a folder of runs."""

import pandas as pd

from mnist_rnn.analysis.claims import CONFIGURATION
from mnist_rnn.analysis.tables import Results
from mnist_rnn.errors import ParameterError
from mnist_rnn.paths import PUBLISHED, ROOT

REACHED = ["test_accuracy", "test_errors", "test_loss", "last_epoch_accuracy", "mean_loss"]
REACHED += ["parameters", "seconds"]


def describe_folder(results: Results) -> str:
    """Return sentences about missing runs and invalid files.

    Claims without runs are listed only if `MNIST_RNN_PUBLISHED` selects another claims.csv.
    """
    claims, there = results.claims, results.runs["configuration"]
    missing = claims.index[~claims["configuration"].isin(there)]
    sentences = [f"Left out: {error}" for error in results.refused]
    if len(missing) and PUBLISHED != ROOT / "data" / "published":
        sentences.append(f"Claims without a run: {', '.join(f'`{name}`' for name in missing)}.")
    return "\n\n".join(sentences)


def name_rows(results: Results) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return the runs and the claims of each configuration, each as a dictionary by row name."""
    groups = dict(list(results.runs.groupby("configuration")))
    rows, published = {}, {}
    for configuration in results.accuracy["configuration"].drop_duplicates():
        claims = results.claims[results.claims["configuration"] == configuration]
        own = claims.index[claims["test_accuracy"].isna()]
        name = own[0] if len(own) else configuration
        rows[name], published[name] = groups[configuration], claims
    return rows, published


def list_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the table of runs. Its index names configuration and seed, as in `gru-256-sgd/0`."""
    names = runs["configuration"] + "/" + runs["seed"].astype(str)
    return runs.set_index(names.rename("run"))


def choose_runs(runs: pd.DataFrame, first: str = "", second: str = "") -> pd.DataFrame:
    """Return the runs `first` and `second`, by default the most and the least accurate run.

    Raises:
        ParameterError: `first` or `second` is not in the index of `runs`.
    """
    for parameter, name in (("first", first), ("second", second)):
        if name and name not in runs.index:
            expected = f"the name of a run, such as {runs.index[0]}"
            raise ParameterError(f"{parameter}: expected {expected}, got {name}.")
    ranked = runs.sort_values("test_accuracy", ascending=False, kind="stable").index
    return runs.loc[list(dict.fromkeys([first or ranked[0], second or ranked[-1]]))]


def compare_runs(chosen: pd.DataFrame) -> pd.DataFrame:
    """Return a table with one column per run, and rows for differing parameters and for results."""
    names = (*CONFIGURATION, "seed")
    changed = [name for name in names if len(set(map(str, chosen[name]))) > 1]
    table = chosen[changed + REACHED].astype(object)
    return table.map(lambda value: f"{value:.5g}" if isinstance(value, float) else str(value)).T
