"""How well the rule of the verdicts tells right from wrong."""

import pandas as pd

from mnist_rnn.claims.verdicts import (
    FEWEST,
    LEVEL,
    SCALES,
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
        told = row[list(SCALES)].dropna().index
        simulated[told] = own[told]
        agreement = tabulate_agreement(simulated, runs)
        agreement[name] = [
            combine(find_p(simulated.loc[[run]], own.drop(run))).iloc[0] for run in own.index
        ]
        for run, p in agreement.iterrows():
            rows.append({"claim": claim, "run": run, "verdict": judge(p, name, len(numbers))})
    return pd.DataFrame(rows, columns=["claim", "run", "verdict"])


def describe_discrimination(numbers: pd.DataFrame, runs: pd.DataFrame) -> str:
    """How many wrong configurations the rule calls right, and how many true claims it rejects."""
    wrong = judge_wrong_configurations(numbers, runs)
    counts = (wrong == "reproduced").sum(axis=1)
    whose = ", ".join(f"{n} of `{claim}`" for claim, n in counts[counts > 0].items())
    simulated = simulate_true_claims(numbers, runs)
    if not len(simulated):
        return f"No published configuration has more than {FEWEST} runs: none can judge the others."
    rejected = simulated[simulated["verdict"] == "not reproduced"]
    expected = LEVEL * len(simulated) / len(numbers)
    weaker = " So *not reproduced* is weaker evidence than its *p* says."
    pairs, called = wrong.notna().to_numpy().sum(), simulated["verdict"].value_counts()
    return (
        "For each claim, we pretended that a wrong configuration was the right one, and left out "
        f"the runs of the right one: of {pairs} such pairs, the rule calls {counts.sum()} "
        f"*reproduced* ({whose or 'none'}) and {(wrong == 'compatible').to_numpy().sum()} "
        "*compatible*. We also pretended that each run was the published one, and judged it by the "
        f"others: of {len(simulated)} such claims, it calls {called.get('reproduced', 0)} "
        f"*reproduced*, {called.get('compatible', 0)} *compatible* and {len(rejected)} (of "
        f"{rejected['run'].nunique()} different runs) *not reproduced*. If the logarithms of "
        f"errors and losses were normally distributed, it would be at most about {expected:.1f}."
        + (weaker if len(rejected) > expected else "")
    )
