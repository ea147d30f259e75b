"""Draw the figure of 05_by_hand.ipynb: the size of the gradient by timestep."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np

from mnist_rnn.figures.captioned import BLUE, DARK, ORANGE, TICKS, CaptionedFigure, default_style


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
