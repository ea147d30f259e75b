"""The pad in use, as a figure, where nobody can draw."""

import matplotlib.pyplot as plt
import numpy as np

from mnist_rnn.figures.plate import DARK, Plate
from mnist_rnn.interpret import panels, reading
from mnist_rnn.pad.drawing import Stroke, center_strokes


def draw_pad_example(weights: reading.Weights, strokes: list[Stroke], label: int) -> Plate:
    """What the pad shows: strokes on a pad of side 1, the network's image, and how it is read."""
    fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.9), layout="constrained")
    for stroke in strokes:
        axes[0].plot(*np.array(stroke).T, color=DARK, lw=9, solid_capstyle="round")
    axes[0].set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], title="drawn")
    image = center_strokes(strokes, side=1)
    panels.draw_pixels(axes[1], image, "as the network sees it")
    axes[1].set_ylabel("row")
    beliefs = reading.believe(weights, reading.read_rows(weights, image[None]))[0]
    panels.draw_beliefs(axes[2], beliefs, label)
    axes[2].set(title="belief after each row", xlabel="digit")
    return Plate(
        fig,
        "A digit drawn with a mouse, the same in 28 by 28 pixels, and the belief after each row",
        f"Left, a {label} drawn on the pad; in the middle, the same scaled and centred as MNIST's "
        f"digits are; right, the belief after each row. The answer is {beliefs[-1].argmax()} "
        f"({beliefs[-1].max():.0%}).",
    )
