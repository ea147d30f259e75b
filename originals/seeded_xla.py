"""Run seeded_notebook.py with one difference: XLA compiles the training step.

Keras does not use XLA without a GPU, while our code does. XLA's flags are its defaults, not ours.

`python seeded_xla.py MNIST.npz EPOCHS OUTPUT.json SEED`
"""

import keras_notebook
from seeded_notebook import Seeded


class Compiled(Seeded):
    """The notebook's network with our random numbers, compiled by XLA."""

    def compile(self, **options: object) -> None:
        """Compile like the notebook, but with XLA."""
        super().compile(jit_compile=True, **options)


if __name__ == "__main__":
    keras_notebook.Sequential = Compiled
    keras_notebook.main()
