"""draw.html, as a person opens it: from a file, in Chromium, without a network."""

import re
import statistics
import subprocess
import sys
import time

import numpy as np
import pages
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as some
from runs import finish, start_plain
from shapes import DOT, FAN, FILLED, SHAPES, draw, draw_all
from test_drawing import BOX, MIDDLE, extent, middles

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ModelError
from mnist_rnn.experiment.draws import scale
from mnist_rnn.experiment.network import build_model
from mnist_rnn.interpret.reading import Weights, believe, believe_by_keras, read_rows
from mnist_rnn.pad.pad import HARD, Pad, find_hardest
from mnist_rnn.pad.page import make_pad_page
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records.model_file import load_model, save_model, weights_sha256
from mnist_rnn.records.record import run_path, write_record

STYLE = (ROOT / "notebooks" / "page.css").read_text()
MODEL = run_path(Configuration(), ".keras", COMMITTED)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("site") / "draw.html"
    make_pad_page(MODEL, path, STYLE, pages.make_links(path.name))
    return path


@pytest.fixture(scope="module")
def opened(browser, file):
    """The page, and what its console said and what it asked for."""
    with browser.new_context(offline=True, viewport={"width": 1000, "height": 900}) as context:
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto(file.as_uri())
        page.get_by_text("Draw a digit on the pad.").wait_for()
        yield page, said


@pytest.fixture
def page(opened, file):
    page, said = opened
    page.get_by_role("button", name="Clear").click()
    page.evaluate("location.hash = ''")
    yield page
    assert set(said) <= {file.as_uri(), file.as_uri() + "#"}
    assert page.evaluate("performance.getEntriesByType('resource').length") == 0


def in_page(page, name, values):
    """What a function of the page's own module gives for each value."""
    return page.evaluate(f"values => values.map(value => pad.{name}(value))", values)


@pytest.mark.slow
def test_the_page_makes_exactly_the_records_mistakes(page, mnist, committed):
    assert find_mistakes(page, mnist) == committed.mistakes


def find_mistakes(page, mnist):
    """The page's wrong answers, by the index of the test image."""
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


def test_the_page_believes_what_numpy_believes(page, mnist, model):
    x, weights = scale(mnist[1][0][:100]), Weights(*model.get_weights())
    np.testing.assert_allclose(
        read_pixels(page, x), believe(weights, read_rows(weights, x)), atol=1e-5
    )


def read_pixels(page, x):
    """The page's beliefs (n, timesteps, 10) for images as the network is given them."""
    pixels = "x => pad.read(Float32Array.from(x)).map(row => [...row])"
    return [page.evaluate(pixels, image.ravel().tolist()) for image in x]


def center(page, drawings):
    """What the page makes of drawings in thousandths of the pad: images (28, 28), or advice."""
    centered = "x => x.map(pad.centerStrokes).map(({ image, advice }) => advice ?? [...image])"
    made = page.evaluate(centered, drawings)
    return [got if isinstance(got, str) else np.reshape(got, (28, 28)) for got in made]


def test_a_bar_by_hand(page):
    """17.4 pixels long, and a pen of 2.6 more; ink is 1.8 less the distance, 1 at most."""
    (bar,) = center(page, [[[[500, 100], [500, 900]]]])
    np.testing.assert_allclose(bar[6:23, 12:17], 17 * [[0, 0.8, 1, 0.8, 0]], atol=0.01)
    np.testing.assert_allclose(bar[:, 14][[4, 5, 23, 24]], [0.5, 1, 1, 0.5], atol=0.01)
    assert not bar[[3, 25]].any()


def test_any_drawing_becomes_an_image_as_mnists_or_is_refused(page):
    random = np.random.default_rng(0)
    sizes = [random.integers(1, 12, random.integers(1, 5)) for _ in range(300)]
    drawings = [[random.integers(0, 1000, (n, 2)).tolist() for n in strokes] for strokes in sizes]
    made = center(page, drawings)
    refused = [got for got in made if isinstance(got, str)]
    assert {got.split(".")[0] for got in refused} == {"That is a dot"}
    images = np.stack([got for got in made if not isinstance(got, str)])
    assert len(images) > 280
    assert (images.min(), images.max()) == (0, 1)
    assert set(extent(images)) <= {BOX, BOX + 1}  # the box may begin between two pixels
    assert abs(middles(images) - MIDDLE).max() < 1  # ink that leaves the image moves it


def test_a_drawing_is_the_same_digit_anywhere_and_has_as_much_ink_as_mnists(page, mnist):
    seven = [(270, 200), (720, 200), (450, 850)]
    places = [(1, 0, 0), (0.3, 0, 0), (0.5, 400, 500)]
    moved = [
        [[(zoom * x + right, zoom * y + down) for x, y in seven]] for zoom, right, down in places
    ]
    first, *others = center(page, moved)
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-4)
    np.testing.assert_allclose(middles([first])[0], MIDDLE, atol=0.05)
    low, high = np.quantile(scale(mnist[1][0]).sum(axis=(1, 2)), [0.05, 0.95])
    assert low < first.sum() < high


@pytest.mark.slow
def test_drawn_shapes_are_recognised_at_once(page):
    wrong, slowest = draw_all(page)
    assert not {"1 upright", "0 round", "7 plain"} & set(wrong)
    assert len(SHAPES) - len(wrong) >= 20
    assert slowest < 0.05
    answer, seconds = draw(page, FAN, wait=1000)  # a hundred strokes
    assert answer.startswith("The network reads a ")
    assert seconds < 0.05


def test_what_is_no_digit_is_answered_with_advice(page):
    assert draw(page, DOT)[0].startswith("That is a dot.")
    page.get_by_role("button", name="Clear").click()
    assert draw(page, FILLED)[0].startswith("The pad is full.")
    dot, dash = center(page, [[[[500, 500], [x, 500]]] for x in (599, 600)])
    assert dot.startswith("That is a dot.")
    assert dash.shape == (28, 28)


@pytest.mark.parametrize("palm", [[], [(0.1, 0.9)]], ids=["finger", "finger and palm"])
def test_a_finger_draws(browser, file, palm):
    with browser.new_context(has_touch=True, viewport={"width": 360, "height": 900}) as context:
        page = context.new_page()
        page.goto(file.as_uri())
        box = page.locator("canvas[tabindex]").bounding_box()
        client = context.new_cdp_session(page)

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
        touch("touchEnd")
        page.get_by_text("The network reads a 7 (").wait_for()
        page.get_by_role("button", name="Share this drawing").click()
        assert len(in_page(page, "readAddress", [page.evaluate("location.hash")])[0]) == 1


LINKS = ["Start", "Draw", "Data", "Training", "Results", "Reading"]
TOOLS = ["clear", "undo", "hard", "random"]
DRAWN = [*LINKS, *TOOLS, "share", "Drawing pad", "play", "speed", "row", "whole network"]
TO_GUESS = [*LINKS, *TOOLS, "Drawing pad", *11 * ["guess"], "speed", "whole network"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_is_seen_and_goes_as_the_page_is_read(page, file, scheme):
    page.emulate_media(color_scheme=scheme)
    for drawn, order in ((True, DRAWN), (False, TO_GUESS)):
        page.goto("about:blank")  # or the first key goes on from where the last one ended
        page.goto(file.as_uri() + "#d=270200720200450850")
        page.get_by_text("The network reads a 7 (").wait_for()
        if not drawn:
            page.evaluate("document.querySelector('[name=hard]').click()")
        for name in order:
            page.keyboard.press("Tab")
            assert name in focused(page)
            outline, color, paper = page.evaluate(OUTLINE)
            assert outline == "solid 3px"
            assert contrast(color, paper) > 3


OUTLINE = """() => {
    const style = getComputedStyle(document.activeElement);
    return [`${style.outlineStyle} ${style.outlineWidth}`, style.outlineColor,
        getComputedStyle(document.body).backgroundColor];
}"""


def contrast(*colors):
    """The contrast of two colours as WCAG defines it, from 1 to 21."""
    light = []
    for color in colors:
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        light.append(np.dot(linear, [0.2126, 0.7152, 0.0722]))
    return (max(light) + 0.05) / (min(light) + 0.05)


def focused(page):
    """The name of what has the focus, or its text."""
    element = "document.activeElement"
    return page.evaluate(f"{element}.name || {element}.ariaLabel || {element}.textContent")


def press(page, name, *keys):
    """Go to a control with Tab, and press keys there."""
    for _ in range(2 * len(TO_GUESS)):
        if focused(page) == name:
            break
        page.keyboard.press("Tab")
    assert focused(page) == name
    for key in keys:
        page.keyboard.press(key)


def test_everything_can_be_done_by_keyboard(page):
    answer = page.locator(".answer")
    seven = [*8 * ["ArrowLeft"], " ", *18 * ["ArrowRight"], *7 * ["End"], *18 * ["ArrowDown"], " "]
    press(page, "Drawing pad", *seven)
    drawn = answer.inner_text()
    assert drawn.startswith("The network reads a 7 (")
    press(
        page, "Drawing pad", *20 * ["ArrowUp"], " ", *12 * ["ArrowLeft"], *12 * ["ArrowDown"], " "
    )
    assert answer.inner_text() != drawn
    press(page, "undo", "Enter")
    assert answer.inner_text() == drawn
    press(page, "speed", "ArrowUp")  # 2 rows a second
    press(page, "play", "Enter")
    press(page, "speed", "ArrowDown", "ArrowDown", "ArrowDown")  # while it plays: 20
    page.get_by_text(re.compile(r"^After row 28: 7 \(")).wait_for(timeout=8000)
    press(page, "row", "ArrowLeft")
    page.get_by_text(re.compile(r"^After row 27:")).wait_for()
    press(page, "share", "Enter")
    page.get_by_text("The address of this page now holds the drawing").wait_for()
    press(page, "undo", "Enter")
    assert answer.inner_text() == "Draw a digit on the pad."
    press(page, "hard", "Enter")
    press(page, "guess", "Enter")
    assert re.match(r"You read a 0\. The network reads a", answer.inner_text())
    assert focused(page) == "hard"
    press(page, "random", "Enter")
    assert answer.inner_text() == "Which digit is it? Guess, then see."
    press(page, "Drawing pad", " ")  # on a test digit, the pen begins a new sheet
    assert answer.inner_text().startswith("That is a dot.")
    press(page, "Drawing pad", *18 * ["Control+ArrowRight"])  # the browser's, not the pen's
    assert answer.inner_text().startswith("That is a dot.")
    page.keyboard.press(" ")
    for _ in range(2):  # the second is a repeat: the key is held, and the pen stays down
        page.keyboard.down(" ")
    page.keyboard.up(" ")
    press(page, "Drawing pad", *18 * ["ArrowRight"])
    assert not answer.inner_text().startswith("That is a dot.")
    press(page, "undo", "Enter")
    assert answer.inner_text().startswith("That is a dot.")
    page.locator("canvas[tabindex]").hover()  # which draws nothing
    assert answer.inner_text().startswith("That is a dot.")
    press(page, "clear", "Enter")
    assert answer.inner_text() == "Draw a digit on the pad."


@pytest.mark.parametrize("lacks", ["globalThis.DecompressionStream", "Array.prototype.at"])
def test_a_browser_that_is_too_old_is_told_so(lacks, browser, file):
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(f"delete {lacks}")
        page.goto(file.as_uri())
        page.get_by_text("The pad needs a browser of May 2023 or later.").wait_for()


def test_the_dots_keep_their_colours_where_the_user_chose_all_others(browser, file):
    with browser.new_context(forced_colors="active") as context:
        page = context.new_page()
        page.goto(file.as_uri() + "#d=270200720200450850")
        filled = page.locator(".pad-dots .pad-right").last
        filled.wait_for(state="attached")
        assert filled.evaluate("dot => getComputedStyle(dot).backgroundColor") == "rgb(0, 114, 178)"


def test_the_hardest_digits_come_first_and_are_hidden_until_the_guess(
    page, mnist, model, committed
):
    hardest = find_hardest(Weights(*model.get_weights()), *mnist[1])
    mistakes = committed.mistakes
    assert set(hardest[: len(mistakes)].tolist()) == set(mistakes)
    assert len(mistakes) < HARD
    page.get_by_role("button", name="Hard test digit").click()
    assert page.locator(".answer").inner_text() == "Which digit is it? Guess, then see."
    assert page.locator(".pad-changes").inner_text() == ""
    page.get_by_role("button", name="Reveal").click()
    named = re.search(r"reads a (\d) .* The label is (\d)\.", page.locator(".answer").inner_text())
    assert named[1] != named[2]


def test_reading_is_played_row_by_row_and_says_where_the_mind_changes(page):
    draw(page, SHAPES["7 plain"])
    page.get_by_label("Rows a second").select_option("10")
    page.get_by_role("button", name="Play").click()
    page.get_by_text(re.compile(r"^After row \d:")).wait_for()
    page.get_by_text(re.compile(r"^After row 28: 7 \(")).wait_for()
    page.get_by_role("button", name="Play").wait_for()
    assert re.search(r"changes its mind \d+ times.*, 7 \(\d+ to 28\)\.", changes(page))


def changes(page):
    return page.locator(".pad-changes").inner_text()


def test_a_drawing_is_shared_by_its_address(page, browser):
    answer, _ = draw(page, SHAPES["5 in two strokes"])
    beliefs = page.locator(".pad-after").inner_text() + changes(page)
    page.get_by_role("button", name="Share this drawing").click()
    assert "#d=" in page.url
    other = browser.new_page()
    other.goto(page.url)
    other.get_by_text(answer).wait_for()
    assert other.locator(".pad-after").inner_text() + changes(other) == beliefs
    other.close()


WORDS = some.text("#d=.0123456789 -<%&'\"", max_size=40) | some.text(max_size=20)


@settings(max_examples=300, deadline=None)
@given(
    some.lists(
        WORDS | some.from_regex(r"#d=[0-9]{0,14}(\.[0-9]{0,7})*", fullmatch=True), min_size=10
    )
)
def test_an_address_made_up_by_hand_is_a_drawing_or_nothing(opened, addresses):
    page, _ = opened
    for address, strokes in zip(addresses, in_page(page, "readAddress", addresses), strict=True):
        whole = re.fullmatch(r"#d=([0-9]{6})+(\.([0-9]{6})+)*", address)
        assert (strokes is not None) == bool(whole)
        if whole:
            assert in_page(page, "writeAddress", [strokes]) == [address]
            in_page(page, "centerStrokes", [strokes])


@pytest.mark.parametrize("address", ["#d=1", "#d=<img src=x>", "#x", "#d=" + 42_000 * "0"])
def test_an_address_that_holds_no_drawing_is_ignored(page, address):
    page.evaluate("address => { location.hash = address }", address)
    page.get_by_text("The address holds no drawing. Draw a digit on the pad.").wait_for()
    page.evaluate("location.hash = ''")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 800, 1440, 1920])
def test_nothing_is_inaccessible_or_wider_than_the_window(page, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    draw(page, SHAPES["7 plain"])
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_the_pad_is_light_and_has_no_buttons(page):
    draw(page, SHAPES["7 plain"])
    sheet = page.locator("canvas[tabindex]")
    for media, shade, seen in (("screen", "invert(1)", True), ("print", "invert(0)", False)):
        page.emulate_media(media=media, color_scheme="dark")
        assert sheet.evaluate("sheet => getComputedStyle(sheet).filter") == shade
        assert page.get_by_role("button", name="Play").is_visible() == seen
    page.emulate_media(media="screen")


@pytest.mark.slow
def test_it_is_small_and_answers_soon_on_a_slow_machine(browser, file):
    assert file.stat().st_size < 700_000
    page = browser.new_page()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    taken = []
    for _ in range(5):
        page.goto("about:blank")
        start = time.perf_counter()
        page.goto(file.as_uri() + "#d=270200720200450850")
        page.get_by_text("The network reads a 7 (").wait_for()
        taken.append(time.perf_counter() - start)
    best, middle = min(taken), statistics.median(taken)
    print(
        f"\nfirst answer after {middle:.2f} s (median of 5), {best:.2f} s at best; "
        f"{file.stat().st_size:,} bytes"
    )
    assert best < 1  # the median would be that of the other programs too
    page.close()


@pytest.mark.slow
def test_the_site_of_another_model_reads_as_keras_and_numpy_do(browser, mnist, tmp_path):
    """Of a small run with dropout; the command is that of `make site MODEL=...`."""
    results, site = tmp_path / "results", tmp_path / "site"
    parameters = {"units": 8, "epochs": 1, "train_size": 1000, "batch_size": 125, "dropout": 0.2}
    record = finish(start_plain(parameters, results), results)
    path = run_path(record.config, ".keras", results)
    command = [sys.executable, ROOT / "docs" / "pages.py", "--model", path, "--output", site]
    made = subprocess.run(command, capture_output=True, text=True)
    assert (made.returncode, made.stdout) == (0, f"Written: {site}/index.html\n")
    page = browser.new_page()
    page.goto((site / "draw.html").as_uri())
    draw(page, SHAPES["7 plain"])
    assert page.locator(".answer").inner_text().startswith("The network reads a ")
    text = page.locator("main").inner_text()
    assert "SimpleRNN of 8 units" in text
    assert "386 weights, dropout 0.2, trained on 1,000 other" in text
    assert f"{record.test.accuracy:.2%} of the 10,000 test digits right" in text
    assert find_mistakes(page, mnist) == record.mistakes
    model, x = load_model(path), scale(mnist[1][0][:100])
    beliefs = read_pixels(page, x)
    np.testing.assert_allclose(beliefs, believe_by_keras(model, x), atol=1e-5)
    page.close()


def test_where_widgets_are_unknown_the_pad_is_a_sentence():
    assert repr(Pad()).startswith("Run this cell in JupyterLab")


def test_weights_that_are_not_their_records_are_refused(make_record, tmp_path, monkeypatch):
    record = make_record(units=8)
    model = build_model(record.config)
    first, *others = model.get_weights()
    record = record.model_copy(update={"weights_sha256": weights_sha256([first, *others])})
    path = write_record(record, tmp_path / "results").with_suffix(".keras")
    first[0, 0] += 1
    model.set_weights([first, *others])
    save_model(model, record.config, path)
    words = ["pages.py", "--model", str(path), "--output", str(tmp_path / "site")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as refused:
        pages.main()
    expected = f"{path}: expected the weights of its record, SHA-256 {record.weights_sha256[:12]}"
    assert re.fullmatch(re.escape(expected) + r"\.\.\., got \w{12}\.\.\.", str(refused.value))
    assert not (tmp_path / "site").exists()


def test_another_layer_is_refused(make_record, tmp_path):
    path = write_record(make_record(layer="gru"), tmp_path).with_suffix(".keras")
    path.touch()  # refused by its record, before it is read
    with pytest.raises(ModelError, match="expected a simple_rnn, got gru"):
        make_pad_page(path, tmp_path / "draw.html", STYLE, "")


def test_the_page_states_its_records_numbers(file, committed):
    text = file.read_text()
    assert f"names {committed.test.accuracy:.2%} of the 10,000 test" in re.sub(r"\s+", " ", text)
    assert f"and {committed.test.errors} wrong." in text
    assert f'<code class="digest">{committed.weights_sha256}</code>' in text


def test_the_score_counts_right_answers_of_both(page, file, mnist, model):
    """Two hard digits, which the network misclassifies, and the first test digit, a 7."""
    page.goto("about:blank")
    page.goto(file.as_uri())
    page.evaluate("Math.random = () => 0")
    first, second, *_ = mnist[1][1][find_hardest(Weights(*model.get_weights()), *mnist[1])]
    for button, digit, label, score in (
        ("Hard test digit", first, first, "you 1 of 1, the network 0."),
        ("Hard test digit", (second + 1) % 10, second, "you 1 of 2, the network 0."),
        ("Random test digit", 0, 7, "you 1 of 3, the network 1."),
    ):
        page.get_by_role("button", name=button).click()
        page.locator(".pad-guess").get_by_role("button", name=str(digit)).click()
        page.get_by_text(f"The label is {label}. Right so far: {score}").wait_for()


DOTS = "[...document.querySelectorAll('.pad-dots i')].map(dot => [dot.className, dot.style.left])"
NOW = "[...document.querySelectorAll('.pad-digits span')].findIndex(e => e.classList == 'pad-now')"


def test_a_dot_is_filled_on_the_label_and_the_present_answer_is_marked(page, file):
    """A dot is filled on the label; the digit named after the rows read is the one marked."""
    page.goto("about:blank")
    page.goto(file.as_uri())
    page.get_by_role("button", name="Hard test digit").click()
    page.get_by_role("button", name="Reveal").click()
    label = re.search(r"The label is (\d)", page.locator(".answer").inner_text())[1]
    dots = page.evaluate(DOTS)
    assert len(dots) == 28
    assert all((kind == "pad-right") == (left == f"{10 * int(label) + 5}%") for kind, left in dots)
    for row in (1, 9, 28):
        page.locator("[name=row]").fill(str(row))
        named = re.search(r"After row \d+: (\d)", page.locator(".pad-after").inner_text())[1]
        assert page.evaluate(NOW) == int(named)


ALPHA = """([place, side]) => {
    const canvas = document.querySelectorAll("canvas")[place], step = canvas.width / side;
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const at = i => Math.floor((i + 0.5) * step);
    return Array.from({length: side * side}, (_, i) =>
        data[4 * (at(Math.floor(i / side)) * canvas.width + at(i % side)) + 3]);
}"""


def test_a_test_digit_is_shown_as_it_is_and_pale_where_it_is_not_read(browser, file, mnist):
    page = browser.new_page()
    page.goto(file.as_uri())
    page.evaluate("Math.random = () => 0")
    page.get_by_role("button", name="Random test digit").click()
    digit = mnist[1][0][0].astype(int)
    for place in (0, 1):
        shown = np.reshape(page.evaluate(ALPHA, [place, 28]), (28, 28))
        assert abs(shown - digit).max() <= 1
    page.get_by_role("button", name="Reveal").click()
    page.locator("[name=row]").fill("10")
    pale = np.reshape(page.evaluate(ALPHA, [1, 28]), (28, 28))
    assert abs(pale[:10] - digit[:10]).max() <= 1
    assert abs(pale[10:] - digit[10:] / 4).max() <= 1
    page.close()


def test_a_drawing_that_is_too_long_for_an_address_is_not_shared(page, file):
    page.goto("about:blank")
    most = "#d=" + 5832 * "270200"
    page.goto(file.as_uri() + most)
    pad = page.get_by_role("application")
    for key in (" ", "ArrowRight", "ArrowDown", "ArrowRight"):
        pad.press(key)
    page.get_by_role("button", name="Share").click()
    page.get_by_text("This drawing has too many points for an address.").wait_for()
    assert page.evaluate("location.hash") == most
