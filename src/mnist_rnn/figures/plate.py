"""A figure with its text alternative and its caption. Blue is ours, orange was published."""

import io
from html import escape
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from mnist_rnn.files import replacing

BLUE, ORANGE = "#0072b2", "#d55e00"  # apart for colour-blind readers too
DARK, LIGHT = "#444444", "#bbbbbb"
TICKS = (1, 7, 14, 21, 28)  # rows and columns of an image


class Plate(NamedTuple):
    """A figure, a text for readers who can't see it, and a caption, with computed numbers.

    Pages made of a notebook give the text to the image. JupyterLab drops it there, so it also
    stands below the caption, folded.
    """

    figure: Figure
    alt: str
    caption: str

    def save(self, path: Path) -> None:
        """Write the figure as a PNG file, whole or not at all."""
        with replacing(path) as temporary:
            self.figure.savefig(temporary, dpi=120)

    def _ipython_display_(self) -> None:
        png = io.BytesIO()
        self.figure.savefig(png, dpi=120)
        plt.close(self.figure)
        show_image(png.getvalue(), int(100 * self.figure.get_figwidth()), self.alt, self.caption)


def show_image(png: bytes, width: int, alt: str, caption: str) -> None:
    """Display an image, `width` CSS pixels wide, with its text alternative and caption."""
    words = f"<details><summary>The figure in words</summary>{escape(alt)}</details>"
    display(Image(png, width=width, alt=alt), Markdown(f"{caption}\n\n{words}"))
