"""Write a run's initial weights and image orders to a file for the programs in `implementations/`.

`python -m mnist_rnn.bits.inputs FILE --units 64` writes little-endian 32-bit numbers. The file
begins with seven integers: the place of `layer` in simple_rnn, lstm, gru, counted from 0; the place
of `optimizer` in sgd, adam, rmsprop; `units`, `batch_size`, `train_size`, `epochs`, and the seed of
dropout, which is `seed` modulo 2^31 - 2. Three floats follow: the learning rate, `dropout`, and
1 / (1 - `dropout`). The weights W, U, b, V and c follow row by row. The file ends with the order of
the images in each epoch. The options have the names of the parameters in notebooks/02_train.ipynb.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import epoch_order
from mnist_rnn.parameters import read_parameters
from mnist_rnn.system.errors import ParameterError, one_sentence
from mnist_rnn.system.files import replacing
from mnist_rnn.system.paths import shown

LAYERS, OPTIMIZERS = ("simple_rnn", "lstm", "gru"), ("sgd", "adam", "rmsprop")  # as in rnn.c


def write_inputs(
    path: Path, config: Configuration, weights: Sequence[np.ndarray] | None = None
) -> None:
    """Write a run's initial weights, by default those of its seed, and image orders to a file."""
    for name, known in (("layer", LAYERS), ("optimizer", OPTIMIZERS)):
        if (given := getattr(config, name)) not in known:
            expected = f"one of {', '.join(known)}, which implementations/rnn.c computes"
            raise ParameterError(f"{name}: expected {expected}, got {given}.")
    weights = weights or draw_initial_weights(config)
    numbers = [LAYERS.index(config.layer), OPTIMIZERS.index(config.optimizer), config.units]
    # Keras reduces the seed of dropout in this way.
    numbers += [config.batch_size, config.train_size, config.epochs, config.seed % (2**31 - 2)]
    rates = [config.learning_rate, config.dropout, 1 / (1 - config.dropout)]
    orders = (epoch_order(config.seed, e, config.train_size) for e in range(config.epochs))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(np.array(numbers, "<u4").tobytes() + np.array(rates, "<f4").tobytes())
        file.writelines(array.astype("<f4").tobytes() for array in weights)
        file.writelines(order.astype("<i4").tobytes() for order in orders)


@one_sentence()
def main() -> None:
    """Write the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("file", type=Path)
    for name, field in Configuration.model_fields.items():
        kind = float if field.default is None else type(field.default)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    path = options.pop("file")
    write_inputs(path, read_parameters(options))
    print(f"Written: {shown(path.resolve())}")


if __name__ == "__main__":
    main()
