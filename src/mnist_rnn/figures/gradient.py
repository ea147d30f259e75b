"""Draw the figures of 05_by_hand.ipynb: the way of the gradient, and its size by timestep."""

from collections.abc import Mapping
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from mnist_rnn.figures.captioned import BLUE, DARK, ORANGE, TICKS, CaptionedFigure, default_style


@default_style
def draw_way(n: int, units: int) -> CaptionedFigure:
    """Draw the unrolled network for n images, with the shapes of its arrays, and the gradient."""
    fig, ax = plt.subplots(figsize=(9.5, 2.7))
    fig.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(-0.7, 12.1), ylim=(-0.6, 3.1))
    ax.axis("off")
    states = f"({n}, {units})"
    nodes = [  # name, place, shape, and the words on the arrows to the next node and back
        ("h_{0}", 0.1, "zeros", "$U$", ""),
        ("h_{1}", 2.2, states, "…", "…"),
        ("h_{27}", 5.2, states, "$U$", "$d_{28}\\,U^\\top$"),
        ("h_{28}", 7.4, states, "$V$", "$g\\,V^\\top$"),
        ("z", 9.6, f"({n}, 10)", "", "$g$"),
        ("L", 11.5, "one number", "", ""),
    ]
    for name, x, shape, *_ in nodes:
        add_box(ax, x, 2.2, f"${name}$", shape)
    for (name, left, _, word, back), (_, right, *_) in pairwise(nodes):
        start = left + (0.35 if name == "h_{0}" else 0.6)
        add_arrow(ax, (start, 2.35), (right - 0.6, 2.35), DARK, word, (0, 0.2))
        if back:
            add_arrow(ax, (right - 0.6, 2.05), (left + 0.6, 2.05), ORANGE, back, (0, -0.25))
    for t, (_, x, *_) in zip((1, 27, 28), nodes[1:4], strict=True):
        add_box(ax, x, 0, f"$x_{{{t}}}$", f"({n}, 28)")
        add_arrow(ax, (x - 0.1, 0.45), (x - 0.1, 1.75), DARK, "$W$", (-0.2, 0))
        term = f"$x_{{{t}}}^\\top d_{{{t}}}$"
        add_arrow(ax, (x + 0.1, 1.75), (x + 0.1, 0.95), ORANGE, term, (0.45, -0.55))
    sums = (
        f"$W$: sum of $x_t^\\top d_t$, (28, {units})",
        f"$U$: sum of $h_{{t-1}}^\\top d_t$, ({units}, {units})",
        f"$V$: $h_{{28}}^\\top g$, ({units}, 10)",
    )
    ax.text(8.6, 0.35, "\n".join(["gradients", *sums]), color=ORANGE, va="center", linespacing=1.5)
    return CaptionedFigure(
        fig,
        f"Black: the forward pass for {n} images. Orange: the gradient of the loss on its way back "
        "to timestep 1. Each timestep gives a term of the gradients of W, U and b.",
    )


@default_style
def draw_sizes(x: np.ndarray, arrays: Mapping[str, np.ndarray]) -> CaptionedFigure:
    """Draw the size of the gradient by timestep, from the rows x and the arrays of a step."""
    h, d = arrays["h"], arrays["d"]
    before = np.concatenate([np.zeros_like(h[:1]), h[:-1]])
    of_h = measure(arrays["dh"])
    of_w, of_u = (measure(a.swapaxes(1, 2) @ d) for a in (x, before))
    timesteps = np.arange(1, len(x) + 1)
    fig, axes = plt.subplots(1, 2, figsize=(9.5, 2.3), layout="constrained")
    axes[0].plot(timesteps, of_h, color=ORANGE, marker=".")
    axes[1].plot(timesteps, of_u, color=BLUE, marker=".", label="$h_{t-1}^\\top d_t$, for $U$")
    axes[1].plot(timesteps, of_w, color=DARK, marker=".", label="$x_t^\\top d_t$, for $W$")
    axes[1].legend()
    titles = "gradient of the hidden state $h_t$", "terms of two gradients"
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, size=10)
        ax.set(xlabel="timestep $t$", ylabel="Euclidean norm", xticks=TICKS, ylim=(0, None))
        ax.grid(alpha=0.3)
    return CaptionedFigure(
        fig,
        f"Left: the gradient of the last hidden state is {of_h[-1] / of_h[0]:.1f} times as large "
        "as that of the first. Right: the terms of the timesteps in the gradients of U and W. The "
        f"term for W is largest at timestep {of_w.argmax() + 1}, and zero at {(of_w == 0).sum()} "
        "timesteps, where the rows of all images are blank.",
    )


def measure(arrays: np.ndarray) -> np.ndarray:
    """Return the Euclidean norm of each timestep's array."""
    return np.sqrt((arrays.astype(float) ** 2).sum(axis=(1, 2)))


def add_box(ax: Axes, x: float, y: float, name: str, shape: str) -> None:
    """Write an array's name and shape into a box at the point (x, y)."""
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": DARK}
    ax.text(x, y, f"{name}\n{shape}", ha="center", va="center", size=9, linespacing=1.4, bbox=box)


def add_arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    word: str,
    offset: tuple[float, float],
) -> None:
    """Draw an arrow from start to end, and a word beside the middle of the arrow."""
    arrow = {"arrowstyle": "->", "color": color, "shrinkA": 0, "shrinkB": 0}
    arrow["linestyle"] = ":" if word == "…" else "-"
    ax.annotate("", end, start, arrowprops=arrow)
    x, y = ((a + b) / 2 + by for a, b, by in zip(start, end, offset, strict=True))
    ax.text(x, y, word, color=color, ha="center", va="center", size=10)
