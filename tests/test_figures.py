"""What all figures have in common, and the data that those of the results draw."""

from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers.samples import change, make_numbers

from mnist_rnn.analysis.claims import tabulate_claims
from mnist_rnn.analysis.tables import tabulate_accuracy, tabulate_runs
from mnist_rnn.figures import results, training
from mnist_rnn.figures.captioned import ORANGE, CaptionedFigure
from mnist_rnn.figures.source import show_source

pytestmark = pytest.mark.quick

CLAIMS = tabulate_claims()
CLAIM = CLAIMS.loc["notebook-2019"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_users_matplotlibrc_changes_no_figure():
    users = {"axes.grid": True, "font.size": 20, "lines.linewidth": 9, "savefig.facecolor": "red"}
    pictures = []
    for rc in ({}, users):
        with plt.rc_context(rc), patch("mnist_rnn.figures.captioned.display") as display:
            training.draw_balance(np.arange(10), np.arange(10))._ipython_display_()
            pictures.append(display.call_args.args[0].data)
    assert pictures[0] == pictures[1]


def test_a_caption_is_the_text_alternative_without_marks():
    with patch("mnist_rnn.figures.captioned.display") as display:
        CaptionedFigure(plt.figure(), "*p* of `pytorch-a_b`")._ipython_display_()
    image, markdown = display.call_args.args
    assert (image.alt, markdown.data) == ("p of pytorch-a_b", "*p* of `pytorch-a_b`")


def test_the_figure_of_the_claims_by_hand(make_record):
    counts = enumerate((190, 200, 210))
    runs = tabulate_runs([make_record(errors, seed=seed) for seed, errors in counts])
    claims = CLAIMS.loc[["notebook-2019", "near-batch-64", "script-docstring", "notebook-2020"]]
    accuracy = tabulate_accuracy(runs, claims)
    ax = results.draw_claims(runs, accuracy).figure.axes[0]
    low, high = accuracy.loc[0, ["interval_low", "interval_high"]]
    assert ax.collections[0].get_segments()[0].tolist() == [[low, 0], [high, 0]]
    dots, diamonds = (
        [line for line in ax.get_lines() if line.get_marker() == marker] for marker in "oD"
    )
    assert [len(line.get_xdata()) for line in dots] == [3, 0, 3]
    numbers = [[[97.9, 0]], [[98.3, 1]], [[98.15, 2]]]
    assert [line.get_xydata().tolist() for line in diamonds] == numbers
    assert [line.get_markerfacecolor() for line in diamonds] == [ORANGE, "white", ORANGE]


def test_the_agreement_by_hand():
    numbers = make_numbers(configuration=["a", "b"], test_accuracy=[98.0, 98.0])
    agreement = pd.DataFrame({"a": [0.9, 0.06], "b": [0.01, np.nan]}, index=numbers.index)
    drawn = results.draw_agreement(agreement, numbers)
    assert "white is *contradicted* (below 0.025)" in drawn.caption
    ax = drawn.figure.axes[0]
    said = {text.get_position(): text.get_text() for text in ax.texts}
    assert said == {(0, 0): "0.900", (1, 0): "0.010", (0, 1): "0.060", (1, 1): ""}
    assert list(ax.images[0].norm.boundaries) == [0, 0.025, 0.05, 1]
    assert [frame.get_xy() for frame in ax.patches] == [(-0.5, -0.5), (0.5, 0.5)]


def test_source_code_breaks_between_words():
    assert '<pre style="word-break: normal">' in show_source(training.draw_curves)._repr_html_()


def test_a_curve_is_ranked_by_its_distance_from_the_others():
    """Of -1, 0, 1 and a fourth: 5 is the farthest, 0.1 farther from the others than 0 only."""
    for last, share in ((5, 1 / 4), (0.1, 3 / 4), (0, 1)):
        assert results.rank_last(np.array([[-1.0], [0.0], [1.0], [last]])) == share
    # Each epoch counts in its own standard deviations: the last is far off in the second.
    small = [[-1.0, -1e-3], [0.0, 0.0], [1.0, 1e-3], [0.0, 5e-3]]
    assert results.rank_last(np.array(small)) == 1 / 4
    assert results.rank_last(np.ones((4, 2))) == 1


def test_without_a_published_curve_the_figure_is_empty(make_record):
    runs = tabulate_runs([make_record()])
    caption = results.draw_published_curves(runs, CLAIMS.loc[["book-256-sgd"]]).caption
    assert "0 of 0 points" in caption
    assert caption.endswith(" as the published one. No curve was published.")


def test_points_outside_the_band_by_hand(make_record):
    """The logarithms of three runs' losses are -1, 0 and 1: their mean is 0, and their sd 1."""
    records = [
        change(make_record(seed=seed), "history", loss=[loss] * 20)
        for seed, loss in enumerate(np.exp([-1.0, 0.0, 1.0]))
    ]
    drawn = results.draw_published_curves(tabulate_runs(records), CLAIMS.loc[["notebook-2019"]])
    far = (np.abs(np.log(CLAIM["loss_by_epoch"])) > 2).sum()
    assert 0 < far < 20
    assert f"{far} of 20 points are outside" in drawn.caption
    expected = 20 * (1 - np.sqrt(3 / 5))  # Student's t with two degrees of freedom, beyond root 3
    assert f"{expected:.1f} would be outside on average" in drawn.caption
    assert "`notebook-2019` from 0.65 to 0.0453, p = 0.25." in drawn.caption
    left, right = drawn.figure.axes
    assert left.get_title() == "notebook-2019 (3)"
    heights = left.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((np.exp(-1), np.exp(1)))
    (band,) = right.patches
    assert (band.get_y(), band.get_height()) == (-2, 4)


def test_falls_of_the_test_accuracy_by_hand(make_record):
    errors = [[300, 350, 330, 380, 200], [500, 400, 300, 300, 180]]
    runs = tabulate_runs([make_record(seed=seed, epochs=5) for seed in (0, 1)])
    runs["test_errors_by_epoch"] = errors
    drawn = results.draw_test_accuracies(runs, CLAIM)
    assert "in 2 of 8 cases" in drawn.caption
    lines = drawn.figure.axes[0].get_lines()
    assert lines[0].get_ydata().tolist() == [97.0, 96.5, 96.7, 96.2, 98.0]
    assert lines[-1].get_xydata().tolist() == [[5, 97.9]]


def test_the_runs_of_each_code_stand_on_their_line(make_record):
    runs = tabulate_runs([make_record(errors, seed=seed) for seed, errors in enumerate((200, 220))])
    drawn = results.draw_codes(
        runs, {"ours": "simple_rnn-256-sgd", "theirs": "keras"}, CLAIMS["test_accuracy"][:1]
    )
    dots, mean, theirs, published = drawn.figure.axes[0].get_lines()
    assert sorted(dots.get_xdata()) == [97.8, 98.0]
    assert np.all(np.abs(dots.get_ydata()) < 0.3)
    assert mean.get_xdata() == pytest.approx([97.9, 97.9])
    assert len(theirs.get_xdata()) == 0
    assert published.get_xdata() == [97.9, 97.9]
    assert "ours: 97.90 ± 0.14% (2 runs)." in drawn.caption
