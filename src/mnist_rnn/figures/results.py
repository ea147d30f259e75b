"""The figures of claims and runs, each with its caption: blue is ours, orange was published."""

import re
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mnist_rnn.claims.originals import Original
from mnist_rnn.claims.published import JUDGED, load_curve
from mnist_rnn.claims.verdicts import FEWEST, LEVEL
from mnist_rnn.figures.captioned import BLUE, DARK, LIGHT, ORANGE, CaptionedFigure, default_style
from mnist_rnn.records.record import Record

RUN: dict[str, Any] = {"color": BLUE, "ls": "none", "marker": "o", "ms": 5, "alpha": 0.6, "mew": 0}
CLAIM: dict[str, Any] = {"color": ORANGE, "ls": "none", "marker": "D", "ms": 6}


@default_style
def draw_claims(
    runs: pd.DataFrame, accuracy: pd.DataFrame, claims: pd.DataFrame
) -> CaptionedFigure:
    """Each published test accuracy beside the runs that answer it and their interval."""
    fig, ax = plt.subplots(figsize=(8.5, 5.2), layout="constrained")
    rows = accuracy.dropna(subset="published_test_accuracy", ignore_index=True)
    names = claims["configuration"]
    for place, row in rows.iterrows():
        values = runs.loc[runs["configuration"] == names[row["claim"]], "test_accuracy"]
        ax.hlines(place, row["interval_low"], row["interval_high"], color=BLUE, lw=9, alpha=0.2)
        ax.plot(values, [place] * len(values), **RUN)
        filled = ORANGE if row["kind"] in JUDGED else "white"
        ax.plot(row["published_test_accuracy"], place, **CLAIM, mfc=filled)
        ax.annotate(row["verdict"], (1.02, place), xycoords=("axes fraction", "data"), va="center")
    ax.set(xlabel="test accuracy (%)", ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticks(rows.index, [f"{row['claim']} ({row['runs']})" for _, row in rows.iterrows()])
    ax.grid(axis="x", alpha=0.3)
    handles = [
        Line2D([], [], **RUN, label="a run (their number in brackets)"),
        Line2D([], [], color=BLUE, lw=9, alpha=0.2, label="95% prediction interval"),
        Line2D([], [], **CLAIM, label="published"),
        Line2D([], [], **CLAIM, mfc="white", label="published in a text only, not judged"),
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return CaptionedFigure(
        fig,
        "A line for each claim, in percent: "
        + "; ".join(map(describe_claim, rows.to_dict("records")))
        + ". Every run is a dot. The runs are ours, but for `pytorch-...`: of the author's own "
        "code. Lines of the same network have the same runs.",
    )


def describe_claim(row: dict[str, Any]) -> str:
    """A row of the table in words: published, our interval, verdict."""
    ours = f"interval {row['interval_low']:.2f} to {row['interval_high']:.2f}"
    if pd.isna(row["interval_low"]):
        ours = "no interval"
    return f"{row['claim']}: {row['published_test_accuracy']}, {ours}, {row['verdict']}"


@default_style
def draw_agreement(agreement: pd.DataFrame, numbers: pd.DataFrame) -> CaptionedFigure:
    """The p-value of each claim (a row) by the runs of each configuration (a column)."""
    names = list(dict.fromkeys(numbers["configuration"]))
    own = [names.index(name) for name in numbers["configuration"]]
    shown = agreement.reindex(columns=names)
    fig, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
    bounds = [0, LEVEL / len(numbers), LEVEL, 1]
    colors = ListedColormap(["white", LIGHT, DARK])
    mesh = ax.imshow(shown, cmap=colors, norm=BoundaryNorm(bounds, 3), aspect="auto")
    for (row, column), p in np.ndenumerate(shown):
        label = "" if np.isnan(p) else f"{p:.3f}"
        color = "white" if p >= LEVEL else "black"
        ax.text(column, row, label, ha="center", va="center", size=8, color=color)
    for row, column in enumerate(own):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=ORANGE, lw=2))
    labels = [re.sub("-|(?<=dropout)_", "\n", name.split("-batch")[0]) for name in names]
    ax.set_xticks(range(len(names)), labels, size=7)
    ax.set_yticks(range(len(shown)), shown.index)
    bar = fig.colorbar(mesh, ax=ax, ticks=bounds, location="top", shrink=0.5, aspect=40)
    bar.ax.set_xticklabels([f"{bound:.2g}" for bound in bounds])
    bar.set_label("p")
    return CaptionedFigure(
        fig,
        "The p-value of each claim, a row, for the runs of each configuration, a column. For its "
        "own: "
        + ", ".join(
            f"{claim} {shown.iloc[row, column]:.3f}"
            for row, (claim, column) in enumerate(zip(shown.index, own, strict=True))
        )
        + ". In an orange frame: the claim's own configuration; where it is white, the claim is "
        "*not reproduced*. Dark outside the frame: a wrong configuration agrees too, and the claim "
        f"is *compatible* at best. White is below {bounds[1]:.2g} ({LEVEL} divided by "
        f"{len(numbers)} claims), light below {LEVEL}. A configuration with too few runs has an "
        "empty field.",
    )


@default_style
def draw_published_curves(
    records: list[Record], originals: Mapping[str, Original], claims: pd.DataFrame
) -> CaptionedFigure:
    """Training loss per epoch as published, over the band of our runs, and how far it is off."""
    claims = claims[[not load_curve(name).empty for name in claims.index]]
    losses: dict[str, list[list[float]]] = {}
    for run in records:
        losses.setdefault(run.config.name, []).append(run.history.loss)
    for original in originals.values():
        losses.setdefault(original.kind, []).append(original.loss)
    count = max(len(claims), 1)  # without a curve, empty axes
    size = (7.5, 1.7 * count + 0.3)
    fig, axes = plt.subplots(
        count, 2, figsize=size, sharex=True, squeeze=False, layout="constrained"
    )
    far, ends = [], []  # an entry a point, and a sentence a claim
    for (left, right), (name, claim) in zip(axes, claims.iterrows(), strict=False):
        ours = np.array(losses.get(claim["configuration"], []))
        published = load_curve(name)["train_loss"]
        left.set(yscale="log", ylim=(0.008, 3), ylabel="training loss")
        left.set_title(f"{name} ({len(ours)})", size=9)
        right.set(ylim=(-4.5, 4.5), ylabel="distance (sd)")
        right.axhspan(-2, 2, color=BLUE, alpha=0.15)
        for ax in (left, right):
            ax.grid(alpha=0.3)
        if len(ours) >= FEWEST:
            reach = {"y1": ours.min(axis=0), "y2": ours.max(axis=0)}
            left.fill_between(published.index, **reach, color=BLUE, alpha=0.3, label="all runs")
            left.plot(published.index, ours.mean(axis=0), color=BLUE, lw=1, label="their mean")
            logs = np.log(ours)
            residuals = (np.log(published) - logs.mean(axis=0)) / logs.std(axis=0, ddof=1)
            right.plot(residuals, ".-", color=ORANGE, ms=5, lw=0.7)
            far.extend(residuals.abs() > 2)
            p = rank_last(np.vstack([logs, np.log(published)]))
            right.set_title(f"p = {p:.2f}", size=9)
        left.plot(published, ".", color=ORANGE, ms=5, label="published")
        span = f"from {published.iloc[0]:.3g} to {published.iloc[-1]:.3g}"
        ends.append(f"{name}: {span}, {right.get_title() or 'too few runs'}.")
    fig.supxlabel("epoch", size=9)
    if ends:
        axes[0, 0].legend(frameon=False, fontsize=8)
    return CaptionedFigure(
        fig,
        "A line for each claim: published training loss per epoch over our runs, its deviation. "
        + " ".join(ends)
        + " Left, orange: what the source printed after each epoch; blue: the mean of our runs, or "
        "of those of the PyTorch notebook's code, and their range (in brackets, how many). Right: "
        "the logarithm of the published loss, less the mean of the runs' logarithms, over their "
        f"standard deviation; {sum(far)} of {len(far)} points are outside the band from -2 to 2. "
        "The epochs of one run depend on each other, so a run may stay on one side. *p* is the "
        "share of curves, the published one included, that are at least as far from the rest (root "
        "mean square of these distances) as the published one.",
    )


def rank_last(curves: np.ndarray) -> float:
    """The share of the curves (n, epochs) that are at least as far from the others as the last."""
    distances = []
    for place, curve in enumerate(curves):
        others = np.delete(curves, place, axis=0)
        spread = np.maximum(others.std(axis=0, ddof=1), 1e-9)  # runs may all be alike
        distances.append(np.square((curve - others.mean(axis=0)) / spread).mean())
    return float(np.mean(np.array(distances) >= distances[-1]))
