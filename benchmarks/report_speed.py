"""Tables (README.md) and figures of the measurements in results/benchmark, CPU by CPU."""

from pathlib import Path

import numpy as np
import pandas as pd
from speed import FOLDER
from speed_figure import draw, name_networks

from mnist_rnn.config import TRAIN_SIZE
from mnist_rnn.files import replacing, write_text
from mnist_rnn.paths import shown
from mnist_rnn.records.environment import PACKAGES, Environment, digest_code

EPOCHS = 20  # a run


def read_measurements(path: Path) -> pd.DataFrame:
    """One measurement a row; seconds of 20 epochs, of an epoch after the first, and the slowest.

    A run of fewer epochs is reckoned up to 20: the first, which includes what is compiled, and 19
    times the mean of the others. Where two runs shared the machine, the figures are their means.
    `per_hour` is of two runs at once where each has one core, of one after the other where it has
    both.
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


def describe(machines: dict[str, Environment]) -> str:
    """The page: ours to each contender on all CPUs, then the tables of each; by file names."""
    measured = {name: read_measurements(FOLDER / f"{name}.csv") for name in machines}
    side_by_side = {cpu(machines[name]): ratios(table) for name, table in measured.items()}
    return "\n\n".join(
        [
            "# Time and memory beside the original's code, JAX and PyTorch",
            "`original` is the original's code, for other networks with Keras's layer of that "
            "name; it draws weights of its own, while `ours`, `jax` and `pytorch` share theirs. "
            "`products alone` does only the step's matrix products, timestep by timestep; ours "
            "can be faster, since it multiplies the input of all timesteps at once. The "
            "contenders take turns. `ours / it` is ours divided by the contender, the median over "
            "the rounds: ours is faster where it is below 1 for seconds, above 1 for runs an hour.",
            "## Ours / it, on each CPU",
            to_markdown(pd.DataFrame(side_by_side).reset_index("contender")),
            *(describe_machine(name, table, machines[name]) for name, table in measured.items()),
        ]
    )


def ratios(table: pd.DataFrame) -> pd.Series:
    """`ours / it` of all that is compared."""
    sections = dict(list(table.groupby("section")))
    compared = {"seconds of a run": one_run(sections), "runs an hour": sweep(sections)}
    compared |= {f"an epoch, {name}": part for name, part in networks(sections).items()}
    column = pd.concat(compared, names=["compared", "contender"])["ours / it"]
    return column.drop("ours", level="contender")


def describe_machine(name: str, table: pd.DataFrame, environment: Environment) -> str:
    """All tables of one CPU in Markdown."""
    sections = dict(list(table.groupby("section")))
    trained = sections["one run"]["epochs"].max()
    reckoned = "" if trained == EPOCHS else f", extrapolated from {trained} epochs"
    papermill = sections["papermill"][["before_seconds", "after_seconds", "peak_memory_mb"]]
    parts = {
        f"One run of {EPOCHS} epochs{reckoned}, on two cores (seconds)": one_run(sections),
        "Throughput on two cores (runs an hour)": sweep(sections),
        "The step's matrix products alone, and all of ours (GFLOP/s)": limit(sections),
        "Other networks (seconds an epoch of 6,400 images, two cores)": pd.concat(
            networks(sections), names=["network"]
        ).reset_index("contender"),
        "papermill around training (seconds), and its run's memory": papermill.agg(["median"]),
    }
    versions = ", ".join(f"{name} {environment.versions[name]}" for name in PACKAGES)
    return "\n\n".join(
        [
            f"## {cpu(environment)}",
            f"![The same in a figure]({name}.png)",
            f"{environment.cpu.name}. {versions}. "
            f"Commit {(environment.commit or 'unknown')[:7]}, {describe_code(environment)}.",
            *(f"### {title}\n\n{to_markdown(part)}" for title, part in parts.items()),
        ]
    )


def to_markdown(table: pd.DataFrame) -> str:
    """The table, with nothing where a figure is missing."""
    return table.round(3).astype("string").fillna("").to_markdown()


def cpu(environment: Environment) -> str:
    """Vendor, family and model."""
    described = environment.cpu
    return f"{described.vendor}, family {described.family}, model {described.model}"


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


def networks(sections: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """A table for each of the other networks: seconds an epoch."""
    groups = sections["layers"].groupby(name_networks(sections["layers"]))
    return {name: compare(group, "epoch") for name, group in groups}


def sweep(sections: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a contender: runs an hour; the original's go one after the other, on both cores."""
    pairs = sections["sweep"].replace({"contender": {"products": "products alone"}})
    serial = sections["one run"].query("contender == 'original'")
    serial = serial.assign(contender="original, one run after the other")
    return compare(pd.concat([pairs, serial]), "per_hour")


def limit(sections: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """On one core and on two: rates in GFLOP/s, and ours as a share of the products alone."""

    def seconds(section: str, contender: str) -> pd.Series:
        """Of an epoch, by cores and round."""
        return sections[section].set_index(["contender", "cores", "round"])["epoch"][contender]

    # An image's products, each timestep: 2 with the kernel, 28 by 256, 3 with the recurrent one.
    work = 28 * 2 * (2 * 28 * 256 + 3 * 256 * 256) / 1e9
    in_batches = TRAIN_SIZE // 128 * 128  # products are measured of whole batches only
    rows = {}
    for cores, training, bare in ((1, "sweep", "sweep"), (2, "one run", "limit")):
        ours = work * TRAIN_SIZE / seconds(training, "ours")[cores]
        products = work * in_batches / seconds(bare, "products")[cores]
        rows[f"{cores} core(s)"] = {
            "large product": 2 * 2048**3 / 1e9 / seconds("limit", "large_product")[cores].median(),
            "products alone": products.median(),
            "ours": ours.median(),
            "ours / products alone": (ours / products).median(),
        }
    return pd.DataFrame(rows).T.round(2)


def read_machines() -> dict[str, Environment]:
    """The machines that were measured, by the names of their files."""
    return {
        path.stem: Environment.model_validate_json(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*.json"))
    }


def main() -> None:
    """Write the page and the figures."""
    machines = read_machines()
    write_text(FOLDER / "README.md", describe(machines) + "\n")
    for name in machines:
        with replacing(FOLDER / f"{name}.png") as temporary:
            fig = draw(read_measurements(FOLDER / f"{name}.csv"))
            fig.savefig(temporary, dpi=110)
    print("Written:", shown(FOLDER / "README.md"))


if __name__ == "__main__":
    main()
