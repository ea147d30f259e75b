"""Draw the figures of the notebooks again, and compare figures and captions with the notebooks.

nbval also compares figures, but runs whole notebooks in a kernel. These tests train no network.
"""

from unittest.mock import patch

import matplotlib.pyplot as plt
import pytest
from helpers.pictures import compare
from helpers.redrawn import draw_anew, read_cells, read_committed, run_cells

from mnist_rnn.config import Configuration
from mnist_rnn.experiment.network import build_network
from mnist_rnn.figures.layers import draw_layers
from mnist_rnn.paths import COMMITTED
from mnist_rnn.records.model_file import as_plain_keras

# Keras draws the figure of `draw_layers`, which has its own test.
FIGURES = sorted(read_cells().keys() - {"draw_layers"})


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_redrawn_figure_and_caption_equal_those_in_the_notebook(name, tmp_path):
    committed, caption, shown_as = read_committed(name)
    drawn, said, metadata = draw_anew(name, tmp_path)
    assert compare(committed, drawn) is None
    assert (said, metadata) == (caption, shown_as)
    for picture in tmp_path.iterdir():  # some cells also save their figure in results/
        assert compare((COMMITTED / picture.name).read_bytes(), picture.read_bytes()) is None


def test_texts_and_tables_of_the_results_equal_the_committed_ones(tmp_path, monkeypatch):
    """Run all cells of 03_results on the committed runs."""
    (tmp_path / "runs").symlink_to(COMMITTED / "runs")
    monkeypatch.setattr("mnist_rnn.paths.RESULTS", tmp_path)
    cells = list(run_cells("03_results"))
    assert len(cells) > 15
    for shown, committed in cells:
        assert shown == committed


def test_picture_of_the_layers_equals_the_one_in_the_notebook(tmp_path):
    config, path = Configuration(), tmp_path / "layers.png"
    network = as_plain_keras(build_network(config), config)
    committed, caption, shown_as = read_committed("draw_layers")
    with patch("mnist_rnn.figures.captioned.display") as display:
        draw_layers(network, path)
    image, said = display.call_args.args
    assert compare(committed, image.data) is None
    assert image.data == path.read_bytes()
    assert (said.data, image._repr_mimebundle_()[1]["image/png"]) == (caption, shown_as)
