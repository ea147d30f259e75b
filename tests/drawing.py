"""From strokes on a pad to an image as MNIST has them: drawing.js in NumPy, to compare it with.

MNIST's digits were scaled into a box of 20 by 20 pixels, keeping their proportions, smoothed at
the edges, and placed in 28 by 28 pixels with their centre of mass in the middle. Here strokes are
scaled before they get their width, so that a small drawing does not come out bold.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage, spatial

from mnist_rnn.config import FEATURES, TIMESTEPS

BOX = 20
MIDDLE = 14  # of MNIST's centres of mass, in rows and columns counted from 0
PEN = 2.6  # width of a stroke: with it, drawn digits have as much ink as MNIST's
SMALLEST = 0.1  # of the pad; what is smaller is a dot
FULL = 0.85  # of the box's ink; no digit of MNIST has as much

Stroke = Sequence[tuple[float, float]]


class NotADigit(ValueError):  # noqa: N818  (an answer to who draws, not a fault)
    """What is drawn can't be read; the message says what to do."""


def center_strokes(strokes: Sequence[Stroke], side: float) -> np.ndarray:
    """Strokes of points (x, y) on a pad of this side as float32 (28, 28) in [0, 1].

    Raises:
        NotADigit: nothing is drawn, or a dot, or the pad is full.
    """
    if not strokes:
        raise NotADigit("Draw a digit on the pad.")
    points = np.concatenate(strokes)
    size = np.ptp(points, axis=0).max()
    if size < SMALLEST * side:
        raise NotADigit("That is a dot. Draw a digit over most of the pad.")
    zoom = (BOX - PEN) / size
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    scaled = [(np.array(stroke) - middle) * zoom + MIDDLE for stroke in strokes]
    ink = draw_ink(scaled)
    if ink.sum() > FULL * BOX**2:
        raise NotADigit("The pad is full. Clear it and draw a digit.")
    row, column = ndimage.center_of_mass(ink)
    shift = np.array([MIDDLE - column, MIDDLE - row])
    return draw_ink([stroke + shift for stroke in scaled])


def draw_ink(strokes: Sequence[np.ndarray]) -> np.ndarray:
    """The strokes in pixels as an image (28, 28): ink within half a pen, paper beyond it.

    At the edge, over one pixel, ink turns into paper.
    """
    path = spatial.KDTree(np.concatenate([refine(stroke) for stroke in strokes]))
    rows, columns = np.mgrid[:TIMESTEPS, :FEATURES]
    distance, _ = path.query(np.stack([columns, rows], axis=-1))
    return np.clip(PEN / 2 + 0.5 - distance, 0, 1).astype("float32")


def refine(stroke: np.ndarray) -> np.ndarray:
    """Points along the stroke (n, 2), at most a quarter of a pixel apart."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0], np.cumsum(lengths)])
    places = np.linspace(0, along[-1], int(4 * along[-1]) + 2)
    return np.stack([np.interp(places, along, axis) for axis in stroke.T], axis=1)
