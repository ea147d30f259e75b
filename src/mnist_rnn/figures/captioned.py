"""A figure with its caption, in one style everywhere. Blue is ours, orange was published."""

import io
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from mnist_rnn.files import replacing

BLUE, ORANGE = "#0072b2", "#d55e00"  # apart for colour-blind readers too
DARK, LIGHT = "#444444", "#bbbbbb"
TICKS = (1, 7, 14, 21, 28)  # rows and columns of an image

# A decorator of all that draws: matplotlib's own defaults, whatever a user's matplotlibrc says.
default_style = plt.style.context("default")


class CaptionedFigure(NamedTuple):
    """A figure and its caption: what it shows, with computed numbers, for who can't see it too."""

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
    """Display an image, `width` CSS pixels wide; its caption (Markdown) is its text alternative."""
    display(Image(png, width=width, alt=re.sub("[*`]", "", caption)), Markdown(caption))
