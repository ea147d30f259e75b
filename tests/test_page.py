"""Test draw.html in Chromium, opened as a file and without internet access."""

import base64
import json
import re
import subprocess
import sys
import zlib
from functools import partial
from itertools import groupby

import numpy as np
import pytest
from helpers.runs import finish, start_plain
from helpers.shapes import DOT, FILLED, SHAPES, draw, find_misclassified
from scipy import ndimage

from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.records.run import run_path
from mnist_rnn.web.pad.pad import pack_digits

SEVEN = "#d=270200720200450850"
READS_7 = "The network reads a 7 ("


@pytest.fixture
def visit(open_page, site):
    return partial(open_page, site / "draw.html", reduced_motion="reduce")


@pytest.fixture
def page(visit):
    page = visit(viewport={"width": 1000, "height": 900})
    page.get_by_text("Draw a digit of your own.").wait_for()
    page.get_by_role("button", name="Clear").click()
    return page


def in_page(page, name, values):
    """Call a JavaScript function of the page with each value, and return the results."""
    return page.evaluate(f"values => values.map(value => pad.{name}(value))", values)


def answer(page):
    return page.locator(".answer").inner_text()


@pytest.mark.slow
def test_page_makes_the_wrong_predictions_that_the_record_lists(page, mnist, committed):
    assert find_mistakes(page, mnist) == committed.mistakes


def find_mistakes(page, mnist):
    """Return the wrong predictions of the page, keyed by the index of the test image."""
    x_test, y_test = mnist[1]
    answers = []
    for part in np.split(x_test.reshape(-1, 784), 10):
        answers += page.evaluate(READ_ALL, part.tobytes().hex())
    return {i: a for i, (a, y) in enumerate(zip(answers, y_test, strict=True)) if a != y}


READ_ALL = """hex => {
    const bytes = Float32Array.from(hex.match(/../g), pair => parseInt(pair, 16) / 255);
    return Array.from({length: bytes.length / 784}, (_, i) => {
        const last = pad.read(bytes.subarray(784 * i, 784 * (i + 1)))[27];
        return last.indexOf(Math.max(...last));
    });
}"""


def center(page, drawings):
    """For each drawing, return the page's image of shape (28, 28), or the page's advice.

    The coordinates of points are thousandths of the pad's side.
    """
    centered = "x => x.map(pad.centerStrokes).map(({ image, advice }) => advice ?? [...image])"
    made = page.evaluate(centered, drawings)
    return [got if isinstance(got, str) else np.reshape(got, (28, 28)) for got in made]


def test_vertical_stroke_becomes_the_hand_computed_image(page):
    """Draw a stroke of 17.4 pixels, to which the width of the pen adds 2.6 pixels.

    The ink in a pixel is 1.8 minus the pixel's distance from the stroke, clipped to 0 and 1.
    """
    (bar,) = center(page, [[[[500, 100], [500, 900]]]])
    np.testing.assert_allclose(bar[6:23, 12:17], 17 * [[0, 0.8, 1, 0.8, 0]], atol=0.01)
    np.testing.assert_allclose(bar[:, 14][[4, 5, 23, 24]], [0.5, 1, 1, 0.5], atol=0.01)
    assert not bar[[3, 25]].any()


def test_a_random_drawing_gives_an_image_like_those_of_mnist_or_advice(page, mnist):
    """Expect a box of 20 or 21 pixels, with the centre of mass of MNIST's digits."""
    middle = np.mean([ndimage.center_of_mass(image) for image in mnist[1][0][:1000]], axis=0)
    random = np.random.default_rng(0)
    sizes = [random.integers(1, 12, random.integers(1, 5)) for _ in range(300)]
    drawings = [[random.integers(0, 1000, (n, 2)).tolist() for n in strokes] for strokes in sizes]
    images = [got for got in center(page, drawings) if not isinstance(got, str)]
    assert len(images) > 280
    for image in images:
        assert max(np.ptp(np.flatnonzero(image.any(axis=axis))) for axis in (0, 1)) in (19, 20)
        assert abs(ndimage.center_of_mass(image) - middle).max() < 1


@pytest.mark.slow
def test_most_drawn_digits_are_classified_correctly(page):
    wrong = find_misclassified(page)
    assert not {"1 upright", "0 round", "7 plain"} & set(wrong)
    assert len(SHAPES) - len(wrong) >= 20


def test_page_gives_advice_about_a_dot_and_a_full_pad(page):
    assert draw(page, DOT).startswith("Your drawing is a dot.")
    page.get_by_role("button", name="Clear").click()
    assert draw(page, FILLED).startswith("The pad is full.")


def test_page_states_the_predicted_probabilities_of_a_test_digit(visit, mnist, model):
    """Compare the page's texts with results in NumPy, after each row of the first test digit."""
    weights, images = Weights(*model.get_weights()), scale(mnist[1][0][:1])
    probabilities = compute_probabilities(weights, compute_states(weights, images))[0]
    page = visit(script="Math.random = () => 0")
    page.get_by_role("button", name="Random test digit").click()
    page.get_by_role("button", name="Reveal").click()
    said = f"The network reads a 7 ({100 * probabilities[-1, 7]:.0f}%). The label is 7."
    assert answer(page) == said
    for rows in range(1, 29):
        page.locator("[name=row]").fill(str(rows))
        best = np.argsort(-probabilities[rows - 1], kind="stable")[:3]
        named = ", ".join(
            f"{digit} ({100 * probabilities[rows - 1, digit]:.0f}%)" for digit in best
        )
        assert page.locator(".pad-after").inner_text() == f"After row {rows}: {named}."
        turns = []
        for digit, run in groupby(range(rows), lambda row: probabilities[row].argmax()):
            first, *_, last = [row + 1 for row in run] * 2
            turns.append(f"{digit} ({first}{f' to {last}' if last > first else ''})")
        times = "once" if len(turns) == 2 else f"{len(turns) - 1} times"
        expected = f"The answer changes {times}. Answers (rows): {', '.join(turns)}."
        if len(turns) == 1:
            expected = f"The answer has not changed: {turns[0]}."
        assert page.locator(".pad-changes").inner_text() == expected


def test_pad_works_by_keyboard(page):
    sheet = page.get_by_role("application")
    seven = [*8 * ["ArrowLeft"], " ", *18 * ["ArrowRight"], *7 * ["End"], *18 * ["ArrowDown"], " "]
    for key in seven:
        sheet.press(key)
    drawn = answer(page)
    assert drawn.startswith(READS_7)
    for key in [*20 * ["ArrowUp"], " ", *12 * ["ArrowLeft"], *12 * ["ArrowDown"], " "]:
        sheet.press(key)
    assert answer(page) != drawn
    page.locator("[name=undo]").press("Enter")
    assert answer(page) == drawn
    page.locator("[name=row]").press("ArrowLeft")
    page.get_by_text(re.compile(r"^After row 27:")).wait_for()
    page.locator("[name=clear]").press("Enter")
    assert answer(page) == "Draw a digit on the pad."


def test_a_drawing_with_a_finger_leaves_the_pad_in_place(visit):
    page = visit(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.get_by_text("Draw a digit of your own.").wait_for()
    sheet = page.locator("canvas[tabindex]")
    box, client = sheet.bounding_box(), page.context.new_cdp_session(page)
    places = [
        {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        for x, y in [(0.27, 0.2), (0.5, 0.2), (0.72, 0.2), (0.6, 0.5), (0.45, 0.85)]
    ]
    for kind, place in zip(["touchStart"] + 4 * ["touchMove"], places, strict=True):
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.get_by_text(READS_7).wait_for()
    assert sheet.bounding_box() == box


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"script": "delete globalThis.DecompressionStream"}, "needs a browser of May 2023 or"),
        ({"script": "delete Array.prototype.at"}, "The pad needs a browser of May 2023 or later."),
        ({"fragment": "#d=1", "served": True}, "The address contains no drawing. Draw a digit on"),
        ({"fragment": "#d=<img src=x>", "served": True}, "The address contains no drawing."),
        ({"fragment": "#d=" + 42_000 * "0", "served": True}, "The address contains no drawing."),
    ],
)
def test_page_explains_that_a_browser_or_an_address_is_unsupported(visit, options, expected):
    visit(**options).get_by_text(expected).wait_for()


def test_hard_digits_are_the_misclassified_ones_and_then_those_of_low_probability(mnist, model):
    weights, (images, labels) = Weights(*model.get_weights()), (part[:2000] for part in mnist[1])
    packed = pack_digits(weights, images, labels)
    last = compute_probabilities(weights, compute_states(weights, scale(images)))[:, -1]
    wrong = last.argmax(axis=1) != labels
    of_label = last[np.arange(2000), labels]
    expected = sorted(range(2000), key=lambda i: (not wrong[i], of_label[i]))[: packed["hard"]]
    assert wrong.sum() < packed["hard"] == 300
    given = np.frombuffer(zlib.decompress(base64.b64decode(packed["images"])), "uint8")
    np.testing.assert_array_equal(given.reshape(-1, 28, 28)[:300], images[expected])
    assert packed["labels"] == "".join(map(str, labels[[*expected, *range(200)]]))


def test_the_score_counts_the_guesses_and_the_predictions(visit):
    """Guess two misclassified test digits and the first test digit, which is a 7."""
    page = visit(script="Math.random = () => 0")
    hard = json.loads(page.locator("#data").text_content())["labels"]
    for button, label, guess, score in (
        ("Hard test digit", hard[0], hard[0], "you 1 of 1, the network 0."),
        ("Hard test digit", hard[1], (int(hard[1]) + 1) % 10, "you 1 of 2, the network 0."),
        ("Random test digit", "7", 0, "you 1 of 3, the network 1."),
    ):
        page.get_by_role("button", name=button).click()
        assert answer(page) == "Which digit is it? Guess, then see."
        page.locator(".pad-guess").get_by_role("button", name=str(guess)).click()
        page.get_by_text(f"The label is {label}. Right so far: {score}").wait_for()


def test_address_of_a_shared_page_contains_the_drawing(visit):
    from_a_file = visit(SEVEN)
    assert not from_a_file.get_by_role("button", name="Share").is_visible()
    page = visit(served=True)
    said = draw(page, SHAPES["5 in two strokes"])
    page.get_by_role("button", name="Share").click()
    page.get_by_text("The address of this page now contains the drawing").wait_for()
    other = visit("#" + page.url.split("#")[1], served=True)
    other.get_by_text(said).wait_for()
    assert other.locator(".reading").inner_text() == page.locator(".reading").inner_text()


def test_only_addresses_in_the_right_format_are_read_as_drawings(page):
    right = ["#d=123456", "#d=123456654321.999000"]
    wrong = ["", "#d=", "#d=123456.", "#d=1234567", "#d=12345x", "#x=123456", "#d=-12345"]
    assert in_page(page, "readAddress", wrong) == [None] * len(wrong)
    assert in_page(page, "writeAddress", in_page(page, "readAddress", right)) == right


@pytest.mark.slow
def test_page_of_another_model_predicts_as_its_record_says(open_page, mnist, tmp_path):
    """Make the pages for a small model with dropout, as `make site MODEL=...` does."""
    parameters = {"units": 8, "epochs": 1, "train_size": 1000, "batch_size": 125, "dropout": 0.2}
    record = finish(start_plain(parameters, tmp_path / "results"), tmp_path / "results")
    path, folder = run_path(record.config, ".keras", tmp_path / "results"), tmp_path / "site"
    command = [sys.executable, "-m", "mnist_rnn.web.site", "--model", path, "--output", folder]
    made = subprocess.run(command, capture_output=True, text=True)
    assert (made.returncode, made.stdout) == (0, f"Written: {folder}/index.html\n")
    page = open_page(folder / "draw.html")
    text = re.sub(r"\s+", " ", page.locator("main").inner_text())
    assert "386 weights and was trained with dropout 0.2 on 1,000 other digits" in text
    assert f"The network's test accuracy is {record.test_accuracy:.2f}%" in text
    assert find_mistakes(page, mnist) == record.mistakes
