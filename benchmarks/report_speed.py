"""Tables (results/benchmark.md) and figure (results/benchmark.png) of results/benchmark.csv."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import linregress

from mnist_rnn.environment import PACKAGES, Environment
from mnist_rnn.figures import DARK, LIGHT, OURS, PUBLISHED
from mnist_rnn.files import replacing
from mnist_rnn.paths import COMMITTED, shown

EPOCHS = 20  # a run
COLORS = {"ours": OURS, "original": PUBLISHED, "jax": DARK, "pytorch": LIGHT}
POWERS = ("units", "batch_size")  # our time grows as a power of these, else in a straight line
LABELS = {
    "epochs": "epochs",
    "train_size": "training images",
    "runs": "runs, two at a time",
    "units": "units",
    "batch_size": "batch size",
}


def fit_growth(x: np.ndarray, y: np.ndarray, power: bool) -> tuple[str, np.ndarray]:
    """What a legend says, and the fitted y: least squares, on logarithms for a power."""
    if power:
        line = linregress(np.log(x), np.log(y))
        law, fitted = f"power {line.slope:.2f}", np.exp(line.intercept) * x**line.slope
    else:
        line = linregress(x, y)
        law, fitted = "straight line", line.intercept + line.slope * x
    return f"{law}, R² {line.rvalue**2:.4f}", fitted


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


def name_networks(table: pd.DataFrame) -> pd.Series:
    """What each of the other networks has in place of SimpleRNN(256) without dropout."""
    names = table["cell"].where(table["units"] == 256, "simple_rnn 512")
    return names.where(table["dropout"] == 0, "dropout 0.2").rename("network")


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


def describe(table: pd.DataFrame, environment: Environment) -> str:
    """All tables in Markdown, with the machine that they were measured on."""
    sections = dict(list(table.groupby("section")))
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
    batch = pd.concat([batch.replace({"contender": {"products": "products alone"}}), serial])
    networks = sections["layers"].groupby(name_networks(sections["layers"]))
    layers = {name: compare(group, "epoch") for name, group in networks}
    papermill = sections["papermill"][["before_seconds", "after_seconds", "peak_memory_mb"]]
    parts = {
        f"One run of {EPOCHS} epochs{reckoned}, on two cores (seconds)": one_run,
        "A batch, one run a core, two at once (runs an hour)": compare(batch, "per_hour"),
        "The step's matrix products alone, and all of ours (GFLOP/s)": limit(sections),
        "Where ours spends a step, on one core (under the profiler, which takes time itself)": (
            share_step(sections["profile"])
        ),
        "Other networks (seconds an epoch of 6,400 images, two cores)": pd.concat(
            layers, names=["network"]
        ).reset_index("contender"),
        "papermill around training (seconds), and its run's memory": papermill.agg(["median"]),
        "Growth": pd.DataFrame(
            {"fit": {LABELS[name]: law for name, _, _, law, _ in growth(table)}}
        ),
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


def share_step(profiles: pd.DataFrame) -> pd.DataFrame:
    """Milliseconds of a step by kind of operation, and their percentage; medians over rounds."""
    kinds = {
        "matrix products": "MatMul",
        "tanh and its gradient": "^Tanh",
        "sums of gradients": "^AddN|^BiasAddGrad",
        "other operations": "",
    }
    rounds = []
    for profile in profiles.itertuples():
        steps = profile.train_size / profile.batch_size
        operations, row = pd.Series(json.loads(profile.operation_seconds)), {}
        for kind, pattern in kinds.items():
            chosen = operations.index.str.contains(pattern)
            row[kind] = operations[chosen].sum()
            operations = operations[~chosen]
        row["between operations"] = profile.epoch - sum(row.values())
        rounds.append(1000 / steps * pd.Series(row))
    milliseconds = pd.DataFrame(rounds).median().rename("milliseconds").to_frame()
    return milliseconds.assign(percent=lambda t: 100 * t / t.sum()).round(1)


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


def growth(table: pd.DataFrame) -> list[tuple[str, np.ndarray, np.ndarray, str, np.ndarray]]:
    """Of each growth its name, x, seconds, the law that fits and the seconds by this law."""
    ours = table.query("section == 'one run' and contender == 'ours'")
    laps = np.median([np.array(row.split(), float) for row in ours["epoch_seconds"]], axis=0)
    series = {"epochs": (np.arange(1, len(laps) + 1), laps.cumsum())}
    for name in list(LABELS)[1:]:
        grown = table[table["section"] == f"growth: {name}"]
        y = grown["wall_seconds"] if name == "runs" else grown["epoch"]
        series[name] = (grown[name].to_numpy(), y.to_numpy())
    return [(name, x, y, *fit_growth(x, y, name in POWERS)) for name, (x, y) in series.items()]


def draw(table: pd.DataFrame) -> Figure:
    """Dots are rounds, bars medians; below, how our time grows, with its fit."""
    fig, axes = plt.subplots(2, 4, figsize=(14, 6.5), layout="constrained")
    one_run = table.query("section == 'one run'")
    batch = table.query("section == 'batch' and contender != 'products'")
    draw_rounds(axes[0, 0], one_run, one_run["seconds"], "seconds, one run on two cores")
    draw_rounds(axes[0, 1], batch, 7200 / batch["seconds"], "runs an hour, one a core")
    layers = table.query("section == 'layers'")
    medians = layers.pivot_table("epoch", name_networks(layers), "contender", "median")
    relative = medians.div(medians["original"], axis=0).drop(columns="original")
    relative.plot.bar(ax=axes[0, 2], color=COLORS, rot=20, legend=False, xlabel="")
    axes[0, 2].axhline(1, color=PUBLISHED)
    axes[0, 2].set_ylabel("seconds an epoch,\nthe original's code = 1")
    for ax, (name, x, y, law, fitted) in zip([axes[0, 3], *axes[1]], growth(table), strict=True):
        ax.plot(x, y, "o", color=OURS)
        ax.plot(x, fitted, color=OURS, lw=1, label=law)
        unit = "seconds" if name in ("epochs", "runs") else "seconds an epoch"
        ax.set(xlabel=LABELS[name], ylabel=unit)
        if name in POWERS:
            ax.set(xscale="log", yscale="log", xticks=x, xticklabels=x)
            ax.xaxis.minorticks_off()
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
    machine = (COMMITTED / "benchmark.json").read_text(encoding="utf-8")
    text, fig = describe(table, Environment.model_validate_json(machine)), draw(table)
    with replacing(COMMITTED / "benchmark.md") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    with replacing(COMMITTED / "benchmark.png") as temporary:
        fig.savefig(temporary, format="png", dpi=110)
    print(text)
    print("Written:", *(shown(COMMITTED / f"benchmark.{suffix}") for suffix in ("md", "png")))


if __name__ == "__main__":
    main()
