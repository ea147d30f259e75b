"""How well the rule of the verdicts tells right from wrong."""

import pandas as pd

from mnist_rnn.claims.verdicts import (
    FEWEST,
    SCALES,
    VERDICTS,
    combine,
    find_p,
    judge,
    tabulate_agreement,
)


def judge_wrong_configurations(numbers: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """For each claim (a row) and each wrong configuration (a column): the verdict if it were right.

    The runs of the claim's own configuration are left out, as if nobody had tried it; their column
    is nan.
    """
    runs = runs[runs["configuration"].isin(numbers["configuration"])]
    agreement = tabulate_agreement(numbers, runs)
    verdicts = {}
    for claim, p in agreement.iterrows():
        wrong = p.drop(numbers.loc[claim, "configuration"], errors="ignore").dropna()
        verdicts[claim] = {name: judge(wrong, name, len(numbers)) for name in wrong.index}
    return pd.DataFrame.from_dict(verdicts, orient="index").reindex(columns=agreement.columns)


def simulate_true_claims(numbers: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Each run of a claim's configuration as if it had been published, judged by the others.

    A row a claim and run: `claim`, `run` (its place in `runs`) and the verdict. A configuration
    that has too few runs without the one is left out.
    """
    runs = runs[runs["configuration"].isin(numbers["configuration"])]
    rows = []
    for claim, row in numbers.iterrows():
        name = row["configuration"]
        own = runs[runs["configuration"] == name]
        if len(own) <= FEWEST:
            continue
        simulated = numbers.loc[[claim] * len(own)].set_axis(own.index)
        published = row[list(SCALES)].dropna().index
        simulated[published] = own[published]
        agreement = tabulate_agreement(simulated, runs)
        agreement[name] = [
            combine(find_p(simulated.loc[[run]], own.drop(run))).iloc[0] for run in own.index
        ]
        for run, p in agreement.iterrows():
            rows.append({"claim": claim, "run": run, "verdict": judge(p, name, len(numbers))})
    return pd.DataFrame(rows, columns=["claim", "run", "verdict"])


def tabulate_discrimination(numbers: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """How often the rule gives each verdict (a row) to wrong configurations and to true claims."""
    verdicts = {
        "wrong configurations": judge_wrong_configurations(numbers, runs).melt()["value"],
        "true claims": simulate_true_claims(numbers, runs)["verdict"],
    }
    counts = pd.DataFrame({name: given.value_counts() for name, given in verdicts.items()})
    return counts.reindex(VERDICTS[:3]).fillna(0).astype(int).rename_axis("verdict")
