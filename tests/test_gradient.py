"""Test that the figure of the gradient in 05_by_hand.ipynb draws the right numbers."""

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.figures.gradient import draw_sizes


def test_each_point_is_the_norm_of_a_gradient_of_its_timestep():
    """The terms of the timesteps add up to the gradients of W and U."""
    random = np.random.default_rng(0)
    x = random.random((5, 4, 28), "float32")
    x[0] = 0
    arrays, _ = by_hand.step(by_hand.draw_weights(0, 8), x, np.arange(4), np.float32(0.01))
    drawn = draw_sizes(x, arrays)
    of_h, of_u, of_w = (line.get_ydata() for ax in drawn.figure.axes for line in ax.get_lines())
    np.testing.assert_allclose(of_h, [np.linalg.norm(dh) for dh in arrays["dh"]], rtol=1e-6)
    terms_u = [h.T @ d for h, d in zip(arrays["h"], arrays["d"][1:], strict=False)]
    terms_w = [x_t.T @ d for x_t, d in zip(x, arrays["d"], strict=True)]
    for terms, gradient, drawn in ((terms_u, "du", of_u[1:]), (terms_w, "dw", of_w)):
        np.testing.assert_allclose(sum(terms), arrays[gradient], atol=1e-6)
        np.testing.assert_allclose(drawn, [np.linalg.norm(term) for term in terms], rtol=1e-5)
    assert of_u[0] == of_w[0] == 0
