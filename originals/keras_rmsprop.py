"""Run keras_notebook.py with RMSprop and a dropout of 0.2, as in the book.

In RMSprop, today's Keras divides by sqrt(v + epsilon). Keras 2.2.4 and our code divide by
sqrt(v) + epsilon.

`python keras_rmsprop.py MNIST.npz EPOCHS OUTPUT.json`
"""

from functools import partial

import keras
import keras_notebook


class WithRMSprop(keras.Sequential):
    """The notebook's network, trained with RMSprop."""

    def compile(self, **options: object) -> None:
        """Compile the network like the notebook, but with RMSprop."""
        super().compile(**options | {"optimizer": "rmsprop"})


if __name__ == "__main__":
    keras_notebook.SimpleRNN = partial(keras.layers.SimpleRNN, dropout=0.2)
    keras_notebook.Sequential = WithRMSprop
    keras_notebook.main()
