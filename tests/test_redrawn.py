"""Draw the figures of the notebooks again, and compare figures and captions with the notebooks.

nbval also compares figures, but runs whole notebooks in a kernel. These tests train no network.
"""

import matplotlib.pyplot as plt
import pytest
from helpers.pictures import compare
from helpers.redrawn import draw_anew, read_cells, read_committed

from mnist_rnn.paths import COMMITTED

# Keras draws the figure of `draw_layers`, which test_model.py tests.
FIGURES = sorted(read_cells().keys() - {"draw_layers"})


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_redrawn_figure_and_caption_equal_those_in_the_notebook(name, tmp_path):
    (committed, caption), (drawn, said) = read_committed(name), draw_anew(name, tmp_path)
    assert compare(committed, drawn) is None
    assert said == caption
    for picture in tmp_path.iterdir():  # some cells also save their figure in results/
        assert compare((COMMITTED / picture.name).read_bytes(), picture.read_bytes()) is None
