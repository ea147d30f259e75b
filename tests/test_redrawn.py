"""Test that each figure and caption in the notebooks equals a fresh one.

nbval compares them too, but it runs whole notebooks in a kernel. Here, nothing is trained.
"""

import matplotlib.pyplot as plt
import pytest
from helpers.pictures import compare
from helpers.redrawn import draw_anew, read_cells, read_committed, run_cells

from mnist_rnn.paths import COMMITTED

# `draw_layers` draws by Keras, and is tested in test_model.py.
FIGURES = sorted(read_cells().keys() - {"draw_layers"})


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_figure_and_caption_equal_the_committed_ones(name, tmp_path):
    committed, caption, shown_as = read_committed(name)
    drawn, said, metadata = draw_anew(name, tmp_path)
    assert compare(committed, drawn) is None
    assert (said, metadata) == (caption, shown_as)
    for picture in tmp_path.iterdir():  # some pictures are also kept in results/
        assert compare((COMMITTED / picture.name).read_bytes(), picture.read_bytes()) is None


def test_texts_and_tables_of_the_results_equal_the_committed_ones(tmp_path, monkeypatch):
    """Run all cells of 03_results on the committed runs."""
    (tmp_path / "runs").symlink_to(COMMITTED / "runs")
    monkeypatch.setattr("mnist_rnn.paths.RESULTS", tmp_path)
    cells = list(run_cells("03_results"))
    assert len(cells) > 15
    for shown, committed in cells:
        assert shown == committed
