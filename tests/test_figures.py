"""What the figures draw: nbval compares their captions, and no picture."""

from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers.samples import answers, change
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mnist_rnn.analysis.claims import tabulate_claims
from mnist_rnn.analysis.statistics import predict
from mnist_rnn.analysis.tables import tabulate_runs
from mnist_rnn.figures import interpretation as figures
from mnist_rnn.figures import results, training
from mnist_rnn.figures.captioned import LIGHT, ORANGE, CaptionedFigure
from mnist_rnn.figures.source import show_source
from mnist_rnn.paths import COMMITTED, ROOT

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


def draw_rows(make_record, **published):
    """Of three codes: three runs, two, and one; the losses of each are its own."""
    counts = {"ours": (190, 200, 210), "keras": (220, 240), "keras_2019": (250,)}
    records = [
        change(make_record(n, seed=seed, code=code), "history", loss=[2**-seed] * 20)
        for code, errors in counts.items()
        for seed, n in enumerate(errors)
    ]
    runs = tabulate_runs(records)
    rows = {code: runs[runs["code"] == code] for code in counts}
    return results.draw_results(rows, **published)


def test_each_run_is_a_dot_in_the_row_of_its_code(make_record):
    drawn = draw_rows(make_record)
    left, _ = drawn.figure.axes
    dots = [line for line in left.get_lines() if line.get_marker() == "o"]
    assert [sorted(line.get_xdata()) for line in dots] == [[97.9, 98.0, 98.1], [97.6, 97.8], [97.5]]
    for place, line in enumerate(dots):
        assert np.all(np.abs(line.get_ydata() - place) < 0.5)
    means = [part.get_segments()[0] for part in left.collections]  # of several runs
    assert [segment[:, 0].round(9).tolist() for segment in means] == [[98.0] * 2, [97.7] * 2]
    said = ["ours: 98.00 ± 0.10% (3 runs)", "keras: 97.70 ± 0.14% (2 runs)"]
    said += ["keras_2019: 97.50% (1 run)"]
    assert [text.get_text() for text in left.texts] == said
    assert [text.get_color() for text in left.texts] == [line.get_color() for line in dots]
    assert "published" not in drawn.caption
    assert all(f"{words}." in drawn.caption for words in said)


def test_each_curve_has_the_color_of_its_row_and_the_band_of_enough_runs(make_record):
    drawn = draw_rows(make_record)
    left, right = drawn.figure.axes
    colors = [line.get_color() for line in left.get_lines() if line.get_marker() == "o"]
    assert [line.get_color() for line in right.get_lines()] == colors
    ends = [np.unique(line.get_ydata().round(9)).tolist() for line in right.get_lines()]
    assert ends == [[0.5], [round(0.5**0.5, 9)], [1.0]]  # geometric means
    (band,) = right.collections
    heights = band.get_paths()[0].vertices[:, 1]
    expected = predict("loss", pd.Series([1, 0.5, 0.25]))
    assert (heights.min(), heights.max()) == pytest.approx(expected)
    legend = [text.get_text() for text in right.get_legend().get_texts()]
    assert sorted(legend) == ["95% prediction interval", "mean of the runs", "one run"]


def test_what_was_published_is_drawn_in_its_rows(make_record):
    """In the first two rows; its names stand once. Grey are the other networks."""
    claims = CLAIMS.loc[["notebook-2019", "book-256-sgd"]]
    faint = {"others": tabulate_runs([make_record(seed=0, units=8, epochs=3)])}
    published = dict.fromkeys(["ours", "keras"], claims)
    drawn = draw_rows(make_record, published=published, faint=faint)
    left, right = drawn.figure.axes
    lines = [
        part.get_segments()[0] for part in left.collections if to_hex(part.get_color()) == ORANGE
    ]
    assert [line[0, 0] for line in lines] == [97.9, 98.0, 97.9, 98.0]
    assert [line[:, 1].tolist() for line in lines] == [[-0.5, 0.5]] * 2 + [[0.5, 1.5]] * 2
    names = [text.get_text() for text in left.texts if text.get_color() == ORANGE]
    assert names == ["notebook-2019: 97.9%", "book-256-sgd: 98.0%"]
    dots = [line for line in right.get_lines() if line.get_color() == ORANGE]
    assert [line.get_ydata().tolist() for line in dots] == [list(CLAIM["loss_by_epoch"])] * 2
    assert [line.get_label() for line in dots] == ["published: notebook-2019"] * 2
    (grey,) = [line for line in right.get_lines() if line.get_color() == LIGHT]
    assert (grey.get_label(), grey.get_ydata().tolist()) == ("others", [0.5] * 3)
    legend = [text.get_text() for text in right.get_legend().get_texts()]
    assert legend.count("published: notebook-2019") == legend.count("others") == 1
    assert (
        "ours: 98.00 ± 0.10% (3 runs), published `notebook-2019` 97.9%, published" in drawn.caption
    )


def test_the_committed_figure_shows_what_the_table_has():
    """Of three codes, the mean and the number of runs; the published ones, from the claims."""
    notebook = (ROOT / "notebooks" / "03_results.ipynb").read_text()
    table = pd.read_csv(COMMITTED / "accuracy.csv").set_index("configuration")
    for name in ("simple_rnn-256-sgd", "keras", "keras_2019"):
        row = table.loc[[name]].iloc[0]
        assert f": {row['mean']:.2f} ± {row['sd']:.2f}% ({row['runs']} runs)" in notebook


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


def test_a_published_curve_is_relative_to_its_runs(make_record):
    """The logarithms of three runs' losses are -1, 0 and 1: their mean is 1; the band is theirs."""
    records = [
        change(make_record(seed=seed), "history", loss=[loss] * 20)
        for seed, loss in enumerate(np.exp([-1.0, 0.0, 1.0]))
    ]
    runs = tabulate_runs(records)
    drawn = results.draw_published_curves(runs, CLAIMS.loc[["notebook-2019", "notebook-2020"]])
    assert "Inside are 40 of 40 points: `notebook-2019` 20 of 20, `notebook" in drawn.caption
    ax = drawn.figure.axes[0]
    assert ax.get_title() == "notebook-2019 (3 runs)"
    published = np.array(CLAIM["loss_by_epoch"])
    assert ax.get_lines()[1].get_ydata() == pytest.approx(100 * (published - 1))
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    low, high = predict("loss", runs["first_epoch_loss"])
    assert (heights.min(), heights.max()) == pytest.approx((100 * (low - 1), 100 * (high - 1)))
    runs["loss_by_epoch"] = [(loss,) * 20 for loss in (0.0999, 0.1, 0.1001)]
    drawn = results.draw_published_curves(runs, CLAIMS.loc[["notebook-2019"]])
    assert "Inside are 0 of 20 points" in drawn.caption


@pytest.mark.parametrize("epochs", [3, 25])
def test_a_curve_is_compared_over_the_epochs_that_it_and_its_runs_have(epochs, make_record):
    """Twenty were published."""
    runs = tabulate_runs([make_record(seed=seed, epochs=epochs) for seed in range(3)])
    claims = CLAIMS.loc[["notebook-2019"]].assign(configuration=runs["configuration"][0])
    drawn = results.draw_published_curves(runs, claims)
    last = min(epochs, 20)
    assert drawn.figure.axes[0].get_lines()[1].get_xdata().tolist() == list(range(1, last + 1))
    assert f" of {last} points" in drawn.caption


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


def test_mistakes_that_are_equally_frequent_are_all_named():
    answers, y = np.repeat([[2, 5, 7], [7, 9, 1]], [3, 3, 2], axis=1)
    expected = "Most frequent, with 3 of 8 mistakes: 7 read as 2, 9 read as 5."
    assert training.draw_confusion(answers, y).caption.endswith(expected)
    none = training.draw_confusion(y[:0], y[:0])
    assert none.caption.endswith("0 of 0 mistakes: none.")
