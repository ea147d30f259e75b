"""keras_notebook.py with two differences, the book's: RMSprop, and a dropout of 0.2.

RMSprop is that of today's Keras, which divides by sqrt(v + epsilon); that of 2019, and ours, divide
by sqrt(v) + epsilon.

`python keras_rmsprop.py MNIST.npz EPOCHS OUTPUT.json`
"""

from functools import partial

import keras
import keras_notebook


class WithRMSprop(keras.Sequential):
    """The notebook's network, trained by RMSprop."""

    def compile(self, **options: object) -> None:
        """Compile as the notebook does, but for the optimizer."""
        super().compile(**options | {"optimizer": "rmsprop"})


if __name__ == "__main__":
    keras_notebook.SimpleRNN = partial(keras.layers.SimpleRNN, dropout=0.2)
    keras_notebook.Sequential = WithRMSprop
    keras_notebook.main()
