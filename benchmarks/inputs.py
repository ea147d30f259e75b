"""What all contenders train on, and the weights that they start from.

`python inputs.py PATH UNITS EPOCHS`
"""

import sys

import numpy as np

from mnist_rnn.config import TRAIN_SIZE, Configuration
from mnist_rnn.data.mnist import load_mnist
from mnist_rnn.experiment.draws import draw_initial_weights, epoch_order, scale


def main() -> None:
    """Write the .npz file."""
    path, units, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    (x_train, y_train), (x_test, y_test) = load_mnist()
    weights = draw_initial_weights(Configuration(units=units))
    np.savez(
        path,
        x_train=scale(x_train),
        y_train=y_train,
        x_test=scale(x_test),
        y_test=y_test,
        orders=np.stack([epoch_order(0, epoch, TRAIN_SIZE) for epoch in range(epochs)]),
        **{f"weights_{number}": values for number, values in enumerate(weights)},
    )


if __name__ == "__main__":
    main()
