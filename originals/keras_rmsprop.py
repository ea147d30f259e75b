"""Run keras_notebook.py with the book's two differences: RMSprop, and a dropout of 0.2.

Today's Keras divides by sqrt(v + epsilon) in RMSprop. Keras of 2019, and our code, divide by
sqrt(v) + epsilon.

`python keras_rmsprop.py MNIST.npz EPOCHS OUTPUT.json`
"""

from functools import partial

import keras
import keras_notebook


class WithRMSprop(keras.Sequential):
    """The notebook's network, trained with RMSprop."""

    def compile(self, **options: object) -> None:
        """Compile like the notebook, but with another optimizer."""
        super().compile(**options | {"optimizer": "rmsprop"})


if __name__ == "__main__":
    keras_notebook.SimpleRNN = partial(keras.layers.SimpleRNN, dropout=0.2)
    keras_notebook.Sequential = WithRMSprop
    keras_notebook.main()
