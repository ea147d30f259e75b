"""Which published numbers our runs reproduce: one rule for all claims."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import optimize, stats

LEVEL = 0.05
FEWEST = 3  # runs for a verdict
VERDICTS = ("reproduced", "compatible", "not reproduced", "too few runs")


def log_error(percent: pd.Series) -> pd.Series:
    """The logarithm of the errors in percent, given accuracies; less than 0.005 counts as 0.005."""
    return np.log((100 - percent).clip(lower=0.005))


# The measures of a run (columns of runs.csv), each with the scale on which it is compared.
SCALES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "test_accuracy": log_error,
    "last_epoch_accuracy": log_error,
    "test_loss": np.log,
    "first_epoch_loss": np.log,
    "mean_log_loss": lambda logarithm: logarithm,
}


def find_p(numbers: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The p-value of each published number, if it were of the configuration of these runs.

    `numbers` has a row a claim, and by measure the published value and `half_unit`s; of all values
    that round to a published one, the nearest to the runs' mean counts. `runs` has a row a run. A
    number that was not published has nan, as all have with fewer than FEWEST runs.
    """
    found = {}
    for measure, scale in SCALES.items():
        ours = scale(runs[measure].astype(float)).dropna()
        n = len(ours)
        published, half = numbers[measure].astype(float), numbers.get(f"{measure}_half_unit", 0)
        ends = scale(published - half), scale(published + half)
        gap = (ours.mean() - np.clip(ours.mean(), np.minimum(*ends), np.maximum(*ends))).abs()
        # Runs may all be alike.
        spread = max(ours.std(), 1e-9) * np.sqrt(1 + 1 / n) if n >= FEWEST else np.nan
        found[measure] = pd.Series(2 * stats.t.sf(gap / spread, n - 1), numbers.index)
    return pd.DataFrame(found)


def combine(p: pd.DataFrame) -> pd.Series:
    """One p-value a claim, of those of its numbers: the smallest, times their number."""
    return (p.min(axis=1) * p.notna().sum(axis=1)).clip(upper=1)


def weigh_together(numbers: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """By measure, whether the published numbers of all claims lie on one side of their runs.

    The rank of each number among its runs is made a z, the claims' z are added (Stouffer), and `p`
    is of the sum, two-sided. Claims with the same n runs have ranks that correlate by 1 / (n + 2).
    Rounding is not taken off.
    """
    rows = {}
    for measure in SCALES:
        values = runs.dropna(subset=measure).groupby("configuration")[measure]
        groups = {name: ours.to_numpy() for name, ours in values if len(ours) >= FEWEST}
        claims = numbers[numbers[measure].notna() & numbers["configuration"].isin(groups)]
        if claims.empty:
            continue
        name, n = claims["configuration"].to_numpy(), claims["configuration"].map(values.size())
        pairs = zip(name, claims[measure], strict=True)
        above = np.array([np.sign((there - groups[own]).round(9)).sum() for own, there in pairs])
        z = stats.norm.ppf((1 + above / (n + 1)) / 2)  # a tie counts half
        correlation = np.where(name[:, None] == name, 1 / (n.to_numpy() + 2), 0)
        np.fill_diagonal(correlation, 1)
        total = z.sum() / np.sqrt(correlation.sum())
        rows[measure] = {"claims": len(claims), "z": total, "p": 2 * stats.norm.sf(abs(total))}
    return pd.DataFrame.from_dict(rows, orient="index")


def tabulate_agreement(numbers: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The p-value of each claim (a row) if it were of each configuration (a column)."""
    groups = runs.groupby("configuration", sort=False)
    p = {name: combine(find_p(numbers, group)) for name, group in groups}
    return pd.DataFrame(p, index=numbers.index)


def judge(p: pd.Series, own: str, claims: int) -> str:
    """The rule's verdict on a claim, from its p by configuration; `own` is the claim's."""
    if np.isnan(p.get(own, np.nan)):
        return "too few runs"
    if p[own] * claims < LEVEL:
        return "not reproduced"
    others = p.drop(own).dropna()
    alone = p[own] >= LEVEL and len(others) and others.max() < LEVEL
    return "reproduced" if alone else "compatible"


def judge_claims(numbers: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The verdict on each claim (a row), with its evidence.

    `numbers` holds the claims that are judged, with their `configuration`. `p_<measure>` are the
    p-values of a claim's numbers, `p` is its own. `also_agree` names the other published
    configurations whose runs would agree. `detectable` is by how many percentage points a test
    accuracy must be too high to be *not reproduced* with four chances in five.
    `by_test_accuracy` is the verdict if nothing but the test accuracy had been published.
    `leave_one_out` has the other verdicts that come out when any one run is left out.
    """
    runs = runs[runs["configuration"].isin(numbers["configuration"])]
    agreement = tabulate_agreement(numbers, runs)
    fewer = [  # the agreement without one run, by each run whose configuration has enough others
        agreement.assign(**{name: combine(find_p(numbers, group.drop(run)))})
        for name, group in runs.groupby("configuration", sort=False)
        if len(group) > FEWEST
        for run in group.index
    ]
    rest = dict.fromkeys(SCALES.keys() - {"test_accuracy"}, np.nan)
    alone = tabulate_agreement(numbers.assign(**rest), runs)
    rows = {}
    for claim, row in numbers.iterrows():
        name, p, n = row["configuration"], agreement.loc[claim], len(numbers)
        own = runs[runs["configuration"] == name]
        evidence = find_p(numbers.loc[[claim]], own).iloc[0]
        others = p.drop(name, errors="ignore")
        verdict = judge(p, name, n)
        verdicts = {judge(without.loc[claim], name, n) for without in fewer}
        rows[claim] = {f"p_{measure}": value for measure, value in evidence.items()} | {
            "p": p.get(name, np.nan),
            "also_agree": list(others.index[others >= LEVEL]),
            "detectable": find_detectable(own, row, int(evidence.notna().sum()), n),
            "by_test_accuracy": judge(alone.loc[claim], name, n),
            "leave_one_out": " or ".join(sorted(verdicts - {verdict})),
            "verdict": verdict,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def find_detectable(runs: pd.DataFrame, row: pd.Series, measures: int, claims: int) -> float:
    """By how many points a test accuracy is too high if four in five such are *not reproduced*.

    Takes the runs' standard deviation for the true one, so that t is noncentral.
    """
    n = len(runs)
    if n < FEWEST:
        return np.nan
    least = stats.t.isf(LEVEL / 2 / measures / claims, n - 1)
    shift = optimize.brentq(lambda shift: stats.nct.sf(least, n - 1, shift) - 0.8, 0, 10 * least)
    logs = log_error(runs["test_accuracy"])
    reach = shift * logs.std() * np.sqrt(1 + 1 / n)
    return np.exp(logs.mean()) * (1 - np.exp(-reach)) + row["test_accuracy_half_unit"]


def predict_interval(runs: pd.DataFrame) -> pd.DataFrame:
    """By configuration, the 95% interval of one further run's test accuracy, in percent.

    Where all runs are alike, it is a point; of a single run, nan.
    """
    logs = log_error(runs["test_accuracy"]).groupby(runs["configuration"])
    n, mean = logs.count(), logs.mean()
    reach = stats.t.ppf(0.975, n - 1) * logs.std() * np.sqrt(1 + 1 / n)
    ends = {"interval_low": 100 - np.exp(mean + reach), "interval_high": 100 - np.exp(mean - reach)}
    return pd.DataFrame(ends)
