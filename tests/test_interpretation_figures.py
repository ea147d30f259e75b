"""Test that the figures about the trained network draw the given numbers."""

import numpy as np
import pytest
from helpers.drawn import labels_by_color, only_image
from helpers.samples import answers
from matplotlib.colors import to_hex

from mnist_rnn.analysis.trained_network import decision_rows, separation
from mnist_rnn.figures.captioned import BLUE, DARK, LIGHT, ORANGE, TICKS
from mnist_rnn.figures.interpretation import (
    draw_accuracy,
    draw_confident_mistakes,
    draw_doubts,
    draw_example,
    draw_examples,
    draw_gallery,
    draw_late,
    draw_means,
    draw_rows,
    draw_trajectories,
)

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("close_figures")]
ROWS = np.arange(1, 29)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((40, 28, 28)).astype("float32")
PROBABILITIES = RANDOM.dirichlet(np.full(10, 0.1), (40, 28))
LABELS = RANDOM.permutation(np.arange(40) % 10)


def require_read(ax, probabilities, label):
    """Check that grey values show the probabilities, and that dots mark the predicted digits."""
    np.testing.assert_array_equal(only_image(ax), probabilities)
    (shades,), (dots,) = ax.images, ax.collections
    assert shades.get_extent() == [-0.5, 9.5, 28.5, 0.5]
    assert (shades.get_clim(), shades.cmap.name) == ((0, 1), "gray_r")
    named = probabilities.argmax(axis=1)
    assert dots.get_offsets().tolist() == np.stack([named, ROWS], axis=1).tolist()
    colors = [BLUE if answer == label else ORANGE for answer in named]
    assert [*map(to_hex, dots.get_facecolors())] == colors


def require_digit(ax, image):
    np.testing.assert_array_equal(only_image(ax), image)
    assert ax.images[0].get_extent() == [0.5, 28.5, 28.5, 0.5]
    assert ax.images[0].cmap.name == "gray_r"


def require_gallery(drawn, shown):
    """Check the place of each image beside its probabilities, and the titles of both."""
    axes = [ax for ax in drawn.figure.axes if ax.get_visible()]
    assert len(axes) == 2 * len(shown)
    for left, right, index in zip(axes[::2], axes[1::2], shown, strict=True):
        label, answer = LABELS[index], PROBABILITIES[index, -1].argmax()
        require_digit(left, IMAGES[index])
        require_read(right, PROBABILITIES[index], label)
        assert (left.get_title(), left.title.get_color()) == (f"label {label}", BLUE)
        color = BLUE if answer == label else ORANGE
        assert (right.get_title(), right.title.get_color()) == (f"predicted {answer}", color)
        assert right.get_subplotspec().num1 == left.get_subplotspec().num1 + 1


def test_an_image_is_drawn_beside_its_predicted_probabilities():
    probabilities = answers(3, 3, 7)[0]
    drawn = draw_example(IMAGES[0], probabilities, 7)
    left, right, scale = drawn.figure.axes
    require_digit(left, IMAGES[0])
    require_read(right, probabilities, 7)
    assert (left.get_title(), right.get_title()) == ("the digit", "probability after each row")
    assert (left.get_xlabel(), left.get_ylabel(), right.get_xlabel()) == ("column", "row", "digit")
    assert [text.get_text() for text in right.get_xticklabels()] == [*map(str, range(10))]
    assert scale.get_ylabel() == "predicted probability"
    assert scale.get_ylim() == (0, 1)
    assert "Left: an image of the digit 7. Right: " in drawn.caption
    assert "The most probable digit is 3 from row 1, 7 from row 3. " in drawn.caption
    assert drawn.caption.endswith("the predicted digit is 7, with a probability of 100%.")
    probabilities = answers(1, 3, 7)[0].copy()
    # The last row changes the prediction.
    probabilities[-1] = np.where(np.arange(10) == 4, 0.64, 0.04)
    caption = draw_example(IMAGES[0], probabilities, 7).caption
    assert " 1 from row 1, 3 from row 2, 7 from row 3, 4 from row 28. " in caption
    assert caption.endswith("the predicted digit is 4, with a probability of 64%.")


def test_the_first_image_of_each_digit_is_drawn():
    first = [LABELS.tolist().index(digit) for digit in range(10)]
    images = IMAGES * (ROWS[:, None] <= 20)
    images[first[3], 23, 4] = 1
    drawn = draw_examples(images, PROBABILITIES, LABELS)
    for ax, index in zip(drawn.figure.axes[::2], first, strict=True):
        require_digit(ax, images[index])
    rows = decision_rows(PROBABILITIES[first])
    decided = ", ".join(f"the {digit} from row {row} on" for digit, row in enumerate(rows))
    assert f"The prediction no longer changes for {decided}. " in drawn.caption
    assert drawn.caption.endswith("the last row with ink is between row 20 and row 24.")


def test_each_image_of_a_gallery_is_drawn_beside_its_probabilities():
    """Draw six images in a grid of two rows and five columns, with four empty places."""
    drawn = draw_gallery(IMAGES[:6], PROBABILITIES[:6], LABELS[:6], "a caption")
    require_gallery(drawn, range(6))
    assert len(drawn.figure.axes) == 20
    assert drawn.caption == "a caption"
    assert "digits 0 to 9 after rows 1 to 28" in drawn.figure.get_supxlabel()


def test_images_that_only_the_last_row_corrects_are_sorted_by_probability():
    """Draw seven images. Row 28 corrects five predictions, and makes one prediction wrong."""
    probabilities = np.concatenate(
        [*[answers(*[3] * 26, 1, 2)] * 5, answers(*[2] * 27, 1), answers(2)]
    )
    probabilities[:5, -1] *= np.array([0.5, 0.7, 0.9, 0.8, 0.6])[:, None]
    images = IMAGES[:7].copy()
    images[:2, 27] = 0
    drawn = draw_late(images, probabilities, np.full(7, 2))
    lefts = [ax for ax in drawn.figure.axes if ax.get_visible()][::2]
    for ax, index in zip(lefts, (2, 3, 1, 4, 0), strict=True):
        require_digit(ax, images[index])
    for said in (
        "Of 7 test images, 5 are misclassified after row 27 but not after row 28.",
        "Row 28 is blank in 2 of these 5 images.",
        "Of the images that row 28 corrects, the figure shows the 5 with the highest",
        "changes the prediction " + ", ".join(5 * ["from 1 to 2"]) + ".",
        "1 test images are misclassified after row 28 but not after row 27.",
    ):
        assert said in drawn.caption


def test_the_misclassified_images_with_the_highest_probabilities_are_drawn():
    last = PROBABILITIES[:, -1]
    wrong = np.flatnonzero(last.argmax(axis=1) != LABELS)
    shown = sorted(wrong, key=lambda index: -last[index].max())[:15]
    drawn = draw_confident_mistakes(IMAGES, PROBABILITIES, LABELS)
    require_gallery(drawn, shown)
    most, least = last[shown[0]].max(), last[shown[-1]].max()
    assert "The 15 misclassified images" in drawn.caption
    assert f"predicted probabilities, from {most:.1%} down to {least:.1%}." in drawn.caption
    named = ", ".join(f"{LABELS[index]} as {last[index].argmax()}" for index in shown)
    assert drawn.caption.endswith(f"The network classifies {named}.")


def test_each_panel_shows_the_mean_probabilities_of_the_digit_in_its_title():
    drawn = draw_means(IMAGES, PROBABILITIES, LABELS)
    rows, medians, ends = decision_rows(PROBABILITIES), [], []
    for digit, ax in enumerate(drawn.figure.axes):
        of_digit = digit == LABELS
        mean = PROBABILITIES[of_digit].sum(axis=0) / of_digit.sum()
        np.testing.assert_allclose(only_image(ax), mean)
        assert ax.get_title() == f"all {digit}"
        (frame,), (line,) = ax.patches, ax.get_lines()
        assert (frame.get_xy(), frame.get_width(), frame.get_height()) == (
            (digit - 0.5, 0.5),
            1,
            28,
        )
        assert to_hex(frame.get_edgecolor()) == line.get_color() == BLUE
        medians.append(int(sorted(rows[of_digit])[1:3] @ np.full(2, 0.5)))
        assert line.get_ydata() == [medians[-1] - 0.5] * 2
        ends.append(mean[-1, digit])
    assert f"first rows below the line are {', '.join(map(str, medians))}." in drawn.caption
    assert f"Of all images, {(rows == 28).mean():.0%} are decided only at" in drawn.caption
    low, high = np.argmin(ends), np.argmax(ends)
    assert f"lowest for {low} ({100 * ends[low]:.0f}%) and highest" in drawn.caption
    assert drawn.caption.endswith(f"for {high} ({100 * ends[high]:.0f}%).")
    assert (drawn.figure.get_supxlabel(), drawn.figure.get_supylabel()) == ("digit", "row")


def test_each_accuracy_curve_has_the_right_colour_and_description():
    by_row, if_blank = np.linspace(0, 0.9, 28), np.linspace(0.1, 1, 28)
    drawn = draw_accuracy(by_row, if_blank, 10)
    ax = drawn.figure.axes[0]
    lines = {line.get_label(): line for line in ax.get_lines()}
    expected_lines = {
        "after the row": (by_row, BLUE),
        "after row 28, if all rows below are blank": (if_blank, DARK),
    }
    for label, (curve, color) in expected_lines.items():
        assert lines[label].get_xdata().tolist() == ROWS.tolist()
        assert lines[label].get_ydata().tolist() == (100 * curve).tolist()
        assert lines[label].get_color() == color
    legend = ax.get_legend()
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        assert handle.get_color() == expected_lines[text.get_text()][1]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("row", "test accuracy (%)")
    assert "the first 10 test images. Blue: the accuracy after each row" in drawn.caption
    assert "curve reaches 50% at row 16, 90% at row 28. Grey" in drawn.caption
    assert "curve reaches 50% at row 13, 90% at row 25, 97% at row 28." in drawn.caption
    assert drawn.caption.endswith("At row 21, the accuracies are 67% (blue) and 77% (grey).")
    low = draw_accuracy(by_row / 2, if_blank, 10)
    assert "curve reaches at most 45%. Grey" in low.caption


def test_a_wrong_prediction_is_counted_in_the_bar_of_its_probability():
    """Draw six images of a 7, of which one is classified correctly.

    For two misclassified images, 7 is the second most probable digit.
    """
    last = np.zeros((6, 10))
    for index, (answer, highest, second) in enumerate(
        [(7, 0.95, 1), (1, 0.15, 7), (1, 0.62, 7), (1, 0.65, 3), (1, 0.91, 3), (1, 0.99, 4)]
    ):
        last[index, [answer, second]] = highest, 1 - highest if highest > 0.5 else highest - 0.05
    drawn = draw_doubts(np.stack([last] * 28, axis=1), np.full(6, 7))
    ax = drawn.figure.axes[0]
    second, lower = (
        {round(bar.get_x() + bar.get_width() / 2, 2): bar.get_height() for bar in bars}
        for bars in ax.containers
    )
    assert {at: count for at, count in second.items() if count} == {0.15: 1, 0.65: 1}
    assert {at: count for at, count in lower.items() if count} == {0.65: 1, 0.95: 2}
    names = {BLUE: "label ranked second (2)", LIGHT: "label ranked lower (3)"}
    assert labels_by_color(ax.get_legend()) == names
    assert [to_hex(bars[0].get_facecolor()) for bars in ax.containers] == [BLUE, LIGHT]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("probability of the wrong prediction", "images")
    for said in (
        "all 5 misclassified images",
        "digit (2 images). Grey: the label is the third most probable digit or lower (3 images).",
        "have a probability above 65%. The probability is above 90% for 40% of the wrong",
        "for 100% of the right predictions.",
    ):
        assert said in drawn.caption


def test_each_path_shows_the_mean_hidden_states_of_a_digit():
    """Draw the hidden states of three units, of which the third has the smallest variance."""
    y = np.arange(40) % 10
    hidden = RANDOM.normal(size=(40, 28, 3)) * [5, 2, 0.1] * np.linspace(1, 9, 28)[:, None]
    drawn = draw_trajectories(hidden, y)
    flat = hidden.reshape(-1, 3)
    _, sizes, directions = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    means = [
        (hidden[y == d].mean(axis=0) - flat.mean(axis=0)) @ directions[:2].T for d in range(10)
    ]
    paths = [ax.get_lines()[10].get_xydata() for ax in drawn.figure.axes]
    signs = np.sign([path[5] / mean[5] for path, mean in zip(paths, means, strict=True)])
    assert (signs == signs[0]).all()  # the sign of a principal component is arbitrary
    for digit, ax in enumerate(drawn.figure.axes):
        *grey, path, start, middle, end = ax.get_lines()
        assert {line.get_color() for line in grey} == {LIGHT}
        for line, mean in zip([*grey, path], [*means, means[digit]], strict=True):
            np.testing.assert_allclose(line.get_xydata(), mean * signs[0])
        for mark, row in ((start, 1), (middle, 14), (end, 28)):
            np.testing.assert_allclose(mark.get_xydata(), [means[digit][row - 1] * signs[0]])
        assert {mark.get_color() for mark in (path, start, middle, end)} == {BLUE}
        assert (start.get_markerfacecolor(), end.get_markerfacecolor()) == ("white", BLUE)
        said = {note.get_text(): note.xy for note in ax.texts}
        for row in (14, 28):
            np.testing.assert_allclose(said[str(row)], means[digit][row - 1] * signs[0])
        assert ax.get_title() == f"all {digit}"
    labels = drawn.figure.get_supxlabel(), drawn.figure.get_supylabel()
    assert labels == ("first principal component", "second principal component")
    share = (sizes[:2] ** 2).sum() / (sizes**2).sum()
    apart = [np.linalg.norm(row - np.mean(row, axis=0), axis=1).mean()
             for row in np.array(means)[:, [0, 13, 27]].swapaxes(0, 1)]  # fmt: skip
    for said in (
        f"The plane contains {share:.0%} of the variance of the 3 units",
        "is {:.1f} after row 1, {:.1f} after row 14 and {:.1f} after row 28".format(*apart),
        f"is {separation(hidden[:, 13], y):.1f} after row 14 and "
        f"{separation(hidden[:, 27], y):.1f} after row 28 (first 40 test images).",
    ):
        assert said in drawn.caption


def test_the_figure_of_rows_shows_the_ink_and_the_gradient_and_the_lost_accuracy():
    sensitivity = 10.0 ** RANDOM.permutation(np.linspace(-4, -2, 28 * 28)).reshape(28, 28)
    rows, bands = 0.9 - RANDOM.permutation(28) / 100, 0.9 - np.arange(7) / 10
    drawn = draw_rows(IMAGES, sensitivity, 0.9, rows, bands)
    ink, gradient, lost, scale = drawn.figure.axes
    require_digit(ink, IMAGES.mean(axis=0))
    require_digit(gradient, sensitivity)
    shades = gradient.images[0].norm
    assert shades([1e-4, 1e-3, 1e-2]).tolist() == pytest.approx([0, 0.5, 1])
    assert scale.get_ylim() == pytest.approx((1e-4, 1e-2))
    four, one = lost.containers
    losses = (four, 2.5, 4, 0.9 - bands), (one, 1, 1, 0.9 - rows)
    for bars, first, step, loss in losses:
        for place, bar in enumerate(bars):
            assert bar.get_y() + bar.get_height() / 2 == pytest.approx(first + step * place)
            assert bar.get_width() == pytest.approx(100 * loss[place])
    names = {LIGHT: "four blank rows", BLUE: "one blank row"}
    assert labels_by_color(lost.get_legend()) == names
    assert [to_hex(bars[0].get_facecolor()) for bars in lost.containers] == [LIGHT, BLUE]
    titles = [ax.get_title() for ax in (ink, gradient, lost)]
    assert titles == ["mean ink", "size of gradient", "accuracy lost"]
    assert (ink.get_ylabel(), lost.get_xlabel()) == ("row", "percentage points")
    inner = IMAGES[:, 7:21].sum() / IMAGES.sum()
    for said in (
        f"the first 40 test images. Left: the mean ink of each pixel; rows 8 to 21 contain "
        f"{inner:.0%} of the ink.",
        f"largest in row {1 + sensitivity.sum(axis=1).argmax()}, and the top four rows have "
        f"{sensitivity[:4].sum() / sensitivity.sum():.0%} of the sum",
        f"at most 27.0 percentage points (row {1 + rows.argmin()}). ",
        "blank rows cost 0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0 percentage points.",
    ):
        assert said in drawn.caption


def test_gallery_may_be_empty():
    """Draw predictions that no last row corrects; expect one row of invisible axes."""
    drawn = draw_late(IMAGES[:2], np.concatenate([answers(2), answers(3)]), np.array([2, 3]))
    assert [ax.get_visible() for ax in drawn.figure.axes] == [False] * 10
    assert drawn.caption == (
        "Of 2 test images, 0 are misclassified after row 27 but not after row 28. Row 28 is blank "
        "in 0 of these 0 images. Of the images that row 28 corrects, the figure shows the 0 with "
        "the highest predicted probability. In the figure, row 28 changes the prediction of no "
        "image. Conversely, 0 test images are misclassified after row 28 but not after row 27."
    )


def test_path_of_a_single_unit_is_a_line_through_its_means():
    y = np.arange(40) % 10
    hidden = RANDOM.normal(size=(40, 28, 1))
    drawn = draw_trajectories(hidden, y)
    centered = hidden[..., 0] - hidden.mean()
    for digit, ax in enumerate(drawn.figure.axes):
        path = ax.get_lines()[10].get_xydata()
        np.testing.assert_allclose(abs(path[:, 0]), abs(centered[y == digit].mean(axis=0)))
        np.testing.assert_allclose(path[:, 1], 0, atol=1e-9)
    assert "The plane contains 100% of the variance of the 1 units." in drawn.caption


def test_axes_of_rows_and_accuracies_have_their_limits_and_ticks():
    curve = np.linspace(0, 1, 28)
    (ax,) = draw_accuracy(curve, curve, 10).figure.axes
    assert (ax.get_ylim(), ax.get_yticks().tolist()) == ((0, 100), [0, 20, 50, 90, 97])
    assert ax.get_xticks().tolist() == list(TICKS)
    for ax in draw_rows(IMAGES, IMAGES[0], 0.9, curve, curve[:7]).figure.axes[:3]:
        assert ax.get_ylim() == (28.5, 0.5)
        assert ax.get_yticks().tolist() == list(TICKS)
    for ax in draw_means(IMAGES, PROBABILITIES, LABELS).figure.axes:
        assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 9.5), (28.5, 0.5))
        assert ax.get_xticks().tolist() == list(range(10))
