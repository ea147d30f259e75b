"""Train runs that differ from our runs in one bit, and measure how far apart the runs come.

`python -m mnist_rnn.bits.one_bit` trains the pairs that are missing in results/one_bit.csv with the
C program, two at once. Each finished pair is written at once, so a stopped command continues.
docs/data-dictionary.md explains the columns.
"""

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import pandas as pd

from mnist_rnn.bits.inputs import write_inputs
from mnist_rnn.bits.programs import ask, compile_c
from mnist_rnn.config import TEST_SIZE, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ParameterError
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.fit import fit
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import Examples, scale
from mnist_rnn.experiment.network import build_model, count_steps, predict
from mnist_rnn.files import replacing
from mnist_rnn.paths import COMMITTED, MNIST, OUTPUTS
from mnist_rnn.records.checkpoint import weights_sha256

FILE = COMMITTED / "one_bit.csv"
SCRATCH = OUTPUTS / "one_bit"
# The steps after which the weights are compared; they are also compared after each epoch.
FOLLOWED = {*range(1, 101), *range(120, 1001, 20)}
UNCHANGED, FLIP = "none", "W[14, 0] bit 0"
COUNTS = ("step", "epoch", "answers", "errors")
COLUMNS = [
    "configuration",
    "seed",
    "change",
    "step",
    "epoch",
    "largest",
    "rms",
    "answers",
    "errors",
]
COLUMNS += ["weights_sha256"]
GATED_EPOCHS = 3  # LSTM and GRU take longer
# The mistakes, each with the value of the C program's macro MISTAKE.
MISTAKES = {
    "each product is rounded before it is added": 1,
    "the terms of a product are added from last to first": 3,
    "tanh of the system's library": 4,
    "fma is rounded to float64 and then to float32": 2,
}
# Other changes of one weight, each with the number of epochs to compare.
OTHERS = {
    "W[14, 0] the other way": 4,
    "U[100, 200] bit 0": 4,
    "V[5, 3] bit 0": 4,
    "W[14, 0] bit 12": 4,
    "initial weights of seed 100": 20,
}
PLACE = re.compile(r"([WUbVc])\[(\d+(?:, \d+)?)\] (?:bit (\d+)|the other way)")
OTHER = re.compile(r"(run|initial weights) of seed (\d+)")


class Moment(NamedTuple):
    """The weights after a step, and after an epoch also the predicted digits of the test images."""

    step: int
    epoch: int | None
    weights: list[np.ndarray]
    digits: np.ndarray | None


def change_weights(config: Configuration, change: str) -> list[np.ndarray]:
    """Return the initial weights of a run after a change.

    `W[14, 0] bit 0` flips the lowest bit of this weight. `W[14, 0] the other way` moves the weight
    to its other neighbour in float32. `initial weights of seed 5` draws them from another seed.

    Raises:
        ParameterError: the change is unknown.
    """
    weights = draw_initial_weights(config)
    if change == UNCHANGED or change in MISTAKES:
        return weights
    if other := OTHER.fullmatch(change):
        return draw_initial_weights(config.model_copy(update={"seed": int(other[2])}))
    if not (place := PLACE.fullmatch(change)):
        raise ParameterError(f"change: expected a bit such as {FLIP!r}, got {change!r}.")
    bits = weights["WUbVc".index(place[1])].view("uint32")
    index = tuple(map(int, place[2].split(", ")))
    if place[3] is None:  # a flip would add 1 to an even number, and subtract 1 from an odd number
        bits[index] = bits[index] + 1 if bits[index] % 2 else bits[index] - 1
    else:
        bits[index] ^= np.uint32(1 << int(place[3]))
    return weights


def read_moments(config: Configuration, change: str, dump: Path) -> Iterator[Moment]:
    """Yield a run's moments: at the start, after each of the first steps, and after each epoch."""
    start = change_weights(config, change)
    yield Moment(0, 0, start, None)
    ends = np.cumsum([array.size for array in start])
    per_epoch = count_steps(config)
    with dump.open("rb") as file:
        for step in range(1, config.epochs * per_epoch + 1):
            epoch = None if step % per_epoch else step // per_epoch
            for kind in [None] * (step in FOLLOWED) + [epoch] * (epoch is not None):
                flat = np.frombuffer(file.read(4 * ends[-1]), "<f4")
                parts = zip(np.split(flat, ends[:-1]), start, strict=True)
                weights = [part.reshape(like.shape) for part, like in parts]
                digits = None if kind is None else np.frombuffer(file.read(TEST_SIZE), "u1")
                yield Moment(step, kind, weights, digits)


def train_pair(config: Configuration, change: str) -> pd.DataFrame:
    """Train our run and a changed run with Keras, and return their rows of the table."""
    runs = (train_with_keras(config, each) for each in (UNCHANGED, change))
    return label(compare(*runs), Pair(config, change, config.epochs))


def train_with_keras(config: Configuration, change: str) -> list[Moment]:
    """Train with Keras, and return the same moments as `read_moments`.

    Raises:
        ParameterError: the change breaks a rule, which only the C program can do.
    """
    if change in MISTAKES:
        raise ParameterError(f"change: expected a bit such as {FLIP!r}, got {change!r}.")
    (x, y), (images, _) = load_mnist()
    size, start, model = config.train_size, change_weights(config, change), build_model(config)
    model.set_weights(start)
    model.steps_per_execution = 1  # after each step, Keras calls `Recorder`
    recorder = Recorder(scale(images), [Moment(0, 0, start, None)])
    fit(model, Examples(scale(x[:size]), y[:size]), config, 0, recorder)
    return recorder.moments


class Recorder(keras.callbacks.Callback):
    """A callback that keeps the moments of a run."""

    def __init__(self, x: np.ndarray, moments: list[Moment]) -> None:
        """Set the test images x, and the moments before the first step."""
        super().__init__()
        self.x, self.step, self.moments = x, 0, moments

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
        """Keep the weights after each of the first steps."""
        self.step += 1
        if self.step in FOLLOWED:
            self.moments.append(Moment(self.step, None, self.model.get_weights(), None))

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        """Keep the weights and the predicted digits."""
        digits = predict(self.model, self.x).argmax(axis=1)
        self.moments.append(Moment(self.step, epoch + 1, self.model.get_weights(), digits))


def compare(first: Iterable[Moment], second: Iterable[Moment]) -> pd.DataFrame:
    """Compare two runs at all moments that both have.

    `largest` and `rms` are the largest and the root-mean-square difference of all weights.
    `answers` counts the test images that the runs classify differently. `errors` and the digest
    belong to the second run.
    """
    labels, rows = load_mnist()[1][1], []
    for one, two in zip(first, second, strict=False):
        pairs = zip(one.weights, two.weights, strict=True)
        apart = np.concatenate([(a.astype(float) - b).ravel() for a, b in pairs])
        row: dict[str, object] = {"step": two.step, "epoch": two.epoch}
        row |= {"largest": np.abs(apart).max(), "rms": np.sqrt((apart**2).mean())}
        if one.digits is not None and two.digits is not None:
            row["answers"] = (one.digits != two.digits).sum()
            row["errors"] = (two.digits != labels).sum()
        if two.epoch is not None:
            row["weights_sha256"] = weights_sha256(two.weights)
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS[3:]).astype(dict.fromkeys(COUNTS, "Int64"))


# ---- The committed table -------------------------------------------------------------------------


class Pair(NamedTuple):
    """A configuration with a seed, a change, and the number of epochs to compare."""

    config: Configuration
    change: str
    epochs: int

    @property
    def key(self) -> tuple[str, int, str]:
        """Return the configuration's name, the seed and the change."""
        name = self.config.model_copy(update={"epochs": 20}).name
        return name, self.config.seed, self.change

    def count_rows(self) -> int:
        """Return the number of rows of the pair."""
        last = self.epochs * count_steps(self.config)
        steps = 0 if self.own else sum(step <= last for step in FOLLOWED)
        return 1 + steps + self.epochs

    @property
    def own(self) -> bool:
        """Whether both runs are our own, so that only epochs are compared."""
        return self.change == UNCHANGED or self.change.startswith("run")


def label(rows: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """Add the pair's columns to its rows."""
    return rows.assign(**dict(zip(COLUMNS, pair.key, strict=False)))[COLUMNS]


def list_pairs() -> list[Pair]:
    """Return all pairs of the table, the most important pairs first."""
    options: list[dict[str, object]] = [
        {},
        {"optimizer": "adam"},
        {"optimizer": "rmsprop", "dropout": 0.2},
        {"dropout": 0.2},
        {"learning_rate": 0.05},
        {"layer": "lstm", "optimizer": "adam", "epochs": GATED_EPOCHS},
        {"layer": "gru", "epochs": GATED_EPOCHS},
        {"layer": "lstm", "epochs": GATED_EPOCHS},
    ]
    sgd, adam, rmsprop, dropout, fast, *gated = options
    main, rest, cheap = [sgd, adam, rmsprop], [fast, dropout, *gated], [*MISTAKES][:3]
    seeds, few = range(5), range(2)
    rows = [(c, s, change) for s in seeds for change in (UNCHANGED, FLIP) for c in main]
    rows += [(c, s, change) for s in seeds for change in (UNCHANGED, FLIP) for c in rest]
    rows += [(c, s, change) for s in seeds for c in (sgd, adam) for change in cheap]
    rows += [(c, s, change) for change in OTHERS for s in few for c in (sgd, adam)]
    rows += [(c, s, [*MISTAKES][3]) for s in seeds for c in (sgd, adam)]
    others = [(s, other) for s in seeds for other in seeds if s < other]
    rows += [(c, s, f"run of seed {o}") for c in main + rest for s, o in others]
    pairs = []
    for parameters, seed, change in rows:
        config = Configuration(seed=seed, **parameters)  # type: ignore[arg-type]
        pairs.append(Pair(config, change, OTHERS.get(change, config.epochs)))
    return pairs


class Trainer:
    """Trains pairs with the C program. Our runs are kept in `SCRATCH`, as other pairs need them."""

    def __init__(self) -> None:
        """Compile the program for each mistake."""
        SCRATCH.mkdir(parents=True, exist_ok=True)
        self.locks: defaultdict[Path, Lock] = defaultdict(Lock)
        self.programs = {
            number: compile_c(SCRATCH / f"rnn{number}", "-march=native", f"-DMISTAKE={number}")
            for number in (0, *MISTAKES.values())
        }

    def compute(self, pair: Pair) -> pd.DataFrame:
        """Return the rows of a pair."""
        config, first = pair.config, self.train_own(pair.config)
        other = OTHER.fullmatch(pair.change)
        if pair.change == UNCHANGED:
            second = self.train_own(config)
        elif other and other[1] == "run":
            second = self.train_own(config.model_copy(update={"seed": int(other[2])}))
        else:
            with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
                second = Path(folder) / "dump"
                shorter = config.model_copy(update={"epochs": pair.epochs})
                self.train(shorter, pair.change, second)
                return self.tabulate(pair, first, second)
        return self.tabulate(pair, first, second)

    def tabulate(self, pair: Pair, first: Path, second: Path) -> pd.DataFrame:
        """Return the rows of a pair from the files of its runs."""
        config = pair.config.model_copy(update={"epochs": pair.epochs})
        changes = (UNCHANGED, first), (pair.change, second)
        rows = compare(*(read_moments(config, change, dump) for change, dump in changes))
        if pair.own:
            rows = rows[rows["epoch"].notna()]
        return label(rows, pair)

    def train_own(self, config: Configuration) -> Path:
        """Return the file of an unchanged run, after training if the file is missing."""
        path = SCRATCH / f"{config.name}-{config.seed}"
        with self.locks[path]:
            if not path.exists():
                self.train(config, UNCHANGED, path)
        return path

    def train(self, config: Configuration, change: str, dump: Path) -> None:
        """Train with the C program, which writes the moments of the run to the file `dump`."""
        program = self.programs[MISTAKES.get(change, 0)]
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder, replacing(dump) as temporary:
            inputs = Path(folder) / "inputs"
            write_inputs(inputs, config, change_weights(config, change))
            ask([*program, MNIST, inputs, temporary])


def main() -> None:
    """Train the missing pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=2, help="number of runs at once")
    at_once = parser.parse_args().at_once
    table = read_table() if FILE.exists() else pd.DataFrame(columns=COLUMNS)
    rows = table.groupby(COLUMNS[:3]).size()
    pairs = [pair for pair in list_pairs() if rows.get(pair.key, 0) < pair.count_rows()]
    trainer = Trainer()
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [pool.submit(trainer.compute, pair) for pair in pairs]
        for number, job in enumerate(as_completed(jobs), 1):
            rows = job.result()
            old = (table[COLUMNS[:3]] == rows[COLUMNS[:3]].iloc[0]).all(axis=1)
            table = pd.concat([table[~old], rows]).sort_values(COLUMNS[:4])
            with replacing(FILE) as temporary:
                table.to_csv(temporary, index=False, float_format="%.4g")
            print(number, "of", len(pairs), *rows.iloc[-1], flush=True)


def read_table() -> pd.DataFrame:
    """Return the committed table."""
    return pd.read_csv(FILE, dtype=dict.fromkeys(COUNTS, "Int64"))


if __name__ == "__main__":
    main()
