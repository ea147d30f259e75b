"""The picture of the network's layers."""

import shutil
import sysconfig
from pathlib import Path

from mnist_rnn.experiment.backend import keras
from mnist_rnn.files import replacing


def draw_layers(model: keras.Model, path: Path) -> None:
    """Write a picture of the layers with their shapes, by the system's Graphviz or by pip's."""
    program = shutil.which("dot") or str(Path(sysconfig.get_path("scripts"), "graphviz-pure"))
    dot = keras.utils.model_to_dot(model, show_shapes=True, show_layer_names=True, dpi=100)
    with replacing(path) as temporary:
        dot.write(str(temporary), format="png", prog=program)
