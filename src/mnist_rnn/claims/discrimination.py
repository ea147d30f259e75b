"""How well the rule of the verdicts tells right from wrong."""

import pandas as pd

from mnist_rnn.claims.verdicts import MEASURES, judge, tabulate_agreement


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
        for place, run in own.iterrows():
            simulated = figures.loc[[claim]].copy()
            for measure in MEASURES:
                if pd.notna(figure[measure]):
                    simulated[measure] = run[measure]
            p = tabulate_agreement(simulated, published.drop(place)).iloc[0]
            own_p, others = p[figure["configuration"]], p.drop(figure["configuration"])
            verdict = judge(own_p, others, len(figures))
            rows.append({"claim": claim, "seed": run["seed"], "verdict": verdict})
    return pd.DataFrame(rows)
