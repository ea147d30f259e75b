"""The rule of the verdicts: by hand, and on simulated runs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mnist_rnn.claims.published import load_claims
from mnist_rnn.claims.tables import tabulate_accuracy
from mnist_rnn.claims.verdicts import judge, predict_interval, weigh, weigh_dropout
from mnist_rnn.figures.results import (
    draw_claims,
    draw_common_mistakes,
    draw_confusions,
    draw_error_rates,
    draw_published_curves,
)
from mnist_rnn.records.record import tabulate_runs

pytestmark = pytest.mark.quick

FULL = {"train_size": 60_000, "epochs": 20}


def tabulate(published, mean, sd, runs, rounding=0.1):
    """A table of claims with our intervals and verdicts."""
    table = pd.DataFrame(
        {
            "published_test_accuracy": published,
            "mean": mean,
            "sd": sd,
            "runs": runs,
            "rounding": rounding,
        },
        index=range(np.size(published)),
    )
    table = table.join(predict_interval(table))
    return table.assign(verdict=table.apply(judge, axis=1))


def test_an_interval_by_hand():
    # t(0.975, 9) is 2.262 in any printed table: 2.262 * 0.12 * sqrt(1.1) = 0.285, and 0.05
    row = tabulate(98.2, 98.0, 0.12, 10).loc[0]
    assert (row["interval_low"], row["interval_high"]) == (97.67, 98.33)
    # t(0.975, 4) is 2.776: 2.776 * 0.1 * sqrt(1.2) = 0.304, and 0.005
    row = tabulate(98.2, 98.0, 0.1, 5, rounding=0.01).loc[0]
    assert (row["interval_low"], row["interval_high"]) == (97.69, 98.31)


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        (98.33, "reproduced"),
        (98.34, "ours lower by 0.34"),
        (97.67, "reproduced"),
        (97.66, "ours higher by 0.34"),
    ],
)
def test_the_verdict_changes_at_the_printed_bound(published, verdict):
    assert tabulate(published, 98.0, 0.12, 10).loc[0, "verdict"] == verdict


def test_runs_that_are_all_alike_leave_the_rounding():
    verdicts = tabulate([97.9, 97.8, 97.7, 98.0], 97.85, 0.0, 10)["verdict"].tolist()
    assert verdicts == ["reproduced", "reproduced", "ours higher by 0.15", "ours lower by 0.15"]


@pytest.mark.parametrize(("runs", "mean", "sd"), [(0, np.nan, np.nan), (1, 98, np.nan), (2, 98, 1)])
def test_fewer_than_three_runs_have_no_verdict(runs, mean, sd):
    row = tabulate(98.0, mean, sd, runs).loc[0]
    assert row["verdict"] == "too few runs"
    assert row[["interval_low", "interval_high"]].isna().all() == (runs < 2)


@pytest.mark.parametrize(
    ("seeds", "shift", "least", "most"), [(5, 0, 0.94, 0.96), (10, 0, 0.94, 0.96), (10, 4, 0, 0.1)]
)
def test_simulated_claims(seeds, shift, least, most):
    """2,000 claims, each one more run like our seeds, or one so many standard deviations off."""
    rng = np.random.default_rng(0)
    ours, published = rng.normal(98, 1, (2000, seeds)), rng.normal(98 + shift, 1, 2000)
    table = tabulate(published, ours.mean(axis=1), ours.std(axis=1, ddof=1), seeds, rounding=0)
    assert least <= (table["verdict"] == "reproduced").mean() <= most


def test_simulated_claims_as_they_are_printed():
    """Counts of wrong images, binomial and more spread by the seeds; published to 0.1%."""
    rng = np.random.default_rng(0)
    errors = rng.binomial(10_000, rng.normal(0.02, 0.0005, (2000, 11)))
    ours = 100 - errors[:, 1:] / 100
    published = (100 - errors[:, 0] / 100).round(1)
    table = tabulate(published, ours.mean(axis=1), ours.std(axis=1, ddof=1), 10)
    assert 0.94 <= (table["verdict"] == "reproduced").mean() <= 0.98


def test_the_effect_of_dropout_is_paired_by_seed(make_record):
    without, dropped = [200, 210, 190, 205], [190, 195, 185, 199]
    records = [
        make_record(errors, seed=seed, dropout=dropout, **FULL)
        for dropout, counts in ((0.0, [*without, 300]), (0.2, dropped))
        for seed, errors in enumerate(counts)
    ]
    interval = stats.ttest_rel(without, dropped).confidence_interval()
    assert weigh_dropout(records, "sgd") == (
        "- sgd: **it helps**: +0.09 percentage points, 95% confidence interval "
        f"{interval.low / 100:+.2f} to {interval.high / 100:+.2f} (seeds run both ways: 4)"
    )
    assert weigh_dropout(records, "adam") == "- adam: **too few runs** (seeds run both ways: 0)"


@pytest.mark.parametrize(
    ("dropped", "effect"),
    [([200, 190, 196], "no effect can be told"), ([205, 205, 205], "it harms")],
)
def test_dropout_may_do_nothing_or_harm(dropped, effect, make_record):
    records = [
        make_record(errors, seed=seed, dropout=dropout, **FULL)
        for dropout, counts in ((0.0, [195, 195, 195]), (0.2, dropped))
        for seed, errors in enumerate(counts)
    ]
    assert f"**{effect}**" in weigh_dropout(records, "sgd")


def test_a_figure_is_weighed_for_the_configuration_of_a_claim(make_record):
    records = [make_record(200 + seed, seed=seed, **FULL) for seed in range(3)]
    accuracy = tabulate_accuracy(tabulate_runs(records), load_claims())
    # sd 0.01: 4.303 * 0.01 * sqrt(4 / 3) = 0.05, and 0.05
    ours = "(runs: 3, mean 97.99%, interval 97.89 to 98.09%)"
    assert weigh(accuracy, "notebook-2019", "book-512-sgd").splitlines() == [
        f"- 97.9% (`notebook-2019`) for 256 units, sgd, dropout 0.0: **reproduced** {ours}",
        "- 98.3% (`book-512-sgd`) for 512 units, sgd, dropout 0.2: **too few runs** (runs: 0)",
    ]
    assert weigh(accuracy, "notebook-2019", figure_of="book-512-sgd") == (
        f"- 98.3% (`book-512-sgd`) for 256 units, sgd, dropout 0.0: **ours lower by 0.31** {ours}"
    )


def dots(ax):
    """The number of our runs in each place of the axis that has some."""
    lines = [line for line in ax.get_lines() if line.get_marker() == "o"]
    return [len(line.get_xdata()) for line in lines]


def test_each_run_stands_beside_the_claims_of_its_configuration(make_record):
    others = {"layer": "lstm", "learning_rate": 0.1}
    records = [make_record(seed=seed, **FULL) for seed in range(3)]
    records += [make_record(**{name: value}, **FULL) for name, value in others.items()]
    claims = load_claims().head(13)  # those of the originals; others may follow
    accuracy = tabulate_accuracy(tabulate_runs(records), claims)
    ax = draw_claims(records, accuracy, claims).figure.axes[0]
    # notebook-2019 and notebook-2020; notebook-2020-lstm-sgd
    assert dots(ax) == [3, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    other = claims.loc[["notebook-2019"]].assign(epochs=5, configuration="another")
    by_optimizer, by_units = draw_error_rates(records, pd.concat([other, claims])).figure.axes
    assert dots(by_optimizer) == [0, 0, 0, 3, 0]  # adam, adam, rmsprop, sgd, sgd
    assert dots(by_units) == [3, 0, 0]
    titles = [ax.get_title() for ax in draw_published_curves(records, claims).figure.axes]
    assert {"notebook-2019 (3)", "notebook-2019-dropout (0)"} <= set(titles)


def test_common_mistakes_by_hand(make_record, mnist):
    _, (x_test, y_test) = mnist
    runs = [make_record(errors, seed=seed) for seed, errors in enumerate((3, 5))]
    plate = draw_common_mistakes(runs, x_test, y_test)
    assert "5 are read wrong by at least one run" in plate.caption
    assert "and 3 by every run (runs: 2)" in plate.caption
    titles = [ax.get_title() for ax in plate.figure.axes if ax.get_title()]
    shares = ["100.0%"] * 3 + ["50.0%"] * 2
    assert titles == [
        f"read 1 ({share})\nlabel {label}" for share, label in zip(shares, y_test[:5], strict=True)
    ]
    assert "of 8 mistakes is to read a 0 as a 1: 8 times" in draw_confusions(runs).caption


def test_figures_without_a_run_say_so(mnist):
    _, (x_test, y_test) = mnist
    assert "and 0 by every run (runs: 0)" in draw_common_mistakes([], x_test, y_test).caption
    assert "(runs: 0)" in draw_confusions([]).caption
