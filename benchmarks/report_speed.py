"""README.md of results/benchmark: one table of all CPUs, and one of each CPU's measurements."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from speed import DEFAULT, FOLDER

from mnist_rnn.config import Configuration
from mnist_rnn.files import write_text
from mnist_rnn.paths import shown
from mnist_rnn.records.digest import digest_code
from mnist_rnn.records.environment import PACKAGES

RUN = Configuration().epochs
PAGE = """# Time and memory beside the original's code, JAX and PyTorch

`original` is the original's code, for other networks with Keras's layer of that name; it draws
weights of its own, while `ours`, `jax` and `pytorch` share theirs. `products` does only the step's
matrix products, timestep by timestep. The contenders take turns on two cores.

- **a run**: seconds of {epochs} epochs on both cores, extrapolated from the first, which includes
  what is compiled, and the mean of the few others that were trained.
- **runs an hour**: two runs at once, each on one core; the original's one after the other, on both.
- **an epoch**: seconds, of 6,400 images, on both cores.

`test accuracy` is after the epochs that were trained; `before` is ours of another checkout.
`ours / it` is ours divided by the contender, the median over the rounds: ours is faster where it is
below 1 for seconds, above 1 for runs an hour."""


def read_measurements(path: Path) -> pd.DataFrame:
    """A row for each value: what was measured, contender, round, value, and the file's columns."""
    rows = []
    table = pd.read_csv(path).query("section in ('one run', 'sweep', 'layers')")
    for row in table.to_dict("records"):
        laps = np.array(row["epoch_seconds"].split(), float).reshape(row["runs"], -1)
        others = laps[:, 1:]
        run = np.mean(laps[:, 0] + (RUN - 1) * others.mean(axis=1))
        values = {"a run": run, "runs an hour": 2 // row["cores"] * 3600 / run}
        if row["section"] == "layers":
            values = {f"an epoch, {name_network(row)}": np.median(others, axis=1).mean()}
        elif row["section"] == "sweep":
            del values["a run"]
        elif row["contender"] != "original":
            del values["runs an hour"]
        rows += [row | {"measured": name, "value": value} for name, value in values.items()]
    return pd.DataFrame(rows)


def name_network(row: dict) -> str:
    """What this network has in place of the default's."""
    changed = {name: row[name] for name in ("layer", "units", "dropout")}
    return ", ".join(f"{n} {v}" for n, v in changed.items() if v != DEFAULT[n])


def compare(table: pd.DataFrame) -> pd.DataFrame:
    """By what was measured and contender: median, range, ours relative to it, and more."""
    rounds = table.pivot_table(index=["measured", "round"], columns="contender", values="value")
    ratios = rounds.rdiv(rounds["ours"], axis=0).groupby("measured").median()
    groups = table.groupby(["measured", "contender"])
    compared = groups["value"].agg(median="median", lowest="min", highest="max", rounds="count")
    compared["ours / it"] = [ratios.loc[place] for place in compared.index]
    compared["peak memory (MB)"] = groups["peak_memory_mb"].max()
    compared["test accuracy"] = groups["test_accuracy"].median().round(3)
    return compared.round(dict.fromkeys(("median", "lowest", "highest", "ours / it"), 2))


def to_markdown(table: pd.DataFrame) -> str:
    """The table, with nothing where a figure is missing."""
    return table.reset_index().astype("string").fillna("").to_markdown(index=False)


def describe(folder: Path) -> str:
    """The page of all machines that were measured: a .csv and a .json each."""
    parts, ratios = [], {}
    for path in sorted(folder.glob("*.json")):
        machine = json.loads(path.read_text(encoding="utf-8"))
        cpu = machine["cpu"]
        name = f"{cpu['vendor']}, family {cpu['family']}, model {cpu['model']}"
        compared = compare(read_measurements(path.with_suffix(".csv")))
        ratios[name] = compared["ours / it"].drop("ours", level="contender").dropna()
        versions = ", ".join(f"{package} {machine['versions'][package]}" for package in PACKAGES)
        as_it_stands = machine["code_sha256"] == digest_code()
        step = (
            "with the training step as it stands"
            if as_it_stands
            else "before the training step was changed"
        )
        commit = (machine["commit"] or "unknown")[:7]
        parts.append(f"## {name}\n\n{cpu['name']}. {versions}. Commit {commit}, {step}.")
        parts.append(to_markdown(compared))
    head = [
        PAGE.format(epochs=RUN),
        "## Ours / it, on each CPU",
        to_markdown(pd.DataFrame(ratios)),
    ]
    return "\n\n".join([*head, *parts]) + "\n"


if __name__ == "__main__":
    write_text(FOLDER / "README.md", describe(FOLDER))
    print("Written:", shown(FOLDER / "README.md"))
