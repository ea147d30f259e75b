"""Draw the training curves while a notebook trains."""

from collections.abc import Mapping

import pandas as pd
from IPython.display import DisplayHandle, Javascript, Markdown, display

from mnist_rnn.figures.training import draw_curves

# After *Run All Cells*, JupyterLab shows the last cell. This script shows the training cell.
SCROLL = "setTimeout(() => (element.closest('.jp-Cell') ?? element).scrollIntoView(), 500)"


class LiveCurves:
    """Training curves that are drawn again after each epoch, and removed after the last one."""

    def __init__(self, published: Mapping[str, pd.DataFrame]) -> None:
        """Set the published curves, which are drawn too."""
        self.published = published

    def __enter__(self) -> "LiveCurves":
        """Scroll to the place of the curves."""
        self.handle: DisplayHandle | None = display(Javascript(SCROLL), display_id=True)
        return self

    def __call__(self, history: dict[str, list[float]]) -> None:
        """Draw the curves of the finished epochs."""
        if self.handle:  # outside a notebook, nothing is drawn
            self.handle.update(draw_curves(history, dict(self.published)).to_image())

    def __exit__(self, *_: object) -> None:
        """Remove the curves."""
        if self.handle:
            self.handle.update(Markdown("The next cell shows the curves of all epochs."))
