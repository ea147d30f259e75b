"""Does a published result agree with runs of its own configuration, and with which others?"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import optimize, stats

from mnist_rnn.analysis.claims import JUDGED

LEVEL = 0.05
FEWEST = 3  # runs for an answer


def log_error(percent: pd.Series) -> pd.Series:
    """The logarithm of the errors in percent, given accuracies; less than 0.005 counts as 0.005."""
    return np.log((100 - percent).clip(lower=0.005))


# The measures of a run (columns of both tables), each with the scale on which it is compared.
SCALES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "test_accuracy": log_error,
    "last_epoch_accuracy": log_error,
    "test_loss": np.log,
    "first_epoch_loss": np.log,
    "mean_log_loss": lambda logarithm: logarithm,
}
EVIDENCE = [f"p_{measure}" for measure in SCALES]  # the columns of their p-values


def find_p(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The p-value of each published number, if it were of the configuration of these runs.

    Of all values that round to a published one, the nearest to the runs' mean counts. A number that
    was not published has nan, as all have with fewer than FEWEST runs.
    """
    found = {}
    for measure, scale in SCALES.items():
        ours = scale(runs[measure].astype(float)).dropna()
        n = len(ours)
        published, half = claims[measure].astype(float), claims.get(f"{measure}_half_unit", 0)
        ends = scale(published - half), scale(published + half)
        gap = (ours.mean() - np.clip(ours.mean(), np.minimum(*ends), np.maximum(*ends))).abs()
        # Runs may all be alike.
        spread = max(ours.std(), 1e-9) * np.sqrt(1 + 1 / n) if n >= FEWEST else np.nan
        found[measure] = pd.Series(2 * stats.t.sf(gap / spread, n - 1), claims.index)
    return pd.DataFrame(found)


def combine(p: pd.DataFrame) -> pd.Series:
    """One p-value a claim, of those of its numbers: the smallest, times their number."""
    return (p.min(axis=1) * p.notna().sum(axis=1)).clip(upper=1)


def tabulate_agreement(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The p-value of each claim (a row) if it were of each configuration (a column)."""
    groups = runs.groupby("configuration", sort=False)
    p = {name: combine(find_p(claims, group)) for name, group in groups}
    return pd.DataFrame(p, index=claims.index)


def agrees(p: float, claims: int) -> str:
    """The answer for a claim, one of so many: its p-value is that by its configuration's runs."""
    if np.isnan(p):
        return "too few runs"
    if p * claims < LEVEL:
        return "contradicted"
    return "agrees" if p >= LEVEL else "in doubt"


def choose_judged(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims that the rule is applied to: results of runs and of tables."""
    return claims[claims["kind"].isin(JUDGED)]


def choose_near(claims: pd.DataFrame) -> pd.DataFrame:
    """The near misses: configurations near to published ones."""
    return claims[claims["kind"] == "near_miss"]


def judge_claims(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """For each judged claim (a row), whether it agrees with its own configuration, and with others.

    `p_<measure>` are the p-values of a claim's numbers by its own runs, `p` combines them, `agrees`
    is the answer by `p`. `also_agree` lists the other configurations in the two tables whose runs
    would agree too (p of at least LEVEL): published ones, and in `near_misses` those near to them.
    A run's test accuracy that is published `detectable` percentage points too high is
    *contradicted* with four chances in five.
    """
    judged = choose_judged(claims)
    ours = runs[runs["configuration"].isin(claims["configuration"])]
    agreement = tabulate_agreement(judged, ours)
    published, near = set(judged["configuration"]), set(choose_near(claims)["configuration"])
    rows = {}
    for claim, row in judged.iterrows():
        name, p, n = row["configuration"], agreement.loc[claim], len(judged)
        own = ours[ours["configuration"] == name]
        evidence = find_p(judged.loc[[claim]], own).iloc[0]
        others = p.index[p >= LEVEL].drop(name, errors="ignore")
        rows[claim] = {f"p_{measure}": value for measure, value in evidence.items()} | {
            "p": p.get(name, np.nan),
            "agrees": agrees(p.get(name, np.nan), n),
            "also_agree": [other for other in others if other in published],
            "near_misses": [other for other in others if other in near - published],
            "detectable": find_detectable(own, row, int(evidence.notna().sum()), n),
        }
    columns = ["p", "agrees", "also_agree", "near_misses", "detectable"]
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=[*EVIDENCE, *columns])


def find_detectable(runs: pd.DataFrame, row: pd.Series, measures: int, claims: int) -> float:
    """By how many points a test accuracy is too high if four in five such are *contradicted*.

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


def count_outside(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """How many published numbers lie outside the range of all their runs, without a model.

    `better` of those are on the better side, an accuracy above or a loss below. `numbers` is how
    many were published, `expected` how many lie outside on average if each is of one more run of
    its configuration: 2 / (n + 1) of n runs, half of them on the better side.
    """
    outside, better, expected, numbers = 0, 0, 0.0, 0
    for _, row in choose_judged(claims).iterrows():
        own = runs[runs["configuration"] == row["configuration"]]
        for measure in SCALES:
            values = own[measure].dropna()
            if pd.notna(row[measure]) and len(values) >= FEWEST:
                half = row.get(f"{measure}_half_unit", 0)
                below = row[measure] < values.min() - half
                above = row[measure] > values.max() + half
                outside += below or above
                better += above if measure.endswith("accuracy") else below
                expected += 2 / (len(values) + 1)
                numbers += 1
    counts = {"outside": outside, "better": better, "numbers": numbers}
    return pd.Series(counts | {"expected": expected})


def judge_wrong_configurations(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """For each claim (a row) and each other configuration (a column): an answer.

    A column a published configuration or near miss; nan is a claim's own, or has too few runs.
    """
    judged = choose_judged(claims)
    others = pd.concat([judged, choose_near(claims)])["configuration"]
    agreement = tabulate_agreement(judged, runs[runs["configuration"].isin(others)])
    wrong = agreement.map(lambda p: agrees(p, len(judged)), na_action="ignore")
    own = judged["configuration"].to_numpy()[:, None] == agreement.columns.to_numpy()
    return wrong.mask(own)


def simulate_true_claims(claims: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Each run of a claim's configuration as if it had been published, judged by the others.

    A row a claim and run: `claim`, `run` (its place in `runs`) and `agrees`. A configuration that
    has too few runs without the one is left out.
    """
    judged = choose_judged(claims)
    rows = []
    for claim, row in judged.iterrows():
        own = runs[runs["configuration"] == row["configuration"]]
        if len(own) <= FEWEST:
            continue
        published = row[list(SCALES)].dropna().index
        for run in own.index:
            simulated = judged.loc[[claim]].astype(dict.fromkeys(SCALES, float))
            simulated[published] = own.loc[[run], published].to_numpy()
            p = combine(find_p(simulated, own.drop(run))).iloc[0]
            rows.append({"claim": claim, "run": run, "agrees": agrees(p, len(judged))})
    return pd.DataFrame(rows, columns=["claim", "run", "agrees"])
