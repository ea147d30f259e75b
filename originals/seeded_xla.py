"""Run seeded_notebook.py with one difference: XLA compiles the training step.

Without a GPU, Keras does not use XLA, but our code does. This script uses XLA's default flags, and
our code uses other flags.

`python seeded_xla.py MNIST.npz EPOCHS OUTPUT.json SEED`
"""

import keras_notebook
from seeded_notebook import Seeded


class Compiled(Seeded):
    """The notebook's network with our initial weights and image orders, compiled by XLA."""

    def compile(self, **options: object) -> None:
        """Compile the network like the notebook, but with XLA."""
        super().compile(jit_compile=True, **options)


if __name__ == "__main__":
    keras_notebook.Sequential = Compiled
    keras_notebook.main()
