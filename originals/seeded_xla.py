"""seeded_notebook.py with one difference: XLA compiles the step.

Keras leaves XLA out where there is no GPU, and our step is compiled by it. XLA's flags are its
defaults, not ours.

`python seeded_xla.py MNIST.npz EPOCHS OUTPUT.json SEED`
"""

import keras_notebook
from seeded_notebook import Seeded


class Compiled(Seeded):
    """The notebook's network from our start, compiled by XLA."""

    def compile(self, **options: object) -> None:
        """Compile as the notebook does, by XLA."""
        super().compile(jit_compile=True, **options)


if __name__ == "__main__":
    keras_notebook.Sequential = Compiled
    keras_notebook.main()
