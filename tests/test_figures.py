"""What the figures draw: nbval compares their captions, and no picture."""

from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers.samples import answers, change, make_numbers
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mnist_rnn.analysis.claims import tabulate_claims
from mnist_rnn.analysis.tables import tabulate_accuracy, tabulate_runs
from mnist_rnn.figures import interpretation as figures
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


def test_one_epoch_has_one_tick():
    for ax in training.draw_curves({"loss": [1.0], "accuracy": [0.5]}, {}).figure.axes:
        low, high = ax.get_xlim()
        assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]


def test_source_code_breaks_between_words():
    assert '<pre style="word-break: normal">' in show_source(training.draw_curves)._repr_html_()


def test_curves_have_their_epochs_and_measures():
    curve = pd.DataFrame({"loss": [0.6, 0.3], "accuracy": [0.8, 0.9]}, index=[1, 2])
    history = {"loss": [0.5, 0.25], "accuracy": [0.85, 0.95]}
    drawn = training.draw_curves(history, {"a": curve, "b": curve / 2, "c": curve / 3})
    without = training.draw_curves(history, {"a": curve.assign(accuracy=np.nan)}).caption
    assert "accuracy 80.0% to 90.0%" in drawn.caption
    assert "a, loss 0.6 to 0.3. " in without
    for ax, name in zip(drawn.figure.axes, history, strict=True):
        first, *_, ours = lines = ax.get_lines()
        assert [line.get_label() for line in lines] == ["a", "b", "c", "this run"]
        assert first.get_xdata().tolist() == list(ours.get_xdata()) == [1, 2]
        assert first.get_ydata().tolist() == curve[name].tolist()
        assert list(ours.get_ydata()) == history[name]


def test_the_matrix_has_a_row_for_the_digit_and_a_column_for_the_answer():
    ax = training.draw_confusion(np.full(3, 2), np.full(3, 7)).figure.axes[0]
    assert {t.get_position() for t in ax.texts if t.get_text() == "3"} == {(2, 7)}
    assert ax.images[0].get_array()[7, 2] == 3


def test_the_bars_of_a_class_are_its_images():
    train, test = np.arange(10), np.array([*range(10), 9, 9])
    bars = training.draw_balance(train, test).figure.axes[0].containers
    said = {part.get_label(): part[9].get_height() for part in bars}
    assert said == {"training images": 10, "test images": 25}


def test_dots_stand_on_the_answer_after_each_row():
    ax = Figure().subplots()
    figures.draw_beliefs(ax, answers(3, 7)[0], 7)
    (dots,) = ax.collections
    assert dots.get_offsets().tolist() == [[3, 1]] + [[7, row] for row in range(2, 29)]
    assert [*map(to_hex, dots.get_facecolors())] == [figures.WRONG] + 27 * [figures.RIGHT]


def test_a_digit_is_titled_by_its_label_and_its_answer():
    """Two of the five places are left empty."""
    beliefs = np.concatenate([answers(*[1] * 27, 7)] * 3)
    drawn = figures.draw_gallery(np.zeros((3, 28, 28)), beliefs, np.array([7, 7, 1]), "")
    titles = [(ax.get_title(), ax.title.get_color()) for ax in drawn.figure.axes]
    assert titles[:2] == [("label 7", figures.RIGHT), ("read 7", figures.RIGHT)]
    assert titles[4:6] == [("label 1", figures.RIGHT), ("read 7", figures.WRONG)]
    assert [ax.get_visible() for ax in drawn.figure.axes] == [True] * 6 + [False] * 4


def test_each_accuracy_has_its_curve():
    by_row, if_blank = np.linspace(0, 0.9, 28), np.linspace(0.1, 1, 28)
    ax = figures.draw_accuracy(by_row, if_blank, 10).figure.axes[0]
    lines = {line.get_label(): line for line in ax.get_lines()}
    curves = {"belief after the row": by_row, "answer if the rest is blank": if_blank}
    for label, curve in curves.items():
        assert lines[label].get_xdata().tolist() == list(range(1, 29))
        assert lines[label].get_ydata().tolist() == (100 * curve).tolist()


def test_a_bar_stands_on_the_rows_that_were_blank():
    rows, bands = 0.9 - np.arange(28) / 100, 0.9 - np.arange(7) / 10
    x = np.ones((2, 28, 28))
    *_, ax, _ = figures.draw_rows(x, np.ones((28, 28)), 0.9, rows, bands).figure.axes
    four, one = ax.containers
    for bars, first, step, lost in ((four, 2.5, 4, 10), (one, 1, 1, 1)):
        for place, bar in enumerate(bars):
            assert bar.get_y() + bar.get_height() / 2 == pytest.approx(first + step * place)
            assert bar.get_width() == pytest.approx(lost * place)


def test_a_gradients_shade_is_of_its_logarithm_and_has_a_scale():
    sensitivity = 10.0 ** np.linspace(-4, -2, 28 * 28).reshape(28, 28)
    drawn = figures.draw_rows(np.ones((2, 28, 28)), sensitivity, 0.9, np.ones(28), np.ones(7))
    (shades,) = drawn.figure.axes[1].get_images()
    assert shades.get_array().tolist() == sensitivity.tolist()
    assert shades.norm([1e-4, 1e-3, 1e-2]).tolist() == pytest.approx([0, 0.5, 1])
    assert shades.colorbar.ax.get_ylim() == pytest.approx((1e-4, 1e-2))


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


def test_the_surest_mistakes_by_hand():
    """Of 15 images of a 7, number 0 is read right; of the others, the last is the surest."""
    probabilities = np.zeros((15, 10))
    probabilities[:, 1], probabilities[0, 7] = np.linspace(0.5, 0.99, 15), 1
    drawn = training.draw_mistakes(np.zeros((15, 28, 28)), np.full(15, 7), probabilities)
    titles = [ax.get_title() for ax in drawn.figure.axes]
    assert (len(titles), titles[0]) == (12, "read 1 (99.0%)\nlabel 7")
    assert drawn.caption.endswith("label and answer: " + ", ".join(12 * ["7 as 1"]) + ".")
    none = training.draw_mistakes(np.zeros((1, 28, 28)), np.array([7]), probabilities[:1])
    assert none.caption.endswith("label and answer: none.")


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


def test_mistakes_that_are_equally_frequent_are_all_named():
    answers, y = np.repeat([[2, 5, 7], [7, 9, 1]], [3, 3, 2], axis=1)
    expected = "Most frequent, with 3 of 8 mistakes: 7 read as 2, 9 read as 5."
    assert training.draw_confusion(answers, y).caption.endswith(expected)
    none = training.draw_confusion(y[:0], y[:0])
    assert none.caption.endswith("0 of 0 mistakes: none.")
