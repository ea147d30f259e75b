"""Prepare the tables and sentences of workflow/report.ipynb, a report of a user's own runs."""

from textwrap import fill

import pandas as pd

from mnist_rnn.analysis.answer import choose_results
from mnist_rnn.analysis.tables import Results, tabulate_results
from mnist_rnn.config import Configuration
from mnist_rnn.records.run import Run, read_run, read_runs, run_path
from mnist_rnn.system.paths import COMMITTED, OUTPUTS, OWN_CLAIMS, shown

REACHED = ["test_accuracy", "test_errors", "test_loss", "last_epoch_accuracy", "mean_loss"]
REACHED += ["parameters", "seconds"]


def add_committed(own: Results) -> Results:
    """Add our runs of the published results to the tables of a user's runs, in rows of their own.

    The column `folder` tells whose runs a row has.
    """
    published = choose_results(own.claims)["configuration"].tolist()
    records = [run for run in read_runs(COMMITTED)[0] if run.configuration_name in published]
    if OUTPUTS == COMMITTED or not records:
        return own
    ours = tabulate_results(records, [])
    ours = ours._replace(accuracy=choose_results(ours.accuracy))
    folders = {shown(OUTPUTS): own, shown(COMMITTED): ours}
    for name in ("runs", "numbers", "accuracy"):
        parts = [getattr(part, name).assign(folder=folder) for folder, part in folders.items()]
        own = own._replace(**{name: pd.concat(parts)})
    return own


def describe_folder(results: Results, records: list[Run]) -> str:
    """Return sentences on invalid files, missing runs, other versions and uncommitted changes."""
    sentences = [f"Left out: {error}" for error in results.rejected]
    claims, there = results.claims, results.runs["configuration"]
    missing = claims.index[~claims["configuration"].isin(there)]
    if len(missing) and OWN_CLAIMS:
        sentences.append(f"Claims without a run: {', '.join(f'`{name}`' for name in missing)}.")
    committed = read_run(run_path(Configuration(), ".json", COMMITTED)).environment.versions
    notes: dict[str, list[str]] = {}
    for run in records:
        made = run.environment
        others = made.versions.items() - committed.items() if run.code == "ours" else ()
        found = [f"{name} {version}" for name, version in sorted(others) if name != "python"]
        found += ["uncommitted changes of the code"] * (made.clean is False)
        for note in found:
            notes.setdefault(note, []).append(f"`{run.name}`")
    sentences += [f"Made with {note}: {', '.join(names)}." for note, names in notes.items()]
    return "\n\n".join(sentences)


def name_rows(results: Results) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the runs and the claims of each row of the figure, by the name of the row.

    A row has the names of its claims, or the name of a configuration that has no claim.
    """
    rows: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    keys = [name for name in ("folder", "configuration") if name in results.accuracy]
    runs = dict(iter(results.runs.groupby(keys)))
    for key, group in results.accuracy.groupby(keys, sort=False):
        *folder, configuration = key
        claims = group["claim"].dropna()
        name = ", ".join(claims) or configuration
        if name in rows:
            name = f"{name}: {configuration}"
        name = fill(" ".join([name, *(f"({where})" for where in folder)]), 60)
        rows[name] = runs[key], results.claims.loc[claims]
    return rows
