"""The figures of 03_results.ipynb, each with its caption: blue is ours, orange was published."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from mnist_rnn.claims.published import load_curve
from mnist_rnn.config import NUM_CLASSES, TEST_SIZE, Configuration
from mnist_rnn.figures.plate import OURS, PUBLISHED, Plate
from mnist_rnn.figures.training import (
    describe_confusion,
    draw_confusion,
    draw_mistakes,
    list_mistakes,
)
from mnist_rnn.records.record import Record, find_runs

RUN: dict[str, Any] = {"color": OURS, "ls": "none", "marker": "o", "ms": 5, "alpha": 0.6, "mew": 0}
CLAIM: dict[str, Any] = {"color": PUBLISHED, "ls": "none", "marker": "D", "ms": 6}
KEY = [Line2D([], [], **RUN, label="a run of ours"), Line2D([], [], **CLAIM, label="published")]


def draw_claims(records: list[Record], accuracy: pd.DataFrame, claims: pd.DataFrame) -> Plate:
    """Each published test accuracy beside the runs of its configuration and their interval."""
    fig, ax = plt.subplots(figsize=(7.5, 5.2), layout="constrained")
    rows, names = accuracy[accuracy["claim"].notna()], claims["configuration"]
    for place, row in rows.iterrows():
        values = [100 * run.test.accuracy for run in find_runs(records, names[row["claim"]])]
        ax.hlines(place, row["interval_low"], row["interval_high"], color=OURS, lw=9, alpha=0.2)
        ax.plot(values, [place] * len(values), **RUN)
        ax.plot(row["published_test_accuracy"], place, **CLAIM)
    ax.set(xlabel="test accuracy (%)", ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticks(rows.index, [f"{row['claim']} ({row['runs']})" for _, row in rows.iterrows()])
    ax.grid(axis="x", alpha=0.3)
    interval = Line2D([], [], color=OURS, lw=9, alpha=0.2, label="95% prediction interval")
    fig.legend(handles=[*KEY, interval], loc="outside upper center", ncols=3, frameon=False)
    counts = rows["verdict"].str.replace(r" by .*", "", regex=True).value_counts()
    found = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return Plate(
        fig,
        "A line for each claim, in percent: "
        + "; ".join(map(describe_claim, rows.to_dict("records"))),
        f"Every run is a dot; the number of runs is in brackets. Of {len(rows)} claims: {found}.",
    )


def describe_claim(row: dict[str, Any]) -> str:
    """A row of the table in words: published, our interval, verdict."""
    ours = f"interval {row['interval_low']:.2f} to {row['interval_high']:.2f}"
    if pd.isna(row["interval_low"]):
        ours = "no interval"
    return f"{row['claim']}: {row['published_test_accuracy']}, {ours}, {row['verdict']}"


def draw_published_curves(records: list[Record], claims: pd.DataFrame) -> Plate:
    """Training loss and accuracy per epoch as published, over the band of our runs."""
    claims = claims[claims["has_curve"] == "yes"]
    size = (7.5, 1.7 * len(claims) + 0.3)
    fig, axes = plt.subplots(
        len(claims), 2, figsize=size, sharex=True, squeeze=False, layout="constrained"
    )
    ends: list[str] = []
    for pair, (name, claim) in zip(axes, claims.iterrows(), strict=True):
        runs = find_runs(records, claim["configuration"])
        last = load_curve(name).dropna(subset="train_loss").iloc[-1]
        ends.append(
            f"{name} ends at loss {last.train_loss:.3g}, accuracy {last.train_accuracy:.1%}"
        )
        if runs:
            ours = [
                np.mean([getattr(r.history, m)[-1] for r in runs]) for m in ("loss", "accuracy")
            ]
            ends[-1] += f"; ours, on average, at {ours[0]:.3g} and {ours[1]:.1%}"
        for ax, measure in zip(pair, ("loss", "accuracy"), strict=True):
            if runs:
                ours = np.array([getattr(run.history, measure) for run in runs])
                epochs = range(1, ours.shape[1] + 1)
                ax.fill_between(epochs, ours.min(axis=0), ours.max(axis=0), color=OURS, alpha=0.3)
                ax.plot(epochs, ours.mean(axis=0), color=OURS, lw=1)
            ax.plot(load_curve(name)[f"train_{measure}"], ".", color=PUBLISHED, ms=5)
            ax.grid(alpha=0.3)
        pair[0].set(yscale="log", ylim=(0.008, 3), ylabel="training loss")
        pair[0].set_title(f"{name} ({len(runs)})", size=9)
        pair[1].set(yscale="logit", ylim=(0.2, 0.998), ylabel="accuracy (%)")
        pair[1].set_yticks((0.5, 0.9, 0.95, 0.99), (50, 90, 95, 99))
        pair[1].minorticks_off()
    fig.supxlabel("epoch", size=9)
    return Plate(
        fig,
        "A line for each claim, published training loss and accuracy per epoch, over our runs: "
        + "; ".join(ends)
        + ".",
        "Orange: what the original printed after each epoch. Blue: the mean of our runs, and the "
        "range from their minimum to their maximum; the number of runs is in brackets. Loss and "
        "accuracy are measured on the training images while the weights change and dropout is "
        "active. Accuracy is on a logit scale.",
    )


def draw_error_rates(records: list[Record], claims: pd.DataFrame) -> Plate:
    """Test error of the SimpleRNN against the optimizer, and against the units."""
    fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.8), sharey=True, layout="constrained")
    claims = claims[alike(claims, "layer", "loss", "batch_size", "epochs", "train_size")]
    claims = claims[claims["learning_rate"].isna()]
    left = draw_groups(axes[0], records, claims[alike(claims, "units")], "optimizer")
    right = draw_groups(axes[1], records, claims[alike(claims, "optimizer")], "units")
    axes[0].set(xlabel="optimizer, dropout (256 units)", ylabel="test error (%)")
    axes[1].set(xlabel="units, dropout (SGD)")
    fig.legend(handles=KEY, loc="outside upper center", ncols=2, frameon=False)
    return Plate(
        fig,
        "Test errors of our runs, on average, and as published. "
        + " ".join(left + [word for word in right if word not in left]),
        "Test error of the SimpleRNN after 20 epochs: every run is a dot, the bar is their mean. "
        "A column holds the runs and the published figures of one configuration.",
    )


def alike(claims: pd.DataFrame, *names: str) -> pd.Series:
    """Which claims have the default values of these parameters."""
    default = Configuration()
    return (claims[list(names)] == [getattr(default, name) for name in names]).all(axis=1)


def draw_groups(ax: plt.Axes, records: list[Record], claims: pd.DataFrame, name: str) -> list[str]:
    """A column for each published pair of this parameter and dropout; returns them in words."""
    words = []
    groups = claims.groupby([name, "dropout"])
    for place, ((value, dropout), group) in enumerate(groups):
        runs = find_runs(records, group["configuration"].iloc[0])
        errors = [100 * run.test.errors / TEST_SIZE for run in runs]
        ax.plot([place - 0.12] * len(errors), errors, **RUN)
        if errors:
            ax.hlines(np.mean(errors), place - 0.3, place + 0.06, color=OURS)
        published = 100 - group["published_test_accuracy"]
        ax.plot([place + 0.15] * len(group), published, **CLAIM)
        mean = f"{np.mean(errors):.2f}%" if errors else "no run"
        listed = ", ".join(f"{error:.2f}%" for error in published)
        words.append(f"{name} {value}, dropout {dropout}: ours {mean}, published {listed}.")
    ax.set_xticks(range(len(groups)), [f"{value}\n{dropout}" for value, dropout in groups.groups])
    ax.set(xlim=(-0.5, len(groups) - 0.5), ylim=(0, None))
    ax.grid(axis="y", alpha=0.3)
    return words


def draw_confusions(runs: list[Record]) -> Plate:
    """How often each test digit was read as each digit, in all these runs."""
    matrix = np.zeros((NUM_CLASSES, NUM_CLASSES), int)
    for run in runs:
        matrix += run.test.confusion_matrix
    mistakes = matrix - np.diag(np.diag(matrix))
    digit, named = np.unravel_index(mistakes.argmax(), mistakes.shape)
    return Plate(
        draw_confusion(matrix.tolist()),
        describe_confusion(matrix),
        f"Counts over all test images and all runs of the default configuration (runs: "
        f"{len(runs)}). The most frequent of {mistakes.sum():,} mistakes is to read a {digit} as "
        f"a {named}: {mistakes.max()} times.",
    )


def draw_common_mistakes(runs: list[Record], images: np.ndarray, y: np.ndarray) -> Plate:
    """The test images (10000, 28, 28) that most of these runs read wrong."""
    named = np.zeros((TEST_SIZE, NUM_CLASSES), int)
    for run in runs:
        named[list(run.mistakes), list(run.mistakes.values())] += 1
    wrong = named.sum(axis=1)
    worst = np.argsort(-wrong, kind="stable")[:18]
    worst = worst[wrong[worst] > 0]
    return Plate(
        draw_mistakes(images[worst], y[worst], named[worst] / len(runs)),
        f"Images with the share of runs: {list_mistakes(y[worst], named[worst] / len(runs))}.",
        f"Of {TEST_SIZE:,} test images, {(wrong > 0).sum()} are read wrong by at least one run of "
        f"the default configuration and {((wrong > 0) & (wrong == len(runs))).sum()} by every run "
        f"(runs: {len(runs)}). Shown are those that most runs read wrong, with the most frequent "
        f"wrong answer and the share of runs that gave it.",
    )
