"""What keeping a checkpoint after each epoch costs: pairs of runs with and without, in turn."""

import contextlib
import io
import statistics
import tempfile
import time
from pathlib import Path

from mnist_rnn.checkpoints import Checkpoint, State
from mnist_rnn.config import Configuration
from mnist_rnn.data import DATA_SHA256, load_mnist, scale
from mnist_rnn.environment import describe_environment
from mnist_rnn.model import build_model, set_seed
from mnist_rnn.training import train

PAIRS, EPOCHS = 5, 3


class TimedCheckpoint(Checkpoint):
    """Adds up the seconds that writing takes."""

    spent = 0.0

    def write(self, state: State) -> None:
        """Write, on the clock."""
        start = time.perf_counter()
        super().write(state)
        self.spent += time.perf_counter() - start


class NoCheckpoint(Checkpoint):
    """Keeps nothing."""

    def write(self, state: State) -> None:
        """Do nothing."""


def main() -> None:
    """Print each pair and the medians."""
    (x_train, y_train), _ = load_mnist()
    x_train = scale(x_train)
    config = Configuration(epochs=EPOCHS)
    environment = describe_environment("CPU", 2)
    ratios, shares = [], []
    for pair in range(PAIRS):
        seconds = {}
        for kind in (TimedCheckpoint, NoCheckpoint):
            with tempfile.TemporaryDirectory() as folder:
                checkpoint = kind(Path(folder) / "checkpoint", config, DATA_SHA256, environment)
                set_seed(config.seed)
                with contextlib.redirect_stdout(io.StringIO()):  # no progress bars in the table
                    state = train(build_model(config), x_train, y_train, config, checkpoint)
            seconds[kind] = state.seconds
            if kind is TimedCheckpoint:
                shares.append(checkpoint.spent / state.seconds)
        ratios.append(seconds[TimedCheckpoint] / seconds[NoCheckpoint])
        print(f"pair {pair + 1}: with / without {ratios[-1]:.3f}, writing {shares[-1]:.3%}")
    print(
        f"medians of {PAIRS} pairs of {EPOCHS} epochs: with / without "
        f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), "
        f"writing takes {statistics.median(shares):.3%} of the training time"
    )


if __name__ == "__main__":
    main()
