"""The rule of the verdicts: by hand, and on simulated runs."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from mnist_rnn.claims.contrasts import tabulate_contrasts
from mnist_rnn.claims.discrimination import (
    judge_wrong_configurations,
    simulate_true_claims,
    tabulate_discrimination,
)
from mnist_rnn.claims.equivalence import (
    KERAS,
    OURS,
    PYTORCH,
    compare_means,
    compare_measures,
    compare_seeds,
    group_accuracies,
    tabulate_equivalence,
)
from mnist_rnn.claims.originals import Original, read_originals, tabulate_originals
from mnist_rnn.claims.published import load_claims, read_numbers
from mnist_rnn.claims.tables import add_pytorch, tabulate_runs
from mnist_rnn.claims.verdicts import (
    FEWEST,
    LEVEL,
    SCALES,
    combine,
    find_detectable,
    find_p,
    judge,
    judge_claims,
    weigh_together,
)
from mnist_rnn.records.record import read_records
from scipy import stats

from mnist_rnn.paths import COMMITTED, ROOT

pytestmark = pytest.mark.quick


# Of a printed table of Student's t: 0.975 with 4 degrees of freedom.
T4 = 2.776


def make_numbers(half_unit=0.0, configuration="a", **published):
    """Published numbers: a list of values by measure; what is not named was not published.

    A row is `claim-0`, `claim-1`, ..., of one configuration or of one each.
    """
    length = len(next(iter(published.values())))
    numbers = {"configuration": configuration}
    for measure in SCALES:
        numbers[measure] = published.get(measure, [np.nan] * length)
        numbers[f"{measure}_half_unit"] = half_unit
    return pd.DataFrame(numbers, index=[f"claim-{i}" for i in range(length)])


def make_runs(configuration="a", **measured):
    """Runs of a configuration: a list of values by measure."""
    length = len(next(iter(measured.values())))
    columns = {measure: measured.get(measure, [1.0] * length) for measure in SCALES}
    return pd.DataFrame({"configuration": configuration, "seed": range(length)} | columns)


def group_runs(**accuracies):
    """Runs of several configurations: a list of test accuracies each."""
    runs = [make_runs(name, test_accuracy=values) for name, values in accuracies.items()]
    return pd.concat(runs, ignore_index=True)


LOGS = np.array([-0.2, -0.1, 0, 0.1, 0.2])  # sample standard deviation sqrt(0.1 / 4)
FIVE = 100 - 2 * np.exp(-LOGS)  # accuracies from 97.56 to 98.36, 98 in the middle


def test_a_p_value_by_hand():
    """The errors, 2% in the middle, are compared by their ratio."""
    factor = np.exp(T4 * np.sqrt(0.1 / 4) * np.sqrt(1 + 1 / 5))
    ends = [100 - 2 / factor + 0.05, 100 - 2 * factor - 0.05]
    numbers = make_numbers(0.05, test_accuracy=[98, 98.04, *ends])
    p = find_p(numbers, make_runs(test_accuracy=FIVE))
    assert p["test_accuracy"].tolist() == pytest.approx([1, 1, 0.05, 0.05], abs=1e-4)
    assert p.drop(columns="test_accuracy").isna().all(axis=None)


def test_the_smallest_p_counts_times_the_number_of_figures():
    p = pd.DataFrame(
        {"a": [0.01, 0.9, np.nan], "b": [0.5, 0.6, np.nan], "c": [np.nan, 0.7, np.nan]}
    )
    assert combine(p).tolist() == pytest.approx([0.02, 1, np.nan], nan_ok=True)


def test_runs_that_are_all_alike_agree_with_what_rounds_to_them():
    numbers = make_numbers(0.05, test_accuracy=[97.9, 97.8, 97.7, 98.0])
    p = find_p(numbers, make_runs(test_accuracy=[97.85] * 3))["test_accuracy"]
    assert (p > 0.05).tolist() == [True, True, False, False]


def test_runs_without_an_error():
    p = find_p(make_numbers(test_accuracy=[100.0]), make_runs(test_accuracy=[100.0, 99.99, 99.98]))
    assert 0 < p["test_accuracy"].item() < 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_runs_have_no_verdict(count):
    runs = group_runs(a=FIVE[:count], b=FIVE)
    verdict = judge_claims(make_numbers(test_accuracy=[98.0]), runs).iloc[0]
    assert verdict["verdict"] == "too few runs"
    assert np.isnan(verdict["p"])


@pytest.mark.parametrize(
    ("own", "others", "claims", "verdict"),
    [
        (0.5, [0.001, 0.049], 10, "reproduced"),
        (0.5, [0.001, np.nan], 10, "reproduced"),
        (0.5, [0.001, 0.05], 10, "compatible"),
        (0.05, [0.001, 0.049], 10, "reproduced"),
        (0.049, [0.001, 0.04], 10, "compatible"),  # its own runs hardly agree
        (0.0051, [0.001, 0.001], 10, "compatible"),
        (0.0049, [0.001, 0.9], 10, "not reproduced"),
        (0.0056, [0.001, 0.001], 9, "compatible"),
        (0.5, [np.nan], 10, "compatible"),  # nothing was there to disagree
        (np.nan, [0.001], 10, "too few runs"),
    ],
)
def test_the_verdicts_by_hand(own, others, claims, verdict):
    p = pd.Series([*others, own], [*"abc"[: len(others)], "own"])
    assert judge(p, "own", claims) == verdict
    if np.isnan(own):
        assert judge(p.drop("own"), "own", claims) == verdict


def test_what_else_agrees_and_what_one_seed_decides():
    near, far = FIVE + 0.1, FIVE - 9
    numbers = make_numbers(configuration=["a", "b", "c"], test_accuracy=[98.0, 97.9, 89.0])
    verdicts = judge_claims(numbers, group_runs(a=FIVE, b=near, c=far))
    assert verdicts["also_agree"].tolist() == [["b"], ["a"], []]
    assert verdicts["verdict"].tolist() == ["compatible", "compatible", "reproduced"]
    assert set(verdicts["leave_one_out"]) == {""}


def test_the_notebook_tells_the_rule_with_its_numbers():
    text = (ROOT / "notebooks" / "03_results.ipynb").read_text()
    assert text.count(f"*p* is below {LEVEL} divided by the number of claims") == 1
    assert text.count(f"own configuration, *p* is at least {LEVEL}, and for") == 1
    assert text.count(f"with at least {FEWEST} runs it is below {LEVEL}.") == 1
    assert text.count(f"fewer than {FEWEST} runs of its own") == 1


def test_all_claims_together_by_hand():
    """Three claims above all of five runs, two of them above the same: each 1.383, of a table."""
    numbers = make_numbers(configuration=["a", "a", "b", "c"], test_accuracy=[98.5] * 4)
    table = weigh_together(numbers, group_runs(a=FIVE, b=FIVE, c=FIVE[:2]))
    row = table.loc["test_accuracy"]
    assert row["claims"] == 3  # two runs are too few
    assert row["z"] == pytest.approx(3 * 1.383 / np.sqrt(3 + 2 / 7), abs=0.001)
    assert row["p"] == pytest.approx(2 * stats.norm.sf(row["z"]))
    for accuracy, z in ((97.5, -row["z"]), (98.0, 0)):
        other = weigh_together(numbers.assign(test_accuracy=accuracy), group_runs(a=FIVE, b=FIVE))
        assert other.loc["test_accuracy", "z"] == pytest.approx(z)
    assert table.index.tolist() == ["test_accuracy"]
    assert weigh_together(numbers, group_runs(a=FIVE[:3]))["claims"].tolist() == [2]


def test_claims_together_are_rarely_apart_if_all_are_true():
    """500 times nine claims by ten runs: without the correlation it would be 14%."""
    rng = np.random.default_rng(0)
    apart = []
    for _ in range(500):
        numbers = make_numbers(configuration=["a"] * 9, test_accuracy=rng.normal(98, 0.1, 9))
        p = weigh_together(numbers, group_runs(a=rng.normal(98, 0.1, 10)))["p"]
        apart.append(p["test_accuracy"] < 0.05)
    assert 0.03 <= np.mean(apart) <= 0.07


def test_the_verdict_by_the_test_accuracy_alone():
    """The loss tells a and b apart, the accuracy does not; c is out of both."""
    runs = group_runs(a=FIVE, b=FIVE, c=FIVE)
    runs["test_loss"] = np.exp([*LOGS, *(LOGS - 9), *(LOGS + 9)])
    published = {"test_accuracy": [98.0, 91.0], "test_loss": np.exp([0, -9])}
    numbers = make_numbers(configuration=["a", "b"], **published)
    judged = judge_claims(numbers, runs)
    assert judged["by_test_accuracy"].tolist() == ["compatible", "not reproduced"]
    assert judged["verdict"].tolist() == ["reproduced", "not reproduced"]


def test_one_stray_run_decides():
    """It makes a spread so wide that 97 agrees: that of the claim's own runs, or of others."""
    stray = [98.0, 98.01, 98.02, 98.03, 96.0]
    numbers = make_numbers(configuration=["a", "b"], test_accuracy=[97.0, 90.0])
    verdicts = judge_claims(numbers, group_runs(a=stray, b=[90.0, 90.01, 90.02]))
    assert verdicts["verdict"].tolist() == ["reproduced", "reproduced"]
    # Without one of the three others there would be too few, which is no other verdict.
    assert verdicts["leave_one_out"].tolist() == ["not reproduced", ""]
    numbers = make_numbers(configuration=["a", "b"], test_accuracy=[97.0, 97.0])
    second = judge_claims(numbers, group_runs(a=stray, b=[97.0, 97.01, 97.02])).loc["claim-1"]
    assert second[["verdict", "leave_one_out"]].tolist() == ["compatible", "reproduced"]


@pytest.mark.parametrize(("seeds", "measures", "claims"), [(3, 1, 1), (5, 1, 12), (20, 5, 12)])
def test_the_detectable_error_is_found_with_four_chances_in_five(seeds, measures, claims):
    """200 times some runs, and for each 50 further ones, published with this error."""
    rng = np.random.default_rng(0)
    # By the true spread, so that the error is the same in each trial.
    known = make_runs(test_accuracy=100 - 2 * np.exp(0.1 * stats.zscore(np.arange(seeds), ddof=1)))
    error = find_detectable(known, make_numbers(test_accuracy=[98.0]).iloc[0], measures, claims)
    found = []
    for _ in range(200):
        runs = make_runs(test_accuracy=100 - 2 * np.exp(rng.normal(0, 0.1, seeds)))
        true = 100 - 2 * np.exp(rng.normal(0, 0.1, 50))
        too_high = 100 - (100 - true) * (1 - error / 2)  # by `error` where 98 is true
        p = find_p(make_numbers(test_accuracy=too_high), runs)["test_accuracy"]
        found += (p * measures * claims < 0.05).tolist()
    assert 0.77 <= np.mean(found) <= 0.83


@pytest.mark.parametrize("seeds", [5, 10])
def test_simulated_claims(seeds):
    """200 times as many runs, and for each 50 true claims of two numbers."""
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(200):
        runs, numbers = (
            make(
                test_accuracy=100 - 2 * np.exp(rng.normal(0, 0.1, n)),
                mean_log_loss=rng.normal(-3, 0.1, n),
            )
            for make, n in ((make_runs, seeds), (make_numbers, 50))
        )
        rejected += (combine(find_p(numbers, runs)) < 0.05).tolist()
    assert 0.035 <= np.mean(rejected) <= 0.06


def test_wrong_configurations_and_true_claims():
    """Of three distinct configurations, no wrong one is reproduced, and each true claim stays."""
    rng = np.random.default_rng(0)
    means = [98.0, 95.0, 92.0]
    a, b, c = (rng.normal(mean, 0.1, 10) for mean in means)
    runs = group_runs(a=a, b=b, c=c)
    numbers = make_numbers(configuration=["a", "b", "c"], test_accuracy=means)
    wrong = judge_wrong_configurations(numbers, runs)
    assert wrong.melt()["value"].dropna().tolist() == ["not reproduced"] * 6
    simulated = simulate_true_claims(numbers, runs)
    assert len(simulated) == simulated["run"].nunique() == 30
    assert (simulated["verdict"] == "reproduced").mean() >= 0.93
    table = tabulate_discrimination(numbers, runs)
    assert table["wrong configurations"].tolist() == [0, 0, 6]
    assert table["true claims"].sum() == 30
    same = judge_wrong_configurations(
        numbers.assign(test_accuracy=96.0), runs.assign(test_accuracy=rng.normal(96, 1, 30))
    )
    assert same.melt()["value"].dropna().tolist() == ["compatible"] * 6
    # Were b's runs as good as a's, they would reproduce a's number: a's are not asked.
    alike = group_runs(a=a, b=b + 3, c=c)
    assert judge_wrong_configurations(numbers, alike).loc["claim-0", "b"] == "reproduced"
    # Three runs are too few for one of them to be judged by the others.
    few = simulate_true_claims(numbers, group_runs(a=a[:3], b=b, c=c))
    assert few["claim"].unique().tolist() == ["claim-1", "claim-2"]


def test_the_rule_tells_right_from_wrong_in_the_committed_runs():
    records, _ = read_records(COMMITTED)
    numbers = read_numbers(load_claims())
    runs = add_pytorch(tabulate_runs(records), read_originals(COMMITTED / "originals"))
    wrong = judge_wrong_configurations(numbers, runs).melt()["value"].dropna()
    assert len(wrong) == len(numbers) * (numbers["configuration"].nunique() - 1)
    assert (wrong == "reproduced").mean() <= 0.05
    simulated = simulate_true_claims(numbers, runs)
    # 03_results: on average at most one in 240, if logarithms were normally distributed; more here.
    assert 0.05 / len(numbers) == pytest.approx(1 / 240)
    assert 1 / 240 < (simulated["verdict"] == "not reproduced").mean() <= 0.03
    own = simulated["claim"].map(judge_claims(numbers, runs)["verdict"])
    assert (simulated["verdict"][own == "reproduced"] == "reproduced").mean() >= 0.93


def test_a_contrast_is_paired_by_seed(make_record):
    """Of three pairs, as few as may be; two with Adam are too few."""
    without, dropped = [200, 210, 190], [190, 195, 185]
    records = [
        make_record(errors, seed=seed, dropout=dropout)
        for dropout, counts in ((0.0, [*without, 300]), (0.2, dropped))
        for seed, errors in enumerate(counts)
    ]
    records += [
        make_record(seed=seed, optimizer="adam", dropout=dropout)
        for seed, dropout in product((0, 1), (0.0, 0.2))
    ]
    table = tabulate_contrasts(tabulate_runs(records))
    interval = stats.ttest_rel(without, dropped).confidence_interval()
    assert table.index.tolist() == ["dropout 0.2 minus none, with SGD"]
    expected = [0.1, interval.low / 100, interval.high / 100, 3]
    assert table.iloc[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("gap", "result"),
    [
        (0.0, "equivalent"),
        (-0.02, "equivalent"),
        (0.06, "inconclusive"),
        (0.087, "inconclusive"),  # the 90% interval leaves out zero, the 95% interval does not
        (0.5, "different"),
    ],
)
def test_equivalence_by_hand(gap, result):
    """Twice 41 runs with a variance of 0.04; Student's t, 0.95, is 1.664 for 80 degrees."""
    theirs = np.array([97.8, 98.2] * 20 + [98.0])
    row = compare_means(theirs + gap, theirs)
    reach = 1.664 * np.sqrt(2 * 0.04 / 41)
    assert row["result"] == result
    assert row["difference"] == pytest.approx(gap)
    assert row["interval_low"] == pytest.approx(gap - reach, abs=0.0001)
    assert row["interval_high"] == pytest.approx(gap + reach, abs=0.0001)


def test_the_last_epoch_the_last_five_and_the_later_runs_are_compared():
    """Theirs are the same after each epoch; ours fall by half a point after the last.

    Our first 20 runs and their first 10 are better by half a point and by a whole.
    """
    theirs = np.array([[97.8], [98.2], [98.0]] * 20) + np.zeros(7)
    ours = theirs - [9, 9, 0, 0, 0, 0, 0.5]
    ours[:20] += 0.5
    theirs[:10] += 1
    table = tabulate_equivalence({OURS: ours, KERAS: theirs})
    assert table["our_runs"].tolist() == [60, 60, 40]
    assert table["their_runs"].tolist() == [60, 60, 50]
    assert table["difference"].tolist() == pytest.approx([-0.5, -0.1, -0.1], abs=0.01)
    assert table["result"].tolist() == ["different", "inconclusive", "different"]
    again = tabulate_equivalence({OURS: theirs, KERAS: theirs})
    assert again["spreads_p"].iloc[0] == pytest.approx(1)


def test_the_power_to_show_an_equivalence_is_as_often_as_it_is_shown():
    """Ours vary by 0.2, theirs too: often enough to be counted, not always."""
    rng = np.random.default_rng(0)
    rows = [compare_means(*rng.normal(98, 0.2, (2, 60))) for _ in range(300)]
    shown = [row["result"] == "equivalent" for row in rows]
    said = np.mean([row["power"] for row in rows])
    assert said == pytest.approx(np.mean(shown), abs=0.07)
    assert 0.5 < said < 0.9


def test_equivalence_needs_runs_of_both():
    last = np.full((9, 1), 98.0)
    table = tabulate_equivalence({OURS: last, KERAS: last[:0]})
    assert table["result"].tolist() == ["too few runs"] * 3


def test_runs_from_the_same_start_are_compared_by_seed(make_record):
    """Ours have 150 test errors after each epoch and a loss of 0.5.

    Seed 3 has no run of ours, and theirs of seed 8 has another number of epochs.
    """
    records = [make_record(150, seed=seed) for seed in (7, 0, 8)]
    records.append(make_record(150, seed=3, units=64))
    alike = {"test_errors": [150] * 20, "loss": [0.5] * 20}
    other = {"test_errors": [150] * 18 + [151, 140], "loss": [0.5] * 19 + [0.625]}
    short = {"test_errors": [150], "loss": [0.5]}
    kinds = {"keras-00": other, "seeded-00": alike, "seeded-03": alike, "seeded-07": other}
    kinds["seeded-08"] = short
    originals = {
        name: Original.model_construct(kind=name.split("-")[0], **run)
        for name, run in kinds.items()
    }
    table = compare_seeds(records, originals)
    assert table.index.tolist() == [0, 7]
    assert table["our_test_errors"].tolist() == [150, 150]
    assert table["their_test_errors"].tolist() == [150, 140]
    assert table["epochs"].tolist() == [20, 20]
    assert table["same_errors"].tolist() == [20, 18]
    assert table["loss_apart"].tolist() == [0, 0.125]
    without = compare_seeds(records, {})
    assert without.empty
    assert without.columns.tolist() == table.columns.tolist()


def test_the_measures_of_two_groups_by_hand():
    """Five and five runs of the same spread, the logarithms of errors and losses a tenth apart."""
    ours = make_runs(**dict.fromkeys(SCALES, FIVE)).assign(test_loss=np.exp(LOGS))
    theirs = ours.assign(test_accuracy=100 - 2 * np.exp(-LOGS - 0.1), test_loss=np.exp(LOGS - 0.1))
    table = compare_measures(ours, theirs).loc[["test_error", "test_loss"]]
    reach = 2.306 * np.sqrt(2 * 0.025 / 5)  # Student's t, 0.975, for 8 degrees of freedom
    assert table["difference"].tolist() == pytest.approx([0.1, 0.1])
    assert table["interval_low"].tolist() == pytest.approx([0.1 - reach] * 2, abs=1e-4)
    assert table["interval_high"].tolist() == pytest.approx([0.1 + reach] * 2, abs=1e-4)
    assert (table["p"] > 0.05).all()


def test_groups_are_of_the_default_configuration_and_by_code(make_record):
    runs = [make_record(200), make_record(150, units=64)]
    groups = group_accuracies(runs, {})
    sizes = {name: len(accuracies) for name, accuracies in groups.items()}
    assert sizes == {OURS: 1, KERAS: 0, PYTORCH: 0}
    assert groups[OURS].shape == (1, 20)
    assert groups[OURS][0, -1] == 98.0


def test_runs_of_no_published_configuration_judge_nothing(make_record):
    runs = tabulate_runs([make_record(200, units=64)])
    numbers, theirs = read_numbers(load_claims()), tabulate_originals({}, "keras")
    assert not tabulate_discrimination(numbers, runs).to_numpy().any()
    assert weigh_together(numbers, runs).empty
    assert combine(find_p(numbers, theirs)).isna().all()
    assert compare_measures(runs, theirs).empty
    assert tabulate_contrasts(runs).empty
