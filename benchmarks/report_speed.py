"""Tables (results/benchmark.md) and figure (results/benchmark.png) of results/benchmark.csv."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import linregress

from mnist_rnn.environment import PACKAGES, describe_environment
from mnist_rnn.figures import DARK, LIGHT, OURS, PUBLISHED
from mnist_rnn.files import replacing
from mnist_rnn.paths import COMMITTED, shown

EPOCHS = 20  # a run
COLORS = {"ours": OURS, "original": PUBLISHED, "jax": DARK, "pytorch": LIGHT}
NETWORK = ["cell", "units", "dropout"]
GROWTH = {
    "epochs": "epochs",
    "train_size": "training images",
    "runs": "runs, two at a time",
    "units": "units",
    "batch_size": "batch size",
}


@dataclass
class Fit:
    """y = intercept + slope x, or a power of x where `power`; r2 is the share explained."""

    slope: float
    intercept: float
    r2: float
    power: bool

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The fitted y."""
        return (
            np.exp(self.intercept) * x**self.slope
            if self.power
            else (self.intercept + self.slope * x)
        )

    def __str__(self) -> str:
        """What a legend says."""
        law = f"power {self.slope:.2f}" if self.power else "straight line"
        return f"{law}, R² {self.r2:.4f}"


def fit_growth(x: pd.Series, y: pd.Series, power: bool) -> Fit:
    """Least squares, on logarithms for a power."""
    line = linregress(np.log(x), np.log(y)) if power else linregress(x, y)
    return Fit(line.slope, line.intercept, line.rvalue**2, power)


def read_measurements(path: Path) -> pd.DataFrame:
    """One measurement a row; seconds of 20 epochs, of an epoch after the first, and the slowest.

    A run of fewer epochs is reckoned up to 20: the first, which includes what is compiled, and 19
    times the mean of the others. Where two runs shared the machine, the figures are their means.
    """
    table = pd.read_csv(path)
    for index, row in table.dropna(subset="epoch_seconds").iterrows():
        laps = np.array(row["epoch_seconds"].split(), float).reshape(row["runs"], -1)
        others = laps[:, 1:]
        table.loc[index, "writing"] = 100 * row["writing_seconds"] / laps.sum()
        table.loc[index, "seconds"] = np.mean(laps[:, 0] + (EPOCHS - 1) * others.mean(axis=1))
        table.loc[index, "epoch"] = np.mean(np.median(others, axis=1))
        table.loc[index, "slowest"] = np.max(others.max(axis=1) / np.median(others, axis=1))
    return table


def compare(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """By contender: median and range of a column, and the median over rounds of ours to it."""
    rounds = table.pivot_table(index="round", columns="contender", values=column)
    return pd.DataFrame(
        {
            "median": rounds.median(),
            "lowest": rounds.min(),
            "highest": rounds.max(),
            "rounds": rounds.count(),
            "ours to it": rounds.rdiv(rounds["ours"], axis=0).median(),
        }
    ).round(2)


def describe(table: pd.DataFrame) -> str:
    """All tables in Markdown, with the machine that they were measured on."""
    sections = dict(list(table.groupby("section")))
    environment = describe_environment("CPU", threads=2)
    cpu, versions = environment.cpu, environment.versions
    one_run = compare(sections["one run"], "seconds").join(
        sections["one run"]
        .groupby("contender")
        .agg(
            test_accuracy=("test_accuracy", "median"),
            slowest_epoch=("slowest", "median"),
            peak_memory_mb=("peak_memory_mb", "max"),
            writing_checkpoints_percent=("writing", "median"),
        )
    )
    trained = sections["one run"]["epochs"].max()
    reckoned = "" if trained == EPOCHS else f", reckoned from {trained}"
    batch = sections["batch"].assign(per_hour=2 * 3600 / sections["batch"]["seconds"])
    serial = sections["one run"].query("contender == 'original'")
    serial = serial.assign(
        contender="original, one run after the other", per_hour=3600 / serial["seconds"]
    )
    batch = pd.concat([batch.query("contender != 'products'"), serial])
    layers = [
        compare(group, "epoch").assign(network=f"{cell} {units}, dropout {dropout}")
        for (cell, units, dropout), group in sections["layers"].groupby(NETWORK)
    ]
    papermill = sections["papermill"][["before_seconds", "after_seconds", "peak_memory_mb"]]
    parts = {
        f"One run of {EPOCHS} epochs{reckoned}, on two cores (seconds)": one_run,
        "A batch, one run a core, two at once (runs an hour)": compare(batch, "per_hour"),
        "The step's matrix products alone, and all of ours (GFLOP/s)": limit(sections),
        "Other networks (seconds an epoch of 6,400 images, two cores)": pd.concat(layers)
        .reset_index()
        .set_index("network"),
        "papermill around training (seconds), and its run's memory": papermill.median()
        .to_frame("median")
        .T,
        "Growth": pd.DataFrame({"fit": {label: str(fit) for _, label, *_, fit in growth(table)}}),
    }
    return "\n\n".join(
        [
            f"CPU: {cpu['vendor']}, family {cpu['family']}, model {cpu['model']}, {cpu['name']}. "
            + ", ".join(f"{name} {versions[name]}" for name in PACKAGES)
            + ". The contenders take turns; medians over the rounds.",
            *(
                f"## {title}\n\n{part.round(3).astype('string').fillna('').to_markdown()}"
                for title, part in parts.items()
            ),
            f"Flags: {' '.join(cpu['flags'])}",
        ]
    )


def limit(sections: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """On one core and on two: rates in GFLOP/s, and products alone to our whole training."""
    large = sections["limit"].query("contender == 'large_product'")
    rows = {}
    for cores, ours, products in (
        (1, sections["batch"], sections["batch"]),
        (2, sections["one run"], sections["limit"]),
    ):
        ours = ours.query("contender == 'ours'").set_index("round")["epoch"]
        products = products.query("contender == 'products'").set_index("round")["epoch"]
        # A timestep's products: 2 with the kernel, 28 by 256, 3 with the recurrent one, 256 by 256.
        work = 468 * 128 * 28 * 2 * (2 * 28 * 256 + 3 * 256 * 256) / 1e9
        rows[f"{cores} core(s)"] = {
            "large product": 2 * 2048**3 / 1e9 / large.query("cores == @cores")["epoch"].median(),
            "products alone": work / products.median(),
            "ours": work / ours.median(),
            "products alone / ours": (products / ours).median(),
        }
    return pd.DataFrame(rows).T.round(2)


def growth(table: pd.DataFrame) -> list[tuple[str, str, np.ndarray, np.ndarray, Fit]]:
    """Name, label, x, seconds and fit of each growth; a power for units and batch size."""
    ours = table.query("section == 'one run' and contender == 'ours'")
    laps = np.median([np.array(row.split(), float) for row in ours["epoch_seconds"]], axis=0)
    series = {"epochs": (np.arange(1, len(laps) + 1), laps.cumsum())}
    for name in list(GROWTH)[1:]:
        grown = table[table["section"] == f"growth: {name}"]
        y = grown["wall_seconds"] if name == "runs" else grown["epoch"]
        series[name] = (grown[name].to_numpy(), y.to_numpy())
    return [
        (name, GROWTH[name], x, y, fit_growth(x, y, power=name in ("units", "batch_size")))
        for name, (x, y) in series.items()
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Dots are rounds, bars medians; below, how our time grows, with its fit."""
    fig, axes = plt.subplots(2, 4, figsize=(14, 6.5), layout="constrained")
    one_run = table.query("section == 'one run'")
    batch = table.query("section == 'batch' and contender != 'products'")
    draw_rounds(axes[0, 0], one_run, one_run["seconds"], "seconds, one run on two cores")
    draw_rounds(axes[0, 1], batch, 7200 / batch["seconds"], "runs an hour, one a core")
    layers = table.query("section == 'layers'")
    names = (
        layers["cell"]
        .where(layers["units"] == 256, "simple_rnn 512")
        .where(layers["dropout"] == 0, "dropout 0.2")
    )
    medians = layers.assign(name=names).pivot_table("epoch", "name", "contender", "median")
    relative = medians.div(medians["original"], axis=0).drop(columns="original")
    relative.plot.bar(ax=axes[0, 2], color=COLORS, rot=20, legend=False, xlabel="")
    axes[0, 2].axhline(1, color=PUBLISHED)
    axes[0, 2].set_ylabel("seconds an epoch,\nthe original's code = 1")
    for ax, (name, label, x, y, fit) in zip([axes[0, 3], *axes[1]], growth(table), strict=True):
        dense = np.linspace(x[0], x[-1])
        ax.plot(x, y, "o", color=OURS)
        ax.plot(dense, fit(dense), color=OURS, lw=1, label=str(fit))
        ax.set(xlabel=label, ylabel="seconds" if name in ("epochs", "runs") else "seconds an epoch")
        if fit.power:
            ax.set(xscale="log", yscale="log", xticks=x, xticklabels=x)
            ax.minorticks_off()
        else:
            ax.set(xlim=(0, None), ylim=(0, None))
        ax.legend(frameon=False)
    return fig


def draw_rounds(ax: plt.Axes, table: pd.DataFrame, values: pd.Series, label: str) -> None:
    """A bar a contender, at the median of its rounds, which are dots."""
    for position, (contender, group) in enumerate(values.groupby(table["contender"])):
        ax.bar(position, group.median(), color=COLORS[contender], width=0.6)
        ax.plot([position] * len(group), group, ".", color="black", ms=4)
    ax.set_xticks(range(table["contender"].nunique()), sorted(table["contender"].unique()))
    ax.set_ylabel(label)


def main() -> None:
    """Write both."""
    table = read_measurements(COMMITTED / "benchmark.csv")
    text, fig = describe(table), draw(table)
    with replacing(COMMITTED / "benchmark.md") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    with replacing(COMMITTED / "benchmark.png") as temporary:
        fig.savefig(temporary, format="png", dpi=110)
    print(text)
    print("Written:", *(shown(COMMITTED / f"benchmark.{suffix}") for suffix in ("md", "png")))


if __name__ == "__main__":
    main()
