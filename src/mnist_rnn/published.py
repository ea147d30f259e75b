"""What the originals published: the claims to reproduce and their training curves."""

import pandas as pd

from mnist_rnn.config import TRAIN_SIZE, Configuration, suggest
from mnist_rnn.errors import ParameterError
from mnist_rnn.paths import PUBLISHED

EXPERIMENT = ["cell", "units", "optimizer", "dropout", "batch_size", "epochs"]


def load_claims() -> pd.DataFrame:
    """One published test accuracy (percent) a row, indexed by the claim's name."""
    return pd.read_csv(PUBLISHED / "claims.csv", index_col="claim")


def load_curve(claim: str) -> pd.DataFrame:
    """Columns train_loss and train_accuracy (a fraction), a row an epoch; empty if unpublished."""
    curves = pd.read_csv(PUBLISHED / "curves.csv", index_col="epoch")
    return curves[curves["claim"] == claim].drop(columns="claim")


def find_claim(name: str) -> pd.Series:
    """The row of `load_claims` with this name.

    Raises:
        ParameterError: there is no such claim.
    """
    claims = load_claims()
    if name not in claims.index:
        raise ParameterError(
            f"claim: expected one of {', '.join(claims.index)}, "
            f"got {name!r}.{suggest(name, claims.index)}"
        )
    return claims.loc[name]


def differences(config: Configuration, claim: pd.Series) -> dict[str, object]:
    """The parameters, with their values here, in which a run departs from its claim."""
    expected = dict(claim[EXPERIMENT], learning_rate=None, train_size=TRAIN_SIZE)
    return {
        name: value
        for name, value in config.model_dump(include=set(expected)).items()
        if value != expected[name]
    }
