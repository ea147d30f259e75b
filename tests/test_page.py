"""Test draw.html in Chromium, opened as a file and without internet access."""

import re
import subprocess
import sys
from functools import partial
from itertools import groupby

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from helpers.pictures import compare
from helpers.runs import finish, start_plain
from helpers.shapes import DOT, FAN, FILLED, SHAPES, draw, find_misclassified
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from scipy import ndimage
from take_pad import PICTURE, take_pad

from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.records.run import run_path
from mnist_rnn.web.pad.pad import HARD, SAMPLE, Pad, find_hardest

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


def test_picture_in_the_readme_equals_a_new_picture_of_the_pad(browser, site):
    """Tolerate a difference of 0.5, because computers smooth letters differently.

    One changed digit in a line of text gives a difference of 2.
    """
    assert compare(PICTURE.read_bytes(), take_pad(browser, site / "draw.html"), 0.5) is None


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


def extent(images):
    """For each image, return the longer side of the ink's bounding box."""
    inked = [(images > 0).any(axis=axis) for axis in (1, 2)]
    return np.maximum(*(28 - ink[:, ::-1].argmax(axis=1) - ink.argmax(axis=1) for ink in inked))


def middles(images):
    return np.array([ndimage.center_of_mass(image) for image in images])


def test_vertical_stroke_becomes_the_hand_computed_image(page):
    """Draw a stroke of 17.4 pixels, to which the width of the pen adds 2.6 pixels.

    The ink in a pixel is 1.8 minus the pixel's distance from the stroke, clipped to 0 and 1.
    """
    (bar,) = center(page, [[[[500, 100], [500, 900]]]])
    np.testing.assert_allclose(bar[6:23, 12:17], 17 * [[0, 0.8, 1, 0.8, 0]], atol=0.01)
    np.testing.assert_allclose(bar[:, 14][[4, 5, 23, 24]], [0.5, 1, 1, 0.5], atol=0.01)
    assert not bar[[3, 25]].any()


def test_a_random_drawing_gives_an_image_like_those_of_mnist_or_advice(page, mnist):
    theirs = scale(mnist[1][0])
    box, middle = extent(theirs).max(), middles(theirs).mean(axis=0)
    assert np.median(extent(theirs)) == box
    random = np.random.default_rng(0)
    sizes = [random.integers(1, 12, random.integers(1, 5)) for _ in range(300)]
    drawings = [[random.integers(0, 1000, (n, 2)).tolist() for n in strokes] for strokes in sizes]
    made = center(page, drawings)
    rejected = [got for got in made if isinstance(got, str)]
    assert {got.split(".")[0] for got in rejected} == {"Your drawing is a dot"}
    images = np.stack([got for got in made if not isinstance(got, str)])
    assert len(images) > 280
    assert (images.min(), images.max()) == (0, 1)
    # A bounding box that begins between two pixels is one pixel longer.
    assert set(extent(images)) <= {box, box + 1}
    # Ink outside the image is cut off, which moves the center of mass.
    assert abs(middles(images) - middle).max() < 1


@pytest.mark.slow
def test_most_drawn_digits_are_classified_correctly_within_50_milliseconds(page):
    wrong = find_misclassified(page)
    assert not {"1 upright", "0 round", "7 plain"} & set(wrong)
    assert len(SHAPES) - len(wrong) >= 20
    # Other programs can only add time, so the shortest time is tested.
    taken = []
    for strokes in (FAN, [[(0.2, 0.2), (0.75, 0.7)]], [[(0.2, 0.2), (0.8, 0.7)]]):
        said, seconds = draw(page, strokes, wait=1000)  # the pad still shows the earlier strokes
        assert said.startswith("The network reads a")
        taken.append(seconds)
    assert 0 < min(taken) < 0.05


def test_page_gives_advice_about_a_dot_and_a_full_pad(page, mnist):
    assert draw(page, DOT)[0].startswith("Your drawing is a dot.")
    page.get_by_role("button", name="Clear").click()
    assert draw(page, FILLED)[0].startswith("The pad is full.")
    dot, dash = center(page, [[[[500, 500], [x, 500]]] for x in (599, 600)])
    assert dot.startswith("Your drawing is a dot.")
    assert dash.shape == (28, 28)
    full = re.search(r"FULL = ([\d.]+);", page.content())[1]
    # Every MNIST digit has less ink than the limit above which the page calls the pad full.
    assert mnist[0][0].sum(axis=(1, 2)).max() / 255 < float(full) * 20**2


@pytest.mark.parametrize("palm", [[], [(0.1, 0.9)]], ids=["finger", "finger and palm"])
def test_phone_user_draws_with_a_finger_and_sees_the_prediction(visit, palm):
    size = {"width": 390, "height": 844}
    page = visit(has_touch=True, is_mobile=True, viewport=size)
    page.get_by_text("Draw a digit of your own.").wait_for()
    assert not page.locator("#pad-keys").is_visible()
    sheet = page.locator("canvas[tabindex]")
    box, client = sheet.bounding_box(), page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": i}
            for i, (x, y) in enumerate(points)
        ]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0.27, 0.2))
    touch("touchStart", (0.27, 0.2), *palm)
    for finger in [(0.5, 0.2), (0.72, 0.2), (0.6, 0.5), (0.45, 0.85)]:
        touch("touchMove", finger, *palm)
        assert sheet.bounding_box() == box  # the pad doesn't move under the finger
    touch("touchEnd")
    page.get_by_text(READS_7).wait_for()
    assert page.evaluate("scrollY") == 0
    for seen in (sheet, page.locator(".answer")):
        place = seen.bounding_box()
        assert place["y"] + place["height"] < size["height"]


def test_pad_fits_a_laptop_screen_and_is_larger_on_a_projector(visit):
    widths = {}
    for width, height in ((1366, 650), (1920, 950)):
        page = visit(SEVEN, viewport={"width": width, "height": height})
        page.get_by_text(READS_7).wait_for()
        for part in ("[name=random]", ".pad-changes", "[name=row]"):
            box = page.locator(part).bounding_box()
            assert box["y"] + box["height"] <= height, part
        widths[width] = page.locator("canvas[tabindex]").bounding_box()["width"]
    assert widths[1920] > 1.3 * widths[1366]


def test_page_reads_a_test_digit_and_hides_the_prediction_until_the_last_row(visit):
    page = visit(reduced_motion="no-preference")
    page.locator("#pad [name=row]").wait_for()
    seen = set()
    for _ in range(200):
        seen.add(tuple(page.evaluate(SHOWN)))
        if max(row for row, *_ in seen) == 28:
            break
        page.wait_for_timeout(100)
    assert len(seen) > 5
    assert all((said == "The network is reading …") == (row < 28) for row, said, _ in seen)
    assert all((dots == "pad-open") == (row < 28) for row, _, dots in seen)
    assert answer(page).startswith("The network reads a 4 (")
    # A drawing replaces the test digit.
    assert "The network reads an 8 (" in draw(page, SHAPES["8"])[0]


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


SHOWN = """() => [...(pad => [pad.querySelector("[name=row]").valueAsNumber,
    pad.querySelector(".answer").textContent, [...new Set([...pad.querySelectorAll("i")]
    .map(dot => dot.className))].sort().join(" ")])(document.querySelector("#pad"))].map(x => x)"""


def press(page, name, *keys):
    """Press Tab until a control has the focus, check that the focus is visible, and press keys."""
    element = "document.activeElement"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"{element}.name || {element}.ariaLabel || ''") == name:
            break
    style = f"getComputedStyle({element})"
    assert page.evaluate(f"{style}.outlineStyle + {style}.outlineWidth") == "solid3px", name
    for key in keys:
        page.keyboard.press(key)


def test_pad_and_every_control_work_by_keyboard(page):
    seven = [*8 * ["ArrowLeft"], " ", *18 * ["ArrowRight"], *7 * ["End"], *18 * ["ArrowDown"], " "]
    press(page, "Drawing pad", *seven)
    drawn = answer(page)
    assert drawn.startswith(READS_7)
    more = [*20 * ["ArrowUp"], " ", *12 * ["ArrowLeft"], *12 * ["ArrowDown"], " "]
    for key in more:
        page.keyboard.press(key)
    assert answer(page) != drawn
    press(page, "undo", "Enter")
    assert answer(page) == drawn
    press(page, "speed", "ArrowUp")  # sets 2 rows per second
    press(page, "play", "Enter")
    press(page, "speed", *3 * ["ArrowDown"])  # sets 20 rows per second while the page plays
    page.get_by_text(re.compile(r"^After row 28: 7 \(")).wait_for(timeout=8000)
    assert re.search(r"answer changes \d+ times.*, 7 \(\d+ to 28\)\.", page.content())
    press(page, "row", "ArrowLeft")
    page.get_by_text(re.compile(r"^After row 27:")).wait_for()
    press(page, "undo", "Enter")
    assert answer(page) == "Draw a digit on the pad."
    press(page, "hard", "Enter")
    press(page, "guess", "Enter")
    assert re.match(r"You read a 0\. The network reads an? \d", answer(page))
    press(page, "random", "Enter")
    assert answer(page) == "Which digit is it? Guess, then see."
    press(page, "Drawing pad", " ")  # a stroke on a test digit starts a new drawing
    for key in 18 * ["Control+ArrowRight"]:  # arrow keys with Control don't move the pen
        page.keyboard.press(key)
    assert answer(page).startswith("Your drawing is a dot.")
    page.keyboard.press(" ")
    for _ in range(2):  # a held space bar sends many events, but the pen stays down
        page.keyboard.down(" ")
    page.keyboard.up(" ")
    for key in 18 * ["ArrowRight"]:
        page.keyboard.press(key)
    assert not answer(page).startswith("Your drawing is a dot.")
    press(page, "clear", "Enter")
    page.locator("canvas[tabindex]").hover()  # hovering draws nothing
    assert answer(page) == "Draw a digit on the pad."


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


def test_dots_keep_their_colours_in_forced_colors_mode(visit):
    filled = visit(SEVEN, forced_colors="active").locator(".pad-dots .pad-right").last
    filled.wait_for(state="attached")
    assert filled.evaluate("dot => getComputedStyle(dot).backgroundColor") == "rgb(0, 114, 178)"


def test_hard_digits_include_all_misclassified_images_and_the_score_is_right(
    visit, mnist, model, committed
):
    """Show two misclassified test digits, and the first test digit, which is a 7."""
    (images, labels), mistakes = mnist[1], committed.mistakes
    hardest = find_hardest(Weights(*model.get_weights()), images, labels)
    assert set(hardest[: len(mistakes)].tolist()) == set(mistakes)
    assert len(mistakes) < HARD
    page = visit(script="Math.random = () => 0")
    first, second = hardest[:2]
    for button, image, guess, score in (
        ("Hard test digit", first, labels[first], "you 1 of 1, the network 0."),
        ("Hard test digit", second, (labels[second] + 1) % 10, "you 1 of 2, the network 0."),
        ("Random test digit", 0, 0, "you 1 of 3, the network 1."),
    ):
        page.get_by_role("button", name=button).click()
        assert answer(page) == "Which digit is it? Guess, then see."
        assert page.locator(".pad-changes").inner_text() == ""
        for place in (0, 1):
            shown = np.reshape(page.evaluate(ALPHA, [place, 28]), (28, 28))
            assert abs(shown - images[image].astype(int)).max() <= 1
        page.locator(".pad-guess").get_by_role("button", name=str(guess)).click()
        said = f"The label is {labels[image]}. Right so far: {score}"
        page.get_by_text(said).wait_for()
        filled = {left for kind, left in page.evaluate(DOTS) if kind == "pad-right"}
        assert filled <= {f"{10 * labels[image] + 5}%"}
    page.locator("[name=row]").fill("10")
    pale = np.reshape(page.evaluate(ALPHA, [1, 28]), (28, 28))
    assert abs(pale[10:] - images[0][10:].astype(int) / 4).max() <= 1
    named = re.search(r"After row 10: (\d)", page.locator(".pad-after").inner_text())[1]
    assert page.locator(".pad-now").inner_text() == named


def test_score_and_text_are_about_the_prediction_after_the_last_row(visit, mnist, model):
    """Show a test digit that only the last row corrects, and one that it makes wrong."""
    images, labels = (part[:SAMPLE] for part in mnist[1])
    states = compute_states(Weights(*model.get_weights()), scale(images))
    probabilities = compute_probabilities(Weights(*model.get_weights()), states)
    before, after = (probabilities[:, row].argmax(axis=1) == labels for row in (-2, -1))
    page = visit(script="Math.random = () => window.chosen")
    for right in (True, False):
        index = np.flatnonzero((after == right) & (before != right))[0]
        page.evaluate("chosen => { window.chosen = chosen }", (index + 0.5) / SAMPLE)
        page.get_by_role("button", name="Random test digit").click()
        page.locator(".pad-guess").get_by_role("button", name=str(labels[index])).click()
        best = probabilities[index, -1].argmax()
        percent = f"({100 * probabilities[index, -1, best]:.0f}%)"
        assert re.search(rf" an? {best} {re.escape(percent)}.* {labels[index]}\.", answer(page))
        assert answer(page).endswith("the network 1.")


DOTS = "[...document.querySelectorAll('.pad-dots i')].map(dot => [dot.className, dot.style.left])"
ALPHA = """([place, side]) => {
    const canvas = document.querySelectorAll("canvas")[place], step = canvas.width / side;
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const at = i => Math.floor((i + 0.5) * step);
    return Array.from({length: side * side}, (_, i) =>
        data[4 * (at(Math.floor(i / side)) * canvas.width + at(i % side)) + 3]);
}"""


def test_address_of_a_shared_page_contains_the_drawing(visit):
    from_a_file = visit(SEVEN)
    assert not from_a_file.get_by_role("button", name="Share").is_visible()
    page = visit(served=True)
    said, _ = draw(page, SHAPES["5 in two strokes"])
    page.get_by_role("button", name="Share").click()
    page.get_by_text("The address of this page now contains the drawing").wait_for()
    other = visit("#" + page.url.split("#")[1], served=True)
    other.get_by_text(said).wait_for()
    assert other.locator(".reading").inner_text() == page.locator(".reading").inner_text()
    most = "#d=" + 5832 * "270200"
    page = visit(most, served=True)
    for key in (" ", "ArrowRight", "ArrowDown", "ArrowRight"):
        page.get_by_role("application").press(key)
    page.get_by_role("button", name="Share").click()
    page.get_by_text("This drawing has too many points for an address.").wait_for()
    assert page.evaluate("location.hash") == most


WORDS = some.text("#d=.0123456789 -<%&'\"", max_size=40) | some.text(max_size=20)
FRAGMENTS = some.from_regex(r"#d=[0-9]{0,14}(\.[0-9]{0,7})*", fullmatch=True)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.lists(WORDS | FRAGMENTS, min_size=10))
def test_only_addresses_in_the_right_format_are_read_as_drawings(page, addresses):
    for address, strokes in zip(addresses, in_page(page, "readAddress", addresses), strict=True):
        whole = re.fullmatch(r"#d=([0-9]{6})+(\.([0-9]{6})+)*", address)
        assert (strokes is not None) == bool(whole)
        if whole:
            assert in_page(page, "writeAddress", [strokes]) == [address]
            in_page(page, "centerStrokes", [strokes])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pad_page_is_accessible_and_fits_the_window(page, scheme):
    page.emulate_media(color_scheme=scheme)
    draw(page, SHAPES["7 plain"])
    for width in (320, 390, 800, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    sheet = "getComputedStyle(document.querySelector('canvas[tabindex]')).filter"
    assert page.evaluate(sheet) == f"invert({int(scheme == 'dark')})"
    page.emulate_media(media="print")
    assert page.evaluate(sheet) == "invert(0)"
    assert not page.get_by_role("button", name="Play").is_visible()
    page.emulate_media(media="screen")


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


def test_outside_jupyterlab_a_sentence_replaces_the_pad():
    assert repr(Pad()).startswith("Run this cell in JupyterLab")
