"""Draw the unrolled network as an SVG: the rows of a digit, the hidden states, the probabilities.

02_train.ipynb and the start page of the website show the picture. Hidden states and probabilities
appear row by row within five seconds. In print, and with reduced motion, the whole picture is
visible from the start.
"""

import numpy as np

from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.config import TIMESTEPS
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.figures.captioned import TICKS

DIGIT = 4  # index of a test image whose prediction changes several times
UNITS = 32  # number of hidden units in the picture
TOP, PITCH, HEIGHT = 46, 14, 9  # top of the first line, distance between lines, height of a line
ROWS, STATE, PROBABILITY = 26, 192, 346  # left edges of the three columns
INK = ["#d9d9d9", "#b0b0b0", "#808080", "#4d4d4d", "#111"]
BLUES = ["#cfe3f1", "#8fc0e0", "#3f93c8", "#0072b2"]
ORANGES = ["#f9dfd0", "#f0b48f", "#e3864d", "#d55e00"]
SECONDS = 4.8
STYLE = f"""
.unrolled {{ font: 14px system-ui, sans-serif; fill: #222 }}
.unrolled .small {{ font-size: 11px; fill: #555 }}
.unrolled .digit {{ font-size: 36px; font-weight: bold }}
.unrolled .arrow {{ stroke: #555; fill: none }}
.unrolled .frame {{ stroke: #ccc; fill: none; stroke-width: 0.6 }}
.unrolled .unread {{ fill: #fff; fill-opacity: 0.9;
  transform: scaleY(0); transform-origin: 0 {TOP + TIMESTEPS * PITCH}px }}
@media screen and (prefers-reduced-motion: no-preference) {{
  .unrolled .unread {{ animation: unread {SECONDS}s steps({TIMESTEPS}) }}
  .unrolled .answer {{ animation: answer {SECONDS}s }}
}}
@keyframes unread {{ from {{ transform: scaleY(1) }} }}
@keyframes answer {{ from, 99% {{ opacity: 0 }} }}
"""


def draw_unrolled(weights: Weights, image: np.ndarray) -> str:
    """Return an SVG of the network, unrolled for a uint8 image (28, 28)."""
    pixels = scale(image[None])
    states = compute_states(weights, pixels)[0]
    probabilities = compute_probabilities(weights, states)
    answer = int(probabilities[-1].argmax())
    units = states[:, :: max(1, states.shape[1] // UNITS)][:, :UNITS]
    bottom = TOP + TIMESTEPS * PITCH
    parts = [
        *draw_cells(pixels[0], ROWS, 5, INK),
        *draw_cells(np.maximum(units, 0), STATE, 4, BLUES),
        *draw_cells(np.maximum(-units, 0), STATE, 4, ORANGES),
        *draw_cells(probabilities, PROBABILITY, 9, INK),
    ]
    for t in range(TIMESTEPS):
        y = TOP + t * PITCH
        for left, width in ((ROWS, 140), (STATE, 128), (PROBABILITY, 90)):
            parts.append(f'<path class="frame" d="M{left} {y}h{width}v{HEIGHT}h-{width}z"/>')
        for x in (ROWS + 143, STATE + 131):  # arrows into and out of the hidden state
            parts.append(f'<path class="arrow" d="M{x} {y + 4.5}h19m-4-3l4 3-4 3"/>')
        if t:  # arrow from the previous hidden state
            parts.append(f'<path class="arrow" d="M{STATE + 64} {y - 5}v5m-3-3l3 3 3-3"/>')
        if t + 1 in TICKS:
            parts.append(f'<text class="small" x="20" y="{y + 8}" text-anchor="end">{t + 1}</text>')
    heads = [f'<text x="{PROBABILITY + 9 * d + 4.5}" y="40">{d}</text>' for d in range(10)]
    words = (
        "A handwritten digit, cut into its 28 rows, one below the other. Beside each row are "
        f"{units.shape[1]} of the {states.shape[1]} numbers of the hidden state after this row. "
        "Arrows lead from each row into its hidden state, and from each hidden state into the next "
        "one. Beside each hidden state are the predicted probabilities of the ten digits. The "
        f"prediction after the last row is {answer}, with a probability of "
        f"{probabilities[-1, answer]:.0%}."
    )
    end = PROBABILITY + 9 * answer + 4.5
    right = ROWS + 142  # left edge of the part that appears row by row
    return f"""<svg xmlns="http://www.w3.org/2000/svg" class="unrolled" viewBox="0 0 440 500"
role="img" aria-label="{words}">
<style>{STYLE}</style>
<rect width="440" height="500" rx="8" fill="#fff"/>
<text x="{ROWS}" y="20">rows of pixels</text>
<text x="{STATE}" y="20">hidden state</text>
<text x="{PROBABILITY}" y="20">probability of</text>
<g class="small" text-anchor="middle">{"".join(heads)}</g>
{chr(10).join(parts)}
<rect class="unread" x="{right}" y="{TOP - 2}" width="{440 - right}" height="{bottom - TOP + 2}"/>
<text x="{end - 16}" y="{bottom + 33}" text-anchor="end">the answer, after the last row:</text>
<g class="answer">
<path class="arrow" d="M{end} {bottom - 1}v14m-3-4l3 4 3-4"/>
<text class="digit" x="{end}" y="{bottom + 44}" text-anchor="middle">{answer}</text>
</g>
</svg>
"""


def draw_cells(values: np.ndarray, left: float, width: float, colors: list[str]) -> list[str]:
    """Return one SVG path per colour for values (28, n) in [0, 1]; greater values are darker."""
    levels = np.ceil(values * len(colors) - 0.5)
    paths = []
    for level, color in enumerate(colors, start=1):
        cells = [
            f"M{left + width * column:g} {TOP + HEIGHT / 2 + PITCH * t:g}h{width:g}"
            for t, column in zip(*np.nonzero(levels == level), strict=True)
        ]
        if cells:
            paths.append(f'<path stroke="{color}" stroke-width="{HEIGHT}" d="{"".join(cells)}"/>')
    return paths
