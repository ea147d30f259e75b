"""The original notebook's code, unchanged, from the start of one of our runs.

Two things are drawn in a run: the initial weights, and the order of the images in each epoch. Here
they are what our run of this seed drew. All else is Keras's own: its layers, softmax, loss, step.

`python seeded_notebook.py MNIST.npz EPOCHS OUTPUT.json SEED`
"""

import math
import sys
from collections.abc import Iterator

import keras
import keras_notebook
import numpy as np

from mnist_rnn.config import Configuration
from mnist_rnn.experiment.draws import draw_initial_weights
from mnist_rnn.experiment.draws import epoch_order

CONFIG = Configuration(seed=int(sys.argv[4]))


class Seeded(keras.Sequential):
    """The notebook's network, with our initial weights and our order of the images."""

    def compile(self, **options: object) -> None:
        """Compile as the notebook does, the weights being ours."""
        self.set_weights(draw_initial_weights(CONFIG))
        super().compile(**options)

    def fit(
        self, x: np.ndarray, y: np.ndarray, batch_size: int, epochs: int, **options: object
    ) -> keras.callbacks.History:
        """Fit as the notebook does, the order of the images (n, 28, 28) being ours."""

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
