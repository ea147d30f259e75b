"""What the figures draw: nbval compares captions and text alternatives, and no picture."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from test_interpret import answers
from test_verdicts import FULL, make_numbers

from mnist_rnn.claims.published import load_claims
from mnist_rnn.claims.tables import tabulate_accuracy, tabulate_runs
from mnist_rnn.figures.plate import ORANGE
from mnist_rnn.figures.results import draw_agreement, draw_claims
from mnist_rnn.figures.training import draw_balance, draw_confusion, draw_curves
from mnist_rnn.interpret import panels, reading_figures, state_figures

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_figure_of_the_claims_by_hand(make_record):
    counts = enumerate((190, 200, 210))
    runs = tabulate_runs([make_record(errors, seed=seed, **FULL) for seed, errors in counts])
    claims = load_claims().loc[["notebook-2019", "script-docstring"]]
    accuracy = tabulate_accuracy(runs, claims)
    ax = draw_claims(runs, accuracy, claims).figure.axes[0]
    low, high = accuracy.loc[0, ["interval_low", "interval_high"]]
    assert ax.collections[0].get_segments()[0].tolist() == [[low, 0], [high, 0]]
    diamonds = [line for line in ax.get_lines() if line.get_marker() == "D"]
    assert [line.get_xydata().tolist() for line in diamonds] == [[[97.9, 0]], [[98.3, 1]]]
    assert [line.get_markerfacecolor() for line in diamonds] == [ORANGE, "white"]


def test_the_agreement_by_hand():
    numbers = make_numbers(configuration=["a", "b"], test_accuracy=[98.0, 98.0])
    agreement = pd.DataFrame({"a": [0.9, 0.06], "b": [0.01, np.nan]}, index=numbers.index)
    plate = draw_agreement(agreement, numbers)
    assert "White is below 0.025 (0.05 divided by 2 claims)" in plate.caption
    ax = plate.figure.axes[0]
    said = {text.get_position(): text.get_text() for text in ax.texts}
    assert said == {(0, 0): "0.900", (1, 0): "0.010", (0, 1): "0.060", (1, 1): ""}
    assert list(ax.images[0].norm.boundaries) == [0, 0.025, 0.05, 1]
    assert [frame.get_xy() for frame in ax.patches] == [(-0.5, -0.5), (0.5, 0.5)]


def test_curves_have_their_epochs_and_measures():
    curve = pd.DataFrame({"train_loss": [0.6, 0.3], "train_accuracy": [0.8, 0.9]}, index=[1, 2])
    history = {"loss": [0.5, 0.25], "accuracy": [0.85, 0.95]}
    plate = draw_curves(history, {"a": curve, "b": curve / 2, "c": curve / 3})
    for ax, name in zip(plate.figure.axes, history, strict=True):
        first, *_, ours = lines = ax.get_lines()
        assert [line.get_label() for line in lines] == ["a", "b", "c", "this run"]
        assert first.get_xdata().tolist() == list(ours.get_xdata()) == [1, 2]
        assert first.get_ydata().tolist() == curve[f"train_{name}"].tolist()
        assert list(ours.get_ydata()) == history[name]


def test_the_matrix_has_a_row_for_the_digit_and_a_column_for_the_answer():
    counts = np.zeros((10, 10), int)
    counts[7, 2] = 3
    ax = draw_confusion(counts, "").figure.axes[0]
    assert {t.get_position() for t in ax.texts if t.get_text() == "3"} == {(2, 7)}
    assert ax.images[0].get_array()[7, 2] == 3


def test_the_bars_of_a_class_are_its_images():
    train, test = np.arange(10), np.array([*range(10), 9, 9])
    bars = draw_balance(train, test).figure.axes[0].containers
    said = {part.get_label(): part[9].get_height() for part in bars}
    assert said == {"training images": 10, "test images": 25}


def test_dots_stand_on_the_answer_after_each_row():
    ax = Figure().subplots()
    panels.draw_beliefs(ax, answers(3, 7)[0], 7)
    (dots,) = ax.collections
    assert dots.get_offsets().tolist() == [[3, 1]] + [[7, row] for row in range(2, 29)]
    assert [*map(to_hex, dots.get_facecolors())] == [panels.WRONG] + 27 * [panels.RIGHT]


def test_a_digit_is_titled_by_its_label_and_its_answer():
    beliefs = np.concatenate([answers(*[1] * 27, 7)] * 5)
    fig = panels.draw_gallery(np.zeros((5, 28, 28)), beliefs, np.array([7, 7, 7, 7, 1]))
    titles = [(ax.get_title(), ax.title.get_color()) for ax in fig.axes]
    assert titles[:2] == [("label 7", panels.RIGHT), ("read 7", panels.RIGHT)]
    assert titles[-2:] == [("label 1", panels.RIGHT), ("read 7", panels.WRONG)]


def test_each_accuracy_has_its_curve():
    by_row, if_blank = np.linspace(0, 0.9, 28), np.linspace(0.1, 1, 28)
    ax = reading_figures.draw_accuracy(by_row, if_blank, 10).figure.axes[0]
    lines = {line.get_label(): line for line in ax.get_lines()}
    curves = {"belief after the row": by_row, "answer if the rest is blank": if_blank}
    for label, curve in curves.items():
        assert lines[label].get_xdata().tolist() == list(range(1, 29))
        assert lines[label].get_ydata().tolist() == (100 * curve).tolist()


def test_a_bar_stands_on_the_rows_that_were_blank():
    rows, bands = 0.9 - np.arange(28) / 100, 0.9 - np.arange(7) / 10
    x = np.ones((2, 28, 28))
    *_, ax, _ = state_figures.draw_rows(x, np.ones((28, 28)), 0.9, rows, bands).figure.axes
    four, one = ax.containers
    for bars, first, step, lost in ((four, 2.5, 4, 10), (one, 1, 1, 1)):
        for place, bar in enumerate(bars):
            assert bar.get_y() + bar.get_height() / 2 == pytest.approx(first + step * place)
            assert bar.get_width() == pytest.approx(lost * place)


def test_a_gradients_shade_is_of_its_logarithm_and_has_a_scale():
    sensitivity = 10.0 ** np.linspace(-4, -2, 28 * 28).reshape(28, 28)
    plate = state_figures.draw_rows(np.ones((2, 28, 28)), sensitivity, 0.9, np.ones(28), np.ones(7))
    (shades,) = plate.figure.axes[1].get_images()
    assert shades.get_array().tolist() == sensitivity.tolist()
    assert shades.norm([1e-4, 1e-3, 1e-2]).tolist() == pytest.approx([0, 0.5, 1])
    assert shades.colorbar.ax.get_ylim() == pytest.approx((1e-4, 1e-2))
