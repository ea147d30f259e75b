"""Run the original notebook's code with the initial weights and image orders of one of our runs.

This script takes the initial weights, and the order of the images in each epoch, from our run with
the given seed. Layers, softmax, loss and training step are Keras's own.

`python seeded_notebook.py MNIST.npz EPOCHS OUTPUT.json SEED`
"""

import math
import sys
from collections.abc import Iterator

import keras
import keras_notebook
import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import epoch_order

CONFIG = Configuration(seed=int(sys.argv[4]))


class Seeded(keras.Sequential):
    """The notebook's network, with our initial weights and our image orders."""

    def compile(self, **options: object) -> None:
        """Compile the network like the notebook, and set our initial weights."""
        self.set_weights(draw_initial_weights(CONFIG))
        super().compile(**options)

    def fit(
        self, x: np.ndarray, y: np.ndarray, batch_size: int, epochs: int, **options: object
    ) -> keras.callbacks.History:
        """Train the network like the notebook, but with our order of the images (n, 28, 28)."""

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for epoch in range(epochs):
                order = epoch_order(CONFIG.seed, epoch, len(x))
                for start in range(0, len(x), batch_size):
                    chosen = order[start : start + batch_size]
                    yield x[chosen], y[chosen]

        steps = math.ceil(len(x) / batch_size)
        return super().fit(batches(), epochs=epochs, steps_per_epoch=steps, **options)


if __name__ == "__main__":
    keras_notebook.Sequential = Seeded
    keras_notebook.main()
