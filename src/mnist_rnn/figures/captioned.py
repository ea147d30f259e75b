"""Define figures with captions, in one style: our runs are blue, published results orange."""

import io
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from mnist_rnn.files import replacing

BLUE, ORANGE = "#0072b2", "#d55e00"  # colour-blind readers can distinguish them
DARK, LIGHT = "#444444", "#bbbbbb"
TICKS = (1, 7, 14, 21, 28)  # rows and columns of an image

# A decorator for functions that draw: it sets matplotlib's defaults, whatever a matplotlibrc sets.
default_style = plt.style.context("default")


class CaptionedFigure(NamedTuple):
    """A figure with a caption of computed numbers, which is also its alternative text."""

    figure: Figure
    caption: str

    @default_style
    def save(self, path: Path) -> None:
        """Write the figure as a PNG file, whole or not at all."""
        with replacing(path) as temporary:
            self.figure.savefig(temporary, dpi=120)

    @default_style
    def _ipython_display_(self) -> None:
        png = io.BytesIO()
        self.figure.savefig(png, dpi=120)
        plt.close(self.figure)
        show_image(png.getvalue(), int(100 * self.figure.get_figwidth()), self.caption)


def show_image(png: bytes, width: int, caption: str) -> None:
    """Display a PNG, `width` CSS pixels wide; its Markdown caption is also its alternative text."""
    display(Image(png, width=width, alt=re.sub("[*`]", "", caption)), Markdown(caption))
