"""The figures of claims and runs, each with its caption: blue is ours, orange was published."""

import re
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from scipy import stats

from mnist_rnn.analysis.claims import JUDGED
from mnist_rnn.analysis.comparisons import find_accuracies, find_falls
from mnist_rnn.analysis.tables import leave_out
from mnist_rnn.analysis.verdicts import FEWEST, LEVEL
from mnist_rnn.figures.captioned import (
    BLUE,
    DARK,
    LIGHT,
    ORANGE,
    CaptionedFigure,
    default_style,
)

RUN: dict[str, Any] = {"color": BLUE, "ls": "none", "marker": "o", "ms": 5, "alpha": 0.6, "mew": 0}
CLAIM: dict[str, Any] = {"color": ORANGE, "ls": "none", "marker": "D", "ms": 6}


@default_style
def draw_claims(runs: pd.DataFrame, accuracy: pd.DataFrame) -> CaptionedFigure:
    """Each published test accuracy, if any, beside the runs that answer it and their interval."""
    fig, ax = plt.subplots(figsize=(8.5, 5.2), layout="constrained")
    rows = leave_out(accuracy, accuracy["published_test_accuracy"].isna()).reset_index(drop=True)
    for place, row in rows.iterrows():
        values = runs.loc[runs["configuration"] == row["configuration"], "test_accuracy"]
        ax.hlines(place, row["interval_low"], row["interval_high"], color=BLUE, lw=9, alpha=0.2)
        ax.plot(values, [place] * len(values), **RUN)
        if pd.notna(published := row["published_test_accuracy"]):
            filled = ORANGE if row["kind"] in JUDGED else "white"
            ax.plot(published, place, **CLAIM, mfc=filled)
        ax.annotate(row["agrees"], (1.02, place), xycoords=("axes fraction", "data"), va="center")
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
        "A line for each claim, a dot for each run of its configuration; lines of the same network "
        "have the same runs. Published test accuracy, interval of one further run, and whether all "
        "that was published agrees: "
        + "; ".join(map(describe_claim, rows.to_dict("records")))
        + ".",
    )


def describe_claim(row: dict[str, Any]) -> str:
    """A row of the table in words."""
    ours = f"{row['interval_low']:.2f} to {row['interval_high']:.2f}"
    if pd.isna(row["interval_low"]):
        ours = "no interval"
    if pd.isna(published := row["published_test_accuracy"]):
        return f"`{row['claim']}` nothing, {ours}"
    return f"`{row['claim']}` {published}, {ours}, {row['agrees']}"


@default_style
def draw_codes(runs: pd.DataFrame, codes: dict[str, str], published: pd.Series) -> CaptionedFigure:
    """Test accuracies of one network by different code, on one axis, beside what was published.

    `codes` maps the words for a code to the configuration of its runs; `published` has a test
    accuracy by claim.
    """
    fig, ax = plt.subplots(figsize=(8.5, 1.1 + 0.8 * len(codes)), layout="constrained")
    random, said = np.random.default_rng(0), []
    for place, (name, configuration) in enumerate(codes.items()):
        values = runs.loc[runs["configuration"] == configuration, "test_accuracy"]
        spread = random.uniform(-0.22, 0.22, len(values))  # so that equal runs don't hide
        color = BLUE if place == 0 else DARK
        ax.plot(values, place + spread, **RUN | {"color": color})
        if len(values):
            ax.plot([values.mean()] * 2, [place - 0.35, place + 0.35], color=color, lw=2)
            mean = f"{values.mean():.2f} ± {values.std():.2f}" if len(values) > 1 else values.mean()
            said.append(f"{name}: {mean}% ({len(values)} {'run' if len(values) == 1 else 'runs'})")
    for claim, accuracy in published.items():
        ax.axvline(accuracy, color=ORANGE, ls="--")
        side = "right" if accuracy <= published.median() else "left"  # two may be close
        above = ("data", "axes fraction")
        ax.annotate(claim, (accuracy, 1.02), xycoords=above, color=ORANGE, size=8, ha=side)
    ax.set(xlabel="test accuracy (%)", ylim=(len(codes) - 0.5, -0.65))
    ax.set_yticks(range(len(codes)), codes)
    ax.grid(axis="x", alpha=0.3)
    numbers = ", ".join(f"{accuracy}% (`{claim}`)" for claim, accuracy in published.items())
    return CaptionedFigure(
        fig,
        f"A dot for each run, a line at their mean. {'; '.join(said)}. Dashed: published, "
        f"{numbers}.",
    )


@default_style
def draw_agreement(agreement: pd.DataFrame, claims: pd.DataFrame) -> CaptionedFigure:
    """The p-value of each claim (a row) by the runs of each configuration (a column).

    The columns are those of `agreement`; the first ones should be the claims' own.
    """
    shown, names = agreement, list(agreement.columns)
    own = claims.loc[shown.index, "configuration"]
    fig, ax = plt.subplots(figsize=(8.5, 5), layout="constrained")
    bounds = [0, LEVEL / len(shown), LEVEL, 1]
    colors = ListedColormap(["white", LIGHT, DARK])
    mesh = ax.imshow(shown, cmap=colors, norm=BoundaryNorm(bounds, 3), aspect="auto")
    for (row, column), p in np.ndenumerate(shown):
        label = "" if np.isnan(p) else f"{p:.3f}"
        color = "white" if p >= LEVEL else "black"
        ax.text(column, row, label, ha="center", va="center", size=7, color=color)
    for row, name in enumerate(own):
        if name in names:
            corner = names.index(name) - 0.5, row - 0.5
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, ec=ORANGE, lw=2))
    labels = [re.sub("[-_]", "\n", name) for name in names]
    ax.set_xticks(range(len(names)), labels, size=6)
    ax.set_yticks(range(len(shown)), shown.index)
    bar = fig.colorbar(mesh, ax=ax, ticks=bounds, location="top", shrink=0.5, aspect=40)
    bar.ax.set_xticklabels([f"{bound:.2g}" for bound in bounds])
    bar.set_label("p")
    values = [
        f"`{claim}` {shown.loc[claim, name]:.3f}" for claim, name in own.items() if name in names
    ]
    return CaptionedFigure(
        fig,
        "The p-value of each claim, a row, by the runs of each configuration, a column. In an "
        "orange frame: the claim's own configuration, where white is *contradicted* "
        f"(below {bounds[1]:.2g}), light *in doubt* (below {LEVEL}) and dark *agrees*. Dark "
        "outside a frame: the claim would agree with that network too. By its own runs: "
        f"{', '.join(values)}.",
    )


@default_style
def draw_published_curves(runs: pd.DataFrame, claims: pd.DataFrame) -> CaptionedFigure:
    """Training loss per epoch as published, over the band of our runs, and how far it is off."""
    claims = claims.dropna(subset="loss_by_epoch")
    count = max(len(claims), 1)  # without a curve, empty axes
    size = (7.5, 1.7 * count + 0.3)
    fig, axes = plt.subplots(
        count, 2, figsize=size, sharex=True, squeeze=False, layout="constrained"
    )
    far, expected, ends = [], 0.0, []  # an entry a point, a sum, and words a claim
    for (left, right), (name, claim) in zip(axes, claims.iterrows(), strict=False):
        ours = runs.loc[runs["configuration"] == claim["configuration"], "loss_by_epoch"]
        losses = np.array(ours.tolist())
        published = np.array(claim["loss_by_epoch"])
        epochs = np.arange(1, len(published) + 1)
        left.set(yscale="log", ylim=(0.008, 3), ylabel="training loss")
        left.set_title(f"{name} ({len(losses)})", size=9)
        right.set(ylim=(-4.5, 4.5), ylabel="distance (sd)")
        right.axhspan(-2, 2, color=BLUE, alpha=0.15)
        for ax in (left, right):
            ax.grid(alpha=0.3)
        answer = "too few runs"
        if len(losses) >= FEWEST:
            reach = {"y1": losses.min(axis=0), "y2": losses.max(axis=0)}
            left.fill_between(epochs, **reach, color=BLUE, alpha=0.3, label="all runs")
            left.plot(epochs, losses.mean(axis=0), color=BLUE, lw=1, label="their mean")
            logs = np.log(losses)
            spread = np.maximum(logs.std(axis=0, ddof=1), 1e-9)  # runs may all be alike
            distances = (np.log(published) - logs.mean(axis=0)) / spread
            right.plot(epochs, distances, ".-", color=ORANGE, ms=5, lw=0.7)
            far.extend(np.abs(distances) > 2)
            n = len(losses)
            expected += len(published) * 2 * stats.t.sf(2 / np.sqrt(1 + 1 / n), n - 1)
            answer = f"p = {rank_last(np.vstack([logs, np.log(published)])):.2f}"
            right.set_title(answer, size=9)
        left.plot(epochs, published, ".", color=ORANGE, ms=5, label="published")
        ends.append(f"`{name}` from {published[0]:.3g} to {published[-1]:.3g}, {answer}")
    fig.supxlabel("epoch", size=9)
    if ends:
        axes[0, 0].legend(frameon=False, fontsize=8)
    return CaptionedFigure(
        fig,
        "Left, orange: the published training loss after each epoch; blue: the mean and the range "
        "of the runs that answer the claim (in brackets, how many). Right: the logarithm of the "
        "published loss, less the mean of the runs' logarithms, over their standard deviation; "
        f"{sum(far)} of {len(far)} points are outside the band from -2 to 2; if each were of one "
        f"more such run, and runs varied normally, {expected:.1f} would be outside on "
        "average. *p* is the share of curves, the published one included, that are at least as far "
        "from the rest (root mean square of these distances) as the published one. "
        f"{'; '.join(ends) or 'No curve was published'}.",
    )


def rank_last(curves: np.ndarray) -> float:
    """The share of the curves (n, epochs) that are at least as far from the others as the last."""
    distances = []
    for place, curve in enumerate(curves):
        others = np.delete(curves, place, axis=0)
        spread = np.maximum(others.std(axis=0, ddof=1), 1e-9)  # runs may all be alike
        distances.append(np.square((curve - others.mean(axis=0)) / spread).mean())
    return float(np.mean(np.array(distances) >= distances[-1]))


@default_style
def draw_test_accuracies(runs: pd.DataFrame, claim: pd.Series) -> CaptionedFigure:
    """Test accuracy after each epoch, a line a run, and the published one of a claim."""
    accuracies, published = find_accuracies(runs), claim["test_accuracy"]
    fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
    count, epochs = accuracies.shape
    ax.plot(np.arange(1, epochs + 1), accuracies.T, color=BLUE, lw=0.8, alpha=0.5)
    ax.plot(epochs, published, **CLAIM)
    ax.set(xlabel="epoch", ylabel="test accuracy (%)", xticks=[1, 5, 10, 15, 20])
    ax.grid(alpha=0.3)
    falls = find_falls(accuracies)
    starts, ends = (
        f"{column.min():.2f}% to {column.max():.2f}%" if count else "no run"
        for column in (accuracies[:, 0], accuracies[:, -1])
    )
    return CaptionedFigure(
        fig,
        f"A line for each of {count} runs; the diamond is the published {published}% "
        f"(`{claim.name}`). After the first epoch {starts}, after the last {ends}. From one epoch "
        f"to the next the accuracy falls by half a percentage point or more in {falls.sum()} of "
        f"{falls.size} cases.",
    )
