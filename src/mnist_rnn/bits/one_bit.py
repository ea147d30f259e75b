"""Train runs that differ from our runs in one bit, and measure how far apart their weights come.

`python -m mnist_rnn.bits.one_bit` trains the pairs that are missing in results/one_bit.csv with the
C program, two runs at once. Each finished pair is written at once, so a stopped command continues.
docs/data-dictionary.md explains the columns.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnist_rnn.bits import implementations
from mnist_rnn.bits.implementations import EPOCH, compile_c
from mnist_rnn.bits.inputs import write_inputs
from mnist_rnn.config import BIT, Configuration, OneBit
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.network import count_steps
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.system.errors import ParameterError, one_sentence
from mnist_rnn.system.files import replacing
from mnist_rnn.system.paths import COMMITTED, MNIST, OUTPUTS

FILE, SCRATCH = COMMITTED / "one_bit.csv", OUTPUTS / "one_bit"
KEY, COUNTS = ["configuration", "seed", "change"], ["step", "epoch", "digits_differ", "errors"]
COLUMNS = [*KEY, "step", "epoch", "largest", "rms", "digits_differ", "errors", "weights_sha256"]
# The steps after which the C program writes weights. It also writes weights after each epoch.
FOLLOWED = (*range(1, 101), *range(120, 1001, 20))
UNCHANGED, FLIP = "none", OneBit().change
OTHER = re.compile(r"run of seed (\d+)")
# Broken rules of rounding, each with the value of the C program's macro MISTAKE.
RULES = {
    "no fma": 1,
    "fma rounded twice": 2,
    "terms from last to first": 3,
    "tanh of the library": 4,
}
PLACES = ("U[100, 200] bit 0", "V[5, 3] bit 0", "W[14, 0] bit 12")


class Pair(NamedTuple):
    """Our run of a configuration, and a change that makes the second run."""

    config: Configuration
    change: str

    @property
    def key(self) -> tuple[str, int, str]:
        """Return the configuration's name without its epochs, the seed and the change."""
        name = self.config.model_copy(update={"epochs": Configuration().epochs}).name
        return name, self.config.seed, self.change


def change_weights(config: Configuration, change: str) -> list[np.ndarray]:
    """Return a run's initial weights. `W[14, 0] bit 0` flips the lowest bit of this weight."""
    weights = draw_initial_weights(config)
    if change == UNCHANGED or change in RULES:
        return weights
    try:
        array, index, bit = re.fullmatch(BIT, change).groups()  # type: ignore[union-attr]
        bits = weights["WUbVc".index(array)].view("uint32")
        place = np.ravel_multi_index([int(number) for number in index.split(",")], bits.shape)
        bits.flat[place] ^= np.uint32(1 << int(bit))
    except (AttributeError, ValueError):
        raise ParameterError(
            f"change: expected a bit of an array W, U, b, V or c, such as {FLIP!r}, got {change!r}."
        ) from None
    return weights


def compute(pair: Pair, folder: Path) -> pd.DataFrame:
    """Return the rows of a pair. Only a pair with a changed run has rows within an epoch.

    Our runs stay in the folder, as several pairs need them.
    """
    second = pair
    if other := OTHER.fullmatch(pair.change):
        second = Pair(pair.config.model_copy(update={"seed": int(other[1])}), UNCHANGED)
    first = pair._replace(change=UNCHANGED)
    runs = [train(*each, folder) for each in (first, second)]
    rows = compare(pair.config, runs, [change_weights(*each) for each in (first, second)])
    if second.change == UNCHANGED:
        rows = rows.dropna(subset="epoch")
    else:
        shutil.rmtree(runs[1])
    return rows.assign(**dict(zip(KEY, pair.key, strict=True)))[COLUMNS]


def train(config: Configuration, change: str, folder: Path) -> Path:
    """Return the folder of a run, after training with the C program if it is missing."""
    run = folder / f"{config.name}-{config.seed}-{change}"
    if not run.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            inputs, written = Path(temporary) / "inputs", Path(temporary) / "run"
            write_inputs(inputs, config, change_weights(config, change))
            written.mkdir()
            rule = f"-DMISTAKE={RULES.get(change, 0)}"
            program = compile_c(Path(temporary) / "rnn", "-march=native", rule)
            printed = implementations.run([*program, MNIST, inputs, written / "run", "100"])
            (written / "printed").write_text(printed)
            with suppress(OSError):  # the other thread was first
                written.rename(run)
    return run


def compare(
    config: Configuration, runs: list[Path], starts: list[list[np.ndarray]]
) -> pd.DataFrame:
    """Compare two runs by the files of the C program and by their initial weights.

    Errors and digests belong to the second run.
    """
    flat = [np.concatenate([array.ravel() for array in start]) for start in starts]

    def read(kind: str, dtype: str, *shape: int) -> Iterator[tuple[np.ndarray, ...]]:
        files = (np.memmap(run / f"run.{kind}", dtype, "r") for run in runs)
        return zip(*(file.reshape(shape) for file in files), strict=True)

    rows: list[tuple] = [(0, 0, *measure(*flat), None, None, weights_sha256(starts[1]))]
    for step, both in zip(FOLLOWED, read("steps", "<f4", -1, flat[0].size), strict=False):
        rows.append((step, None, *measure(*both), None, None, None))
    weights = read("epochs", "<f4", config.epochs, -1)
    digits = read("digits", "u1", config.epochs, -1)
    printed = EPOCH.findall((runs[1] / "printed").read_text())
    epochs = enumerate(zip(weights, digits, printed, strict=True), 1)
    for epoch, (both, (one, two), (errors, digest)) in epochs:
        ends = (one != two).sum(), int(errors), digest
        rows.append((epoch * count_steps(config), epoch, *measure(*both), *ends))
    return pd.DataFrame(rows, columns=COLUMNS[3:]).astype(dict.fromkeys(COUNTS, "Int64"))


def measure(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the largest and the root-mean-square difference of two runs' weights."""
    apart = first.astype(float) - second
    return np.abs(apart).max(), np.sqrt((apart**2).mean())


def train_pair(config: Configuration, change: str) -> pd.DataFrame:
    """Train our run and a changed run, and return their rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        return compute(Pair(config, change), Path(folder))


# ---- The table -----------------------------------------------------------------------------------


def list_pairs() -> list[Pair]:
    """Return all pairs of the table, and those of our five optimizers first."""
    seeds, flips = range(5), (UNCHANGED, FLIP)
    sgd, adam = Configuration(), Configuration(optimizer="adam")
    simple = [sgd, adam, Configuration(optimizer="rmsprop", dropout=0.2)]
    simple += [Configuration(learning_rate=0.05), Configuration(dropout=0.2)]
    gated = [Configuration(layer="lstm", optimizer="adam", epochs=3)]
    gated += [Configuration(layer=layer, epochs=3) for layer in ("lstm", "gru")]
    rows = [(each, seed, change) for seed in seeds for change in flips for each in simple]
    for rule in RULES:
        chosen = seeds[:2] if rule == "fma rounded twice" else seeds[:3]  # 15 times as slow
        rows += [(each, seed, rule) for seed in chosen for each in (sgd, adam)]
    rows += [(each, seed, change) for seed in seeds[:3] for change in flips for each in gated]
    two = [(first, f"run of seed {second}") for second in seeds for first in range(second)]
    rows += [(each, *runs) for runs in two for each in simple]
    rows += [(each, *runs) for runs in two[:3] for each in gated]
    few = [each.model_copy(update={"epochs": 4}) for each in (sgd, adam)]
    rows += [(each, 2, place) for place in PLACES for each in few]
    return [Pair(each.model_copy(update={"seed": seed}), change) for each, seed, change in rows]


@one_sentence()
def main() -> None:
    """Train the missing pairs, and write the table after each pair."""
    table = pd.DataFrame(columns=COLUMNS)
    if FILE.exists():
        table = pd.read_csv(FILE, dtype=dict.fromkeys(COUNTS, "Int64"))
    finished = set(table[KEY].itertuples(index=False, name=None))
    pairs = [pair for pair in list_pairs() if pair.key not in finished]
    print(f"{len(pairs)} of {len(list_pairs())} pairs are missing.", flush=True)
    with ThreadPoolExecutor(2) as pool:
        finished_pairs = pool.map(lambda pair: compute(pair, SCRATCH), pairs)
        for number, rows in enumerate(finished_pairs, 1):
            table = pd.concat([table, rows]).sort_values(COLUMNS[:5])
            with replacing(FILE) as temporary:
                table.to_csv(temporary, index=False, float_format="%.4g")
            print(f"{number} of {len(pairs)}:", *rows[KEY].iloc[0], flush=True)
    shutil.rmtree(SCRATCH, ignore_errors=True)


if __name__ == "__main__":
    main()
