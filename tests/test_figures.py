"""Test that the figures of runs and results draw the right numbers."""

from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from generate import draw_report
from helpers.samples import change
from matplotlib.colors import to_hex
from nbval_pictures import compare

from mnist_rnn.analysis.claims import tabulate_claims
from mnist_rnn.analysis.statistics import find_interval
from mnist_rnn.analysis.tables import tabulate_runs
from mnist_rnn.figures import results, training
from mnist_rnn.figures.captioned import ORANGE, CaptionedFigure
from mnist_rnn.system.paths import ROOT

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("close_figures")]

CLAIMS = tabulate_claims()
CLAIM, NO_CLAIM = CLAIMS.loc["notebook-2019"], CLAIMS.loc[[]]


def test_the_matplotlibrc_of_the_user_does_not_change_a_figure():
    users = {"axes.grid": True, "font.size": 20, "lines.linewidth": 9, "savefig.facecolor": "red"}
    pictures = []
    for rc in ({}, users):
        with plt.rc_context(rc), patch("mnist_rnn.figures.captioned.display") as display:
            training.draw_balance(np.arange(10), np.arange(10))._ipython_display_()
            pictures.append(display.call_args.args[0].data)
    assert pictures[0] == pictures[1]


def test_the_alternative_text_is_the_caption_without_markup():
    with patch("mnist_rnn.figures.captioned.display") as display:
        CaptionedFigure(plt.figure(), "*p* of `pytorch-a_b`")._ipython_display_()
    image, markdown = display.call_args.args
    assert (image.alt, markdown.data) == ("p of pytorch-a_b", "*p* of `pytorch-a_b`")


def test_only_the_shown_figure_is_closed():
    shown, other = plt.figure(), plt.figure()
    with patch("mnist_rnn.figures.captioned.display"):
        CaptionedFigure(shown, "")._ipython_display_()
    assert plt.get_fignums() == [other.number]


def draw_rows(make_record, **published):
    """Draw three runs of one program, two runs of a second and one run of a third."""
    counts = {"ours": (190, 200, 210), "keras": (220, 240), "keras_2019": (250,)}
    records = [
        change(make_record(n, seed=seed, code=code), "history", loss=[2**-seed] * 20)
        for code, errors in counts.items()
        for seed, n in enumerate(errors)
    ]
    runs = tabulate_runs(records)
    return results.draw_results(
        {code: (runs[runs["code"] == code], published.get(code, NO_CLAIM)) for code in counts}
    )


def test_each_run_is_a_dot_in_the_row_of_its_program(make_record):
    drawn = draw_rows(make_record)
    left, _ = drawn.figure.axes
    dots = [line for line in left.get_lines() if line.get_marker() == "o"]
    assert [sorted(line.get_xdata()) for line in dots] == [[97.9, 98.0, 98.1], [97.6, 97.8], [97.5]]
    for place, line in enumerate(dots):
        assert np.all(np.abs(line.get_ydata() - place - 0.13) < 0.29)  # beside the mean's line
    # A mean is drawn only in rows with two or more runs.
    means = [part.get_segments()[0] for part in left.collections]
    assert [segment[:, 0].round(9).tolist() for segment in means] == [[98.0] * 2, [97.7] * 2]
    said = ["ours: 98.00 ± 0.10% (3 runs)", "keras: 97.70 ± 0.14% (2 runs)"]
    said += ["keras_2019: 97.50% (1 run)"]
    assert [text.get_text() for text in left.texts] == said
    assert [text.get_color() for text in left.texts] == [line.get_color() for line in dots]


def test_each_curve_has_the_colour_of_its_row(make_record):
    drawn = draw_rows(make_record)
    left, right = drawn.figure.axes
    colors = [line.get_color() for line in left.get_lines() if line.get_marker() == "o"]
    assert [line.get_color() for line in right.get_lines()] == colors
    ends = [np.unique(line.get_ydata().round(9)).tolist() for line in right.get_lines()]
    assert ends == [[0.5], [round(0.5**0.5, 9)], [1.0]]  # geometric means
    (band,) = right.collections
    heights = band.get_paths()[0].vertices[:, 1]
    expected = find_interval("loss", pd.Series([1, 0.5, 0.25]))
    assert (heights.min(), heights.max()) == pytest.approx(expected)
    legend = [text.get_text() for text in right.get_legend().get_texts()]
    assert legend == ["mean of the runs", "95% prediction interval", "one run"]


def test_the_figure_of_a_report_equals_its_committed_picture(tmp_path):
    """Check docs/report.png, which `workflow/generate.py` draws."""
    draw_report().save(tmp_path / "report.png")
    pictures = ((folder / "report.png").read_bytes() for folder in (ROOT / "docs", tmp_path))
    assert compare(*pictures) is None


def test_the_loss_of_a_single_epoch_is_drawn_as_a_dot(make_record):
    rows = {"two runs": [make_record(epochs=1, seed=seed) for seed in (0, 1)],
            "two epochs": [make_record(epochs=2)]}  # fmt: skip
    drawn = results.draw_results({n: (tabulate_runs(runs), NO_CLAIM) for n, runs in rows.items()})
    lines = [(line.get_marker(), line.get_label()) for line in drawn.figure.axes[1].get_lines()]
    assert lines == [(".", "mean of the runs"), ("", "one run")]


def test_published_results_are_drawn_in_the_given_rows(make_record):
    claims = CLAIMS.loc[["notebook-2019", "book-256-sgd"]]
    drawn = draw_rows(make_record, ours=claims, keras=claims)
    left, right = drawn.figure.axes
    orange = [part for part in left.collections if to_hex(part.get_color()) == ORANGE]
    lines = [line for part in orange for line in part.get_segments()]
    assert [(line[0, 0], round(line[:, 1].mean())) for line in lines] == [
        *((97.9, 0), (98.0, 0), (97.9, 1), (98.0, 1))
    ]
    named = [text for text in left.texts if text.get_color() == ORANGE]
    assert [round(text.get_position()[1]) for text in named] == [0, 1]
    assert {text.get_text() for text in named} == {"notebook-2019: 97.9%, book-256-sgd: 98.0%"}
    dots = [line for line in right.get_lines() if line.get_color() == ORANGE]
    assert [line.get_ydata().tolist() for line in dots] == [list(CLAIM["loss_by_epoch"])] * 2
    assert [line.get_label() for line in dots] == ["published: notebook-2019"] * 2
    legend = [text.get_text() for text in right.get_legend().get_texts()]
    assert legend[3:] == ["published: notebook-2019"]


def test_published_losses_of_two_rows_have_different_markers(make_record):
    names = ["notebook-2019", "notebook-2019-adam"]
    drawn = draw_rows(make_record, ours=CLAIMS.loc[names[:1]], keras=CLAIMS.loc[names[1:]])
    dots = {
        line.get_label(): line.get_marker()
        for line in drawn.figure.axes[1].get_lines()
        if line.get_color() == ORANGE
    }
    assert dots == {"published: notebook-2019": "o", "published: notebook-2019-adam": "D"}


def test_all_runs_are_drawn_by_epoch_and_counted_after_the_last(make_record):
    errors = (190, 200, 210, 250)
    runs = tabulate_runs([make_record(n, seed=seed) for seed, n in enumerate(errors)])
    left, right = results.draw_epochs(runs, CLAIMS.loc[["notebook-2019"]]).figure.axes
    *lines, first, mean, published = left.get_lines()
    assert [line.get_ydata()[-1] for line in lines] == [100 - n / 100 for n in errors]
    assert first.get_ydata()[-1] == 98.1
    assert mean.get_ydata()[-1] == pytest.approx(97.875)
    assert (set(published.get_ydata()), published.get_color()) == ({97.9}, ORANGE)
    counts = {round(bar.get_y() + 0.05, 2): bar.get_width() for bar in right.patches}
    assert {place: count for place, count in counts.items() if count} == {
        97.5: 1,
        97.9: 1,
        98.0: 1,
        98.1: 1,
    }
