"""The figure of the benchmark."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from mnist_rnn.figures.plate import BLUE, DARK, LIGHT, ORANGE

COLORS = {"ours": BLUE, "original": ORANGE, "jax": DARK, "pytorch": LIGHT}


def draw(table: pd.DataFrame) -> Figure:
    """Dots are rounds, bars are medians; on the right, of the rounds' ratios.

    JAX is measured with the default network only.
    """
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    one_run = table.query("section == 'one run'")
    sweep = table.query("section == 'sweep' and contender != 'products'")
    sweep = pd.concat([sweep, one_run.query("contender == 'original'")])
    products = table.query("section == 'sweep' and contender == 'products'")
    label = "seconds (lower is better),\none run on two cores"
    draw_rounds(axes[0], one_run, one_run["seconds"], label)
    label = "runs an hour (higher is better),\none a core (original one at a time)"
    draw_rounds(axes[1], sweep, sweep["per_hour"], label)
    limit = products["per_hour"].median()
    axes[1].axhline(limit, color="black", ls="--", lw=1, label="matrix products alone")
    axes[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.13))
    layers = table.query("section == 'layers'")
    rounds = layers.pivot_table("epoch", [name_networks(layers), "round"], "contender")
    relative = rounds.div(rounds.pop("original"), axis=0).groupby("network").median()
    relative.plot.bar(ax=axes[2], color=COLORS, rot=20, xlabel="")
    axes[2].axhline(1, color=ORANGE, label="original")
    axes[2].legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(-0.1, 1.13))
    axes[2].set_ylabel("seconds an epoch (lower is better),\nthe original's code = 1")
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
    names = table["layer"].where(table["units"] == 256, "simple_rnn 512")
    return names.where(table["dropout"] == 0, "dropout 0.2").rename("network")
