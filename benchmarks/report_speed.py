"""Write results/benchmark/README.md, with a table of training times for each CPU."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from speed import DEFAULT, FOLDER

from mnist_rnn.config import Configuration
from mnist_rnn.records.environment import PACKAGES
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import shown

RUN = Configuration().epochs
PAGE = """# Training time, compared with the original's code, JAX and PyTorch

{answer}

In each round, every contender trains once. A ratio is our training time divided by the
contender's training time in the same round. The table gives the ratio's median and range over the
rounds. If a ratio is below 1, our code is faster.

- `original` is the original notebook's code, with the layer, units and dropout of the measured
  network.
- `jax` and `pytorch` train in the fastest way that JAX and PyTorch offer.
- `jax_same_bits` and `pytorch_same_bits` are the programs of `implementations/`, whose weights are
  bit-identical to our weights.
- `products` computes only the matrix products of our training step.
- The row **one run** gives the time of the compilation and {epochs} epochs on two cores. It is
  extrapolated from {measured} epochs.
- The row **two runs at once** gives the mean time of two runs that train at the same time, each on
  one core.
- Rows of other networks give the time of one epoch of 6,400 images on two cores, without
  compilation."""
NAMES = {"original": "the time of the original's code", "jax": "JAX's", "pytorch": "PyTorch's"}


def read_measurements(path: Path) -> pd.DataFrame:
    """Return one row per measurement: what was measured, seconds, contender, round and epochs."""
    rows = []
    for row in pd.read_csv(path).to_dict("records"):
        laps = np.array(row["epoch_seconds"].split(), float).reshape(row["runs"], -1)
        others = laps[:, 1:]
        if row["section"] == "network":
            seconds = np.median(others, axis=1).mean()
        else:
            seconds = np.mean(laps[:, 0] + (RUN - 1) * others.mean(axis=1))
        rows.append(
            {"measured": name_measured(row), "seconds": seconds}
            | {name: row[name] for name in ("contender", "round", "epochs")}
        )
    return pd.DataFrame(rows)


def name_measured(row: dict) -> str:
    """Return a measurement's section, or its network's differences from the default network."""
    changed = (f"{name} {row[name]}" for name in DEFAULT if name in ("layer", "units", "dropout")
               and row[name] != DEFAULT[name])  # fmt: skip
    return ", ".join(changed) if row["section"] == "network" else row["section"]


def compare(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network or section, with our time and its ratios to other times."""
    rounds = table.pivot_table(
        index=["measured", "round"], columns="contender", values="seconds", sort=False
    )
    ratios = rounds.rdiv(rounds["ours"], axis=0).drop(columns="ours")
    by_measured = ratios.groupby("measured", sort=False)
    low, median, high = by_measured.min(), by_measured.median(), by_measured.max()
    compared = rounds["ours"].groupby("measured", sort=False).median().round(2).to_frame("ours (s)")
    for contender in ratios:
        three = zip(median[contender], low[contender], high[contender], strict=True)
        compared[f"ours / {contender}"] = [
            "" if np.isnan(a) else f"{a:.2f} ({b:.2f} to {c:.2f})" for a, b, c in three
        ]
    return compared


def say(table: pd.DataFrame) -> str:
    """Return a sentence's end that compares our time for the default run with other times."""
    one = table[table["measured"] == "one run"]
    seconds = one.pivot_table(index="round", columns="contender", values="seconds")
    ratios = seconds.rdiv(seconds["ours"], axis=0).median()
    parts = [f"{ratios[key]:.2f} times {name}" for key, name in NAMES.items() if key in ratios]
    return f"our training time is {', '.join(parts)}"


def describe(folder: Path) -> str:
    """Return the page's text."""
    parts, answers, measured = [], [], 0
    for path in sorted(folder.glob("*.json")):
        machine = json.loads(path.read_text(encoding="utf-8"))
        cpu, table = machine["cpu"], read_measurements(path.with_suffix(".csv"))
        name = f"{cpu['vendor']}, family {cpu['family']}, model {cpu['model']}"
        answers.append(f"On {name}, {say(table)}.")
        measured = table.query("measured == 'one run'")["epochs"].max()
        versions = ", ".join(f"{package} {machine['versions'][package]}" for package in PACKAGES)
        commit = (machine["commit"] or "unknown")[:7]
        parts.append(f"## {name}\n\n{cpu['name']}. {versions}. Commit {commit}.")
        parts.append(compare(table).reset_index().to_markdown(index=False))
    head = PAGE.format(answer=" ".join(answers), epochs=RUN, measured=measured or "a few")
    return "\n\n".join([head, *parts]) + "\n"


if __name__ == "__main__":
    write_text(FOLDER / "README.md", describe(FOLDER))
    print("Written:", shown(FOLDER / "README.md"))
