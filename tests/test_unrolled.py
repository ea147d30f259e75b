"""Test that the picture of the unrolled network shows what the network computes."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.figures import unrolled
from mnist_rnn.figures.unrolled import BLUES, INK, ORANGES, PROBABILITY, ROWS, STATE, draw_unrolled
from mnist_rnn.system.paths import ROOT

pytestmark = pytest.mark.quick
NAMESPACE = "{http://www.w3.org/2000/svg}"


def draw(units):
    """Return a random image, its hidden states, its predicted probabilities, and the picture."""
    random = np.random.default_rng(0)
    shapes = (28, units), (units, units), (units,), (units, 10), (10,)
    weights = Weights(*(random.normal(0, 0.3, shape).astype("float32") for shape in shapes))
    image = random.integers(0, 256, (28, 28), "uint8")
    states = compute_states(weights, scale(image[None]))[0]
    picture = ElementTree.fromstring(draw_unrolled(weights, image))
    return image, states, compute_probabilities(weights, states), picture


def read_levels(picture, colors, left, width, columns):
    """Return an array of shape (28, columns) that describes the colours of the cells.

    The number k means the k-th colour, and 0 means an empty cell.
    """
    levels = np.zeros((28, columns), int)
    for path in picture.iter(f"{NAMESPACE}path"):
        if path.get("stroke") in colors:
            for x, y in re.findall(r"M([\d.]+) ([\d.]+)h", path.get("d")):
                column = (float(x) - left) / width
                row = (float(y) - unrolled.TOP - unrolled.HEIGHT / 2) / unrolled.PITCH
                if 0 <= column < columns:
                    assert (column, row) == (int(column), int(row))
                    levels[int(row), int(column)] = 1 + colors.index(path.get("stroke"))
    return levels


def test_shades_show_the_pixels_and_the_hidden_states_and_the_probabilities():
    image, states, probabilities, picture = draw(64)
    units = states[:, ::2]
    for values, colors, left, width in (
        (image / 255, INK, ROWS, 5),
        (units, BLUES, STATE, 4),
        (-units, ORANGES, STATE, 4),
        (probabilities, INK, PROBABILITY, 9),
    ):
        levels = read_levels(picture, colors, left, width, values.shape[1])
        assert abs(levels - len(colors) * np.maximum(values, 0)).max() <= 0.5 + 1e-6
        assert levels.max() > 2


def test_committed_picture_shows_the_committed_model(model, mnist):
    """Check docs/network.svg, which `workflow/generate.py` writes."""
    weights = Weights(*model.get_weights())
    committed = (ROOT / "docs" / "network.svg").read_text()
    assert draw_unrolled(weights, mnist[1][0][unrolled.DIGIT]) == committed
    assert "after the last row is 4, with" in committed


@pytest.mark.parametrize(("units", "step", "shown"), [(8, 1, 8), (100, 3, 32)])
def test_no_more_than_32_evenly_spaced_units_are_shown(units, step, shown):
    _, states, _, picture = draw(units)
    states = states[:, ::step][:, :shown]
    levels = read_levels(picture, BLUES, STATE, 4, 40)
    assert abs(levels[:, :shown] - len(BLUES) * np.maximum(states, 0)).max() <= 0.5 + 1e-6
    assert not levels[:, shown:].any()
    assert f"{shown} of the {units} numbers of the hidden state" in picture.get("aria-label")
