"""Tables (results/benchmark.md) and figure (results/benchmark.png) of results/benchmark.csv."""

from pathlib import Path

import numpy as np
import pandas as pd
from speed_figure import draw, name_networks

from mnist_rnn.config import TRAIN_SIZE
from mnist_rnn.files import replacing, write_text
from mnist_rnn.paths import COMMITTED, shown
from mnist_rnn.records.environment import PACKAGES, Environment, digest_code

EPOCHS = 20  # a run


def read_measurements(path: Path) -> pd.DataFrame:
    """One measurement a row; seconds of 20 epochs, of an epoch after the first, and the slowest.

    A run of fewer epochs is reckoned up to 20: the first, which includes what is compiled, and 19
    times the mean of the others. Where two runs shared the machine, the figures are their means.
    Runs an hour are of one run after the other, or one a core.
    """
    table = pd.read_csv(path)
    for index, row in table.dropna(subset="epoch_seconds").iterrows():
        laps = np.array(row["epoch_seconds"].split(), float).reshape(row["runs"], -1)
        others = laps[:, 1:]
        table.loc[index, "writing"] = 100 * row["writing_seconds"] / laps.sum()
        table.loc[index, "seconds"] = np.mean(laps[:, 0] + (EPOCHS - 1) * others.mean(axis=1))
        table.loc[index, "epoch"] = np.mean(np.median(others, axis=1))
        table.loc[index, "slowest"] = np.max(others.max(axis=1) / np.median(others, axis=1))
    return table.assign(per_hour=2 // table["cores"] * 3600 / table["seconds"])


def compare(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """By contender: median and range of a column, and the median over rounds of ours to it."""
    rounds = table.pivot_table(index="round", columns="contender", values=column)
    return pd.DataFrame(
        {
            "median": rounds.median(),
            "lowest": rounds.min(),
            "highest": rounds.max(),
            "rounds": rounds.count(),
            "ours / it": rounds.rdiv(rounds["ours"], axis=0).median(),
        }
    ).round(2)


def describe(table: pd.DataFrame, environment: Environment) -> str:
    """All tables in Markdown, with the machine that they were measured on."""
    sections = dict(list(table.groupby("section")))
    cpu, versions = environment.cpu, environment.versions
    trained = sections["one run"]["epochs"].max()
    reckoned = "" if trained == EPOCHS else f", extrapolated from {trained} epochs"
    networks = sections["layers"].groupby(name_networks(sections["layers"]))
    layers = {name: compare(group, "epoch") for name, group in networks}
    papermill = sections["papermill"][["before_seconds", "after_seconds", "peak_memory_mb"]]
    parts = {
        f"One run of {EPOCHS} epochs{reckoned}, on two cores (seconds)": one_run(sections),
        "Two runs at once, one a core (runs an hour)": sweep(sections),
        "The step's matrix products alone, and all of ours (GFLOP/s)": limit(sections),
        "Other networks (seconds an epoch of 6,400 images, two cores)": pd.concat(
            layers, names=["network"]
        ).reset_index("contender"),
        "papermill around training (seconds), and its run's memory": papermill.agg(["median"]),
    }
    return "\n\n".join(
        [
            "![The same in a figure](benchmark.png)",
            f"CPU: {cpu.vendor}, family {cpu.family}, model {cpu.model}, {cpu.name}. "
            + ", ".join(f"{name} {versions[name]}" for name in PACKAGES)
            + f". Commit {(environment.commit or 'unknown')[:7]}, {describe_code(environment)}. "
            "The contenders take turns; medians over the rounds, `ours / it` that of the "
            "rounds' ratios: below 1 ours is faster, but for runs an hour, where it is above 1.",
            "`original` is the original's code, which draws weights of its own; `ours`, `jax` and "
            "`pytorch` start from the same weights; `products alone` only does the step's matrix "
            "products.",
            bound(sweep(sections)["median"]),
            *(
                f"## {title}\n\n{part.round(3).astype('string').fillna('').to_markdown()}"
                for title, part in parts.items()
            ),
            f"Flags: {' '.join(cpu.flags)}",
        ]
    )


def describe_code(environment: Environment) -> str:
    """Whether what was measured is the training step as it stands."""
    same = environment.code_sha256 == digest_code()
    return "with the training step as it stands" if same else "before the training step was changed"


def one_run(sections: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a contender: seconds, and what else one run on both cores tells."""
    runs = sections["one run"]
    return compare(runs, "seconds").join(
        runs.groupby("contender").agg(
            **{f"test_accuracy_after_{runs['epochs'].max():.0f}": ("test_accuracy", "median")},
            slowest_to_median_epoch=("slowest", "median"),
            peak_memory_mb=("peak_memory_mb", "max"),
            writing_checkpoints_percent=("writing", "median"),
        )
    )


def sweep(sections: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a contender: runs an hour; the original's runs go one after the other, on both cores.

    The products alone, a timestep at a time, are the limit of any code that computes them so.
    """
    pairs = sections["sweep"].replace({"contender": {"products": "products alone"}})
    serial = sections["one run"].query("contender == 'original'")
    serial = serial.assign(contender="original, one run after the other")
    return compare(pd.concat([pairs, serial]), "per_hour")


def bound(per_hour: pd.Series) -> str:
    """How far ahead a sweep could be at most, in a sentence."""
    products = per_hour["products alone"]
    ratios = products / per_hour.drop("products alone")
    ratios = ", ".join(f"{ratio:.2f} times those of {name}" for name, ratio in ratios.items())
    return (
        "Two runs that did nothing but their matrix products, a timestep at a time, would allow "
        f"{products:.0f} runs an hour: {ratios}. Ours has the input's product of all timesteps at "
        "once, so it can be faster than these products."
    )


def limit(sections: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """On one core and on two: rates in GFLOP/s, and ours as a share of the products alone."""
    large = sections["limit"].query("contender == 'large_product'")
    # An image's products, each timestep: 2 with the kernel, 28 by 256, 3 with the recurrent one.
    work = 28 * 2 * (2 * 28 * 256 + 3 * 256 * 256) / 1e9
    rows = {}
    for cores, ours, products in (
        (1, sections["sweep"], sections["sweep"]),
        (2, sections["one run"], sections["limit"]),
    ):
        ours = ours.query("contender == 'ours'").set_index("round")["epoch"]
        products = products.query("contender == 'products'").set_index("round")["epoch"]
        ours = work * TRAIN_SIZE / ours
        products = work * (TRAIN_SIZE // 128 * 128) / products  # whole batches
        rows[f"{cores} core(s)"] = {
            "large product": 2 * 2048**3 / 1e9 / large.query("cores == @cores")["epoch"].median(),
            "products alone": products.median(),
            "ours": ours.median(),
            "ours / products alone": (ours / products).median(),
        }
    return pd.DataFrame(rows).T.round(2)


def main() -> None:
    """Write the tables and the figure."""
    table = read_measurements(COMMITTED / "benchmark.csv")
    machine = (COMMITTED / "benchmark.json").read_text(encoding="utf-8")
    text, fig = describe(table, Environment.model_validate_json(machine)), draw(table)
    write_text(COMMITTED / "benchmark.md", text + "\n")
    with replacing(COMMITTED / "benchmark.png") as temporary:
        fig.savefig(temporary, format="png", dpi=110)
    print(text)
    print("Written:", *(shown(COMMITTED / f"benchmark.{suffix}") for suffix in ("md", "png")))


if __name__ == "__main__":
    main()
