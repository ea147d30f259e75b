"""Draw the network's layers."""

import sysconfig
from pathlib import Path

from IPython.display import Markdown, display

from mnist_rnn.experiment.backend import keras
from mnist_rnn.figures.captioned import make_image
from mnist_rnn.system.files import replacing


def draw_layers(model: keras.Model, path: Path) -> None:
    """Write and display a picture of the layers and their shapes.

    The program `graphviz-pure` draws the picture.
    """
    program = str(Path(sysconfig.get_path("scripts"), "graphviz-pure"))
    dot = keras.utils.model_to_dot(model, show_shapes=True, dpi=100)
    with replacing(path) as temporary:
        dot.write(str(temporary), format="png", prog=program)
    layers = ", ".join(f"{layer.name} {layer.output.shape[1:]}" for layer in model.layers)
    shape = model.input_shape[1:]
    caption = (
        "The layers from first to last, with the shapes of their outputs for one image of shape "
        f"{shape}: {layers}."
    )
    display(make_image(path.read_bytes(), 420, caption), Markdown(caption))
