"""Define figures with captions, and the colours of figures."""

import io
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from mnist_rnn.system.files import replacing

BLUE, ORANGE = "#0072b2", "#d55e00"  # colours that colour-blind readers can distinguish
DARK, LIGHT = "#444444", "#bbbbbb"
TICKS = (1, 7, 14, 21, 28)  # the row and column numbers on the axes of an image

# A decorator for drawing functions: it sets matplotlib's defaults and ignores any matplotlibrc.
default_style = plt.style.context("default")


class CaptionedFigure(NamedTuple):
    """A figure with a caption, which is also the alternative text of the figure."""

    figure: Figure
    caption: str

    @default_style
    def save(self, path: Path) -> None:
        """Write the figure as a PNG file; an error leaves no partial file."""
        with replacing(path) as temporary:
            self.figure.savefig(temporary, dpi=120)

    @default_style
    def to_image(self) -> Image:
        """Close the figure, and return it as an image with the caption as the alternative text."""
        png = io.BytesIO()
        self.figure.savefig(png, dpi=120)
        plt.close(self.figure)
        return make_image(png.getvalue(), int(100 * self.figure.get_figwidth()), self.caption)

    def _ipython_display_(self) -> None:
        display(self.to_image(), Markdown(self.caption))


def make_image(png: bytes, width: int, caption: str) -> Image:
    """Return a PNG file as an image, `width` CSS pixels wide, with its caption as alt text."""
    return Image(png, width=width, alt=re.sub("[*`]", "", caption))
