"""Train runs that differ from our runs in one bit, and measure how far apart their weights come.

`python -m mnist_rnn.bits.one_bit` trains the pairs that are missing in results/one_bit.csv with the
C program, two runs at once. Each finished pair is written at once, so a stopped command continues.
docs/data-dictionary.md explains the columns.
"""

import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from mnist_rnn.bits.inputs import write_inputs
from mnist_rnn.bits.programs import ask, compile_c
from mnist_rnn.config import TEST_SIZE, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ParameterError, one_sentence
from mnist_rnn.experiment.backend import keras
from mnist_rnn.experiment.fit import fit
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import Examples, scale
from mnist_rnn.experiment.network import build_model, count_steps, predict
from mnist_rnn.files import replacing
from mnist_rnn.paths import COMMITTED, MNIST, OUTPUTS
from mnist_rnn.records.checkpoint import weights_sha256

FILE, SCRATCH = COMMITTED / "one_bit.csv", OUTPUTS / "one_bit"
KEY, COUNTS = ["configuration", "seed", "change"], ["step", "epoch", "answers", "errors"]
COLUMNS = [*KEY, "step", "epoch", "largest", "rms", "answers", "errors", "weights_sha256"]
# The steps after which weights are compared. Weights are also compared after each epoch.
FOLLOWED = {*range(1, 101), *range(120, 1001, 20)}
UNCHANGED, FLIP = "none", "W[14, 0] bit 0"
BIT = re.compile(r"([WUbVc])\[(\d+(?:, \d+)?)\] (?:bit (\d|[12]\d|3[01])|the other way)")
OTHER = re.compile(r"(run|initial weights) of seed (\d+)")
MISTAKES = {  # broken rules of rounding, each with the value of the C program's macro MISTAKE
    "each product is rounded before it is added": 1,
    "the terms of a product are added from last to first": 3,
    "tanh of the system's library": 4,
    "fma is rounded to float64 and then to float32": 2,
}
PLACES = ("W[14, 0] the other way", "U[100, 200] bit 0", "V[5, 3] bit 0", "W[14, 0] bit 12")
GATED_EPOCHS, PLACES_EPOCHS = 3, 4  # of LSTM and GRU, and of the bits in other places
MAIN: tuple[dict[str, Any], ...] = ({}, {"optimizer": "adam"})
OTHERS: tuple[dict[str, Any], ...] = (
    {"optimizer": "rmsprop", "dropout": 0.2},
    {"learning_rate": 0.05},
    {"dropout": 0.2},
    {"layer": "lstm", "optimizer": "adam", "epochs": GATED_EPOCHS},
    {"layer": "lstm", "epochs": GATED_EPOCHS},
    {"layer": "gru", "epochs": GATED_EPOCHS},
)


class Moment(NamedTuple):
    """The weights after a step, and after an epoch also the predicted digits of the test images."""

    step: int
    epoch: int | None
    weights: list[np.ndarray]
    digits: np.ndarray | None


def change_weights(config: Configuration, change: str) -> list[np.ndarray]:
    """Return a run's initial weights after a change.

    `W[14, 0] bit 0` flips the lowest bit of this weight. `W[14, 0] the other way` moves the weight
    to its other neighbour in float32. `run of seed 5` and `initial weights of seed 5` draw the
    weights from another seed.

    Raises:
        ParameterError: the change is unknown.
    """
    if other := OTHER.fullmatch(change):
        config = config.model_copy(update={"seed": int(other[2])})
    weights = draw_initial_weights(config)
    if other or change == UNCHANGED or change in MISTAKES:
        return weights
    try:
        array, index, bit = BIT.fullmatch(change).groups()  # type: ignore[union-attr]
        bits, place = (
            weights["WUbVc".index(array)].view("uint32"),
            tuple(map(int, index.split(","))),
        )
        if bit is None:  # a flip would add 1 to an even number, and subtract 1 from an odd number
            bits[place] = bits[place] + 1 if bits[place] % 2 else bits[place] - 1
        else:
            bits[place] ^= np.uint32(1 << int(bit))
    except (AttributeError, IndexError):
        raise ParameterError(
            f"change: expected a bit of an array W, U, b, V or c, such as {FLIP!r}, got {change!r}."
        ) from None
    return weights


def read_moments(config: Configuration, change: str, folder: Path) -> Iterator[Moment]:
    """Yield the moments of a run from the files that the C program wrote."""
    start = change_weights(config, change)
    yield Moment(0, 0, start, None)
    ends, per_epoch = np.cumsum([array.size for array in start]), count_steps(config)

    def read_weights(file: BinaryIO) -> list[np.ndarray]:
        flat = np.frombuffer(file.read(4 * ends[-1]), "<f4")
        parts = zip(np.split(flat, ends[:-1]), start, strict=True)
        return [part.reshape(like.shape) for part, like in parts]

    with (
        (folder / "run.steps").open("rb") as steps,
        (folder / "run.epochs").open("rb") as epochs,
        (folder / "run.digits").open("rb") as digits,
    ):
        for step in range(1, config.epochs * per_epoch + 1):
            if step in FOLLOWED:
                yield Moment(step, None, read_weights(steps), None)
            if step % per_epoch == 0:
                predicted = np.frombuffer(digits.read(TEST_SIZE), "u1")
                yield Moment(step, step // per_epoch, read_weights(epochs), predicted)


class Recorder(keras.callbacks.Callback):
    """A callback that keeps the moments of a run."""

    def __init__(self, x: np.ndarray, start: list[np.ndarray]) -> None:
        """Set the test images x, and the initial weights."""
        super().__init__()
        self.x, self.step, self.moments = x, 0, [Moment(0, 0, start, None)]

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        """Keep the weights after each of the followed steps."""
        self.step += 1
        if self.step in FOLLOWED:
            self.moments.append(Moment(self.step, None, self.model.get_weights(), None))

    def on_epoch_end(self, epoch: int, *_: object, **__: object) -> None:
        """Keep the weights and the predicted digits."""
        digits = predict(self.model, self.x).argmax(axis=1)
        self.moments.append(Moment(self.step, epoch + 1, self.model.get_weights(), digits))


def train_pair(config: Configuration, change: str) -> pd.DataFrame:
    """Train our run and a changed run with Keras, and return their rows of the table.

    Raises:
        ParameterError: the change is not a change of the initial weights.
    """
    if change in MISTAKES:
        raise ParameterError(f"change: expected a bit such as {FLIP!r}, got {change!r}.")
    (x, y), (images, _) = load_mnist()
    examples, runs = Examples(scale(x[: config.train_size]), y[: config.train_size]), []
    for each in (UNCHANGED, change):
        start, model = change_weights(config, each), build_model(config)
        model.set_weights(start)
        model.steps_per_execution = 1  # after each step, Keras calls the recorder
        recorder = Recorder(scale(images), start)
        fit(model, examples, config, 0, recorder)
        runs.append(recorder.moments)
    return label(compare(*runs), Pair(config, change, config.epochs))


def compare(first: Iterable[Moment], second: Iterable[Moment]) -> pd.DataFrame:
    """Compare two runs at all moments of the shorter run; one row per moment.

    `errors` and the digest belong to the second run.
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


# ---- The table -----------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Our run of a configuration, a change, and the number of epochs to compare."""

    config: Configuration
    change: str
    epochs: int

    @property
    def key(self) -> tuple[str, int, str]:
        """Return the configuration's name, the seed and the change."""
        name = self.config.model_copy(update={"epochs": Configuration().epochs}).name
        return name, self.config.seed, self.change

    @property
    def own(self) -> bool:
        """Whether both runs are our own. The table has only the epochs of such a pair."""
        return self.change == UNCHANGED or self.change.startswith("run")

    def count_rows(self) -> int:
        """Return the number of rows in the table."""
        last = self.epochs * count_steps(self.config)
        return 1 + self.epochs + sum(step <= last for step in FOLLOWED) * (not self.own)


def label(rows: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """Add the columns of a pair to its rows."""
    return rows.assign(**dict(zip(KEY, pair.key, strict=True)))[COLUMNS]


def list_pairs() -> list[Pair]:
    """Return all pairs of the table, the most important pairs first."""
    seeds, flips = range(5), (UNCHANGED, FLIP)
    two = [(s, f"run of seed {other}") for other in seeds for s in range(other)]
    rows = [(c, s, change) for s in seeds for change in flips for c in (*MAIN, *OTHERS[:3])]
    rows += [(c, s, rule) for s in seeds[:3] for rule in MISTAKES for c in MAIN]
    rows += [(c, s, change) for s, change in two for c in (*MAIN, *OTHERS[:3])]
    rows += [(c, s, change) for s in seeds[:3] for change in flips for c in OTHERS[3:]]
    rows += [
        (c, s, change)
        for s, change in two
        if "3" not in change and "4" not in change
        for c in OTHERS[3:]
    ]
    rows += [(c, 2, change) for change in PLACES for c in MAIN]
    rows += [(c, s, rule) for s in seeds[3:] for rule in MISTAKES for c in MAIN]
    rows += [(c, s, change) for s in seeds[3:] for change in flips for c in OTHERS[3:]]
    pairs = []
    for parameters, seed, change in rows:
        config = Configuration(seed=seed, **parameters)
        pairs.append(Pair(config, change, PLACES_EPOCHS if change in PLACES else config.epochs))
    return pairs


class Trainer:
    """Trains pairs with the C program. Our runs are kept in `SCRATCH`, as other pairs need them."""

    def __init__(self, mistakes: Iterable[int] = (0, *MISTAKES.values())) -> None:
        """Compile the program once for each value of the macro MISTAKE."""
        SCRATCH.mkdir(parents=True, exist_ok=True)
        self.locks: defaultdict[Path, Lock] = defaultdict(Lock)
        self.programs = {
            number: compile_c(SCRATCH / f"rnn{number}", "-march=native", f"-DMISTAKE={number}")
            for number in mistakes
        }

    def compute(self, pair: Pair) -> pd.DataFrame:
        """Return the rows of a pair."""
        config = pair.config.model_copy(update={"epochs": pair.epochs})
        first = self.train_own(pair.config)
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            if pair.own:
                other = OTHER.fullmatch(pair.change)
                seed = int(other[2]) if other else pair.config.seed
                second = self.train_own(pair.config.model_copy(update={"seed": seed}))
            else:
                second = Path(folder) / "changed"
                self.train(config, pair.change, second)
            dumps = ((UNCHANGED, first), (pair.change, second))
            rows = compare(*(read_moments(config, *each) for each in dumps))
        return label(rows.dropna(subset="epoch") if pair.own else rows, pair)

    def train_own(self, config: Configuration) -> Path:
        """Return the folder of our run, after training if the folder is missing."""
        path = SCRATCH / f"{config.name}-{config.seed}"
        with self.locks[path]:
            if not path.exists():
                self.train(config, UNCHANGED, path)
        return path

    def train(self, config: Configuration, change: str, run: Path) -> None:
        """Train with the C program, which writes the moments of the run to the folder `run`."""
        program = self.programs[MISTAKES.get(change, 0)]
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            inputs, written = Path(folder) / "inputs", Path(folder) / "run"
            write_inputs(inputs, config, change_weights(config, change))
            written.mkdir()
            ask([*program, MNIST, inputs, written / "run", "100"])
            written.rename(run)


def main() -> None:
    """Train the missing pairs, and write the table after each pair."""
    table = pd.DataFrame(columns=COLUMNS)
    if FILE.exists():
        table = pd.read_csv(FILE, dtype=dict.fromkeys(COUNTS, "Int64"))
    sizes = table.groupby(KEY).size()
    pairs = [pair for pair in list_pairs() if sizes.get(pair.key, 0) < pair.count_rows()]
    trainer = Trainer()
    with ThreadPoolExecutor(2) as pool:
        try:
            jobs = [pool.submit(trainer.compute, pair) for pair in pairs]
            for number, job in enumerate(as_completed(jobs), 1):
                rows = job.result()
                old = (table[KEY] == rows[KEY].iloc[0]).all(axis=1)
                table = pd.concat([table[~old], rows]).sort_values(COLUMNS[:5])
                with replacing(FILE) as temporary:
                    table.to_csv(temporary, index=False, float_format="%.4g")
                print(f"{number} of {len(pairs)}:", *rows[KEY].iloc[0], flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    shutil.rmtree(SCRATCH)


if __name__ == "__main__":
    with one_sentence():
        main()
