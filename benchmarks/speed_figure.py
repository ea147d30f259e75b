"""The figure of the benchmark, and how our time grows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import linregress

from mnist_rnn.figures import DARK, LIGHT, OURS, PUBLISHED

COLORS = {"ours": OURS, "original": PUBLISHED, "jax": DARK, "pytorch": LIGHT}
POWERS = ("units", "batch_size")  # our time grows as a power of these, else in a straight line
LABELS = {
    "epochs": "epochs",
    "train_size": "training images",
    "runs": "runs, two at a time",
    "units": "units",
    "batch_size": "batch size",
}


def draw(table: pd.DataFrame) -> Figure:
    """Dots are rounds, bars medians; below, how our time grows, with its fit."""
    fig, axes = plt.subplots(2, 4, figsize=(14, 6.5), layout="constrained")
    one_run = table.query("section == 'one run'")
    batch = table.query("section == 'batch' and contender != 'products'")
    batch = pd.concat([batch, one_run.query("contender == 'original'")])
    products = table.query("section == 'batch' and contender == 'products'")
    draw_rounds(axes[0, 0], one_run, one_run["seconds"], "seconds, one run on two cores")
    label = "runs an hour, one a core\n(original: one after the other)"
    draw_rounds(axes[0, 1], batch, batch["per_hour"], label)
    limit = products["per_hour"].median()
    axes[0, 1].axhline(limit, color="black", ls="--", lw=1, label="matrix products alone")
    axes[0, 1].legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.13))
    layers = table.query("section == 'layers'")
    medians = layers.pivot_table("epoch", name_networks(layers), "contender", "median")
    relative = medians.div(medians["original"], axis=0).drop(columns="original")
    relative.plot.bar(ax=axes[0, 2], color=COLORS, rot=20, legend=False, xlabel="")
    axes[0, 2].axhline(1, color=PUBLISHED)
    axes[0, 2].set_ylabel("seconds an epoch,\nthe original's code = 1")
    for ax, (name, x, y, law, fitted) in zip([axes[0, 3], *axes[1]], grow(table), strict=True):
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


def name_networks(table: pd.DataFrame) -> pd.Series:
    """What each of the other networks has in place of SimpleRNN(256) without dropout."""
    names = table["cell"].where(table["units"] == 256, "simple_rnn 512")
    return names.where(table["dropout"] == 0, "dropout 0.2").rename("network")


def grow(table: pd.DataFrame) -> list[tuple[str, np.ndarray, np.ndarray, str, np.ndarray]]:
    """Of each growth its name, x, seconds, the law that fits and the seconds by this law."""
    ours = table.query("section == 'one run' and contender == 'ours'")
    laps = np.median([np.array(row.split(), float) for row in ours["epoch_seconds"]], axis=0)
    series = {"epochs": (np.arange(1, len(laps) + 1), laps.cumsum())}
    for name in list(LABELS)[1:]:
        grown = table[table["section"] == f"growth: {name}"]
        y = grown["wall_seconds"] if name == "runs" else grown["epoch"]
        series[name] = (grown[name].to_numpy(), y.to_numpy())
    return [(name, x, y, *fit_growth(x, y, name in POWERS)) for name, (x, y) in series.items()]


def fit_growth(x: np.ndarray, y: np.ndarray, power: bool) -> tuple[str, np.ndarray]:
    """What a legend says, and the fitted y: least squares, on logarithms for a power."""
    if power:
        line = linregress(np.log(x), np.log(y))
        law, fitted = f"power {line.slope:.2f}", np.exp(line.intercept) * x**line.slope
    else:
        line = linregress(x, y)
        law, fitted = "straight line", line.intercept + line.slope * x
    return f"{law}, R² {line.rvalue**2:.4f}", fitted
