"""How well the rule of the verdicts tells right from wrong."""

import numpy as np
import pandas as pd

from mnist_rnn.claims.verdicts import (
    MEASURES,
    combine,
    find_p,
    judge,
    judge_claims,
    tabulate_agreement,
)


def find_wrongly_reproduced(figures: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """For each claim (a row) and each wrong configuration (a column): the verdict if it were right.

    The claim's own configuration is nan.
    """
    published = runs[runs["configuration"].isin(figures["configuration"])]
    agreement = tabulate_agreement(figures, published)
    verdicts = {
        claim: {
            name: judge(p[name], p.drop(name), len(figures))
            for name in p.index
            if name != figures.loc[claim, "configuration"]
        }
        for claim, p in agreement.iterrows()
    }
    return pd.DataFrame.from_dict(verdicts, orient="index").reindex(columns=agreement.columns)


def simulate_true_claims(figures: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Each run of a claim's configuration as if it had been published, judged by the others.

    A row a claim and run: `claim`, `seed` and the verdict.
    """
    published = runs[runs["configuration"].isin(figures["configuration"])]
    rows = []
    for claim, figure in figures.iterrows():
        own = published[published["configuration"] == figure["configuration"]]
        simulated = figures.loc[[claim] * len(own)].set_axis(own.index)
        for measure in MEASURES:
            simulated[measure] = own[measure] if pd.notna(figure[measure]) else np.nan
        others = tabulate_agreement(simulated, published.drop(own.index))
        for place, run in own.iterrows():
            p = combine(find_p(simulated.loc[[place]], own.drop(place))).iloc[0]
            verdict = judge(p, others.loc[place], len(figures))
            rows.append({"claim": claim, "seed": run["seed"], "verdict": verdict})
    return pd.DataFrame(rows, columns=["claim", "seed", "verdict"])


def describe_discrimination(figures: pd.DataFrame, runs: pd.DataFrame) -> str:
    """Both rates in a sentence."""
    wrong = find_wrongly_reproduced(figures, runs).melt()["value"].dropna()
    simulated = simulate_true_claims(figures, runs)
    if not len(simulated):
        return "No run is of a published configuration, so there is nothing to judge by."
    verdicts = judge_claims(figures, runs)["verdict"]
    kept = (simulated["verdict"] == simulated["claim"].map(verdicts)).mean()
    rejected = (simulated["verdict"] == "not reproduced").sum()
    return (
        "We judged each claim by the runs of each wrong configuration, as if that were its own: of "
        f"{len(wrong)} pairs, {(wrong == 'reproduced').sum()} are *reproduced* and "
        f"{(wrong == 'compatible').sum()} *compatible*. We also took each of our runs in turn for "
        f"the published one, and judged it by the others: of {len(simulated)} such claims, "
        f"{100 * kept:.0f}% have the verdict of the claim itself, and {rejected} are *not "
        "reproduced*."
    )
