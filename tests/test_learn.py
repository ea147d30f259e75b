"""Test learn.html in Chromium, like a user who opens the file without a network."""

import base64
import csv
import io
import re
import time
import zlib

import numpy as np
import pytest
from helpers.firefox import FIREFOX, open_firefox

from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.bits.compare import compare
from mnist_rnn.bits.known_answers import (
    digest_arrays,
    list_cases,
    read_cases,
    take_step,
    to_json,
)
from mnist_rnn.bits.mistakes import make_mistake
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import epoch_order, scale
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.run import read_run, run_path
from mnist_rnn.system.errors import ParameterError
from mnist_rnn.system.paths import COMMITTED
from mnist_rnn.web.learn.engine import HERE, OPTIONS, build_engine
from mnist_rnn.web.learn.page import PAGE_CONFIG, PAGE_STEPS

MINUTE = 60_000  # Playwright counts milliseconds
RECORD = read_run(run_path(PAGE_CONFIG, ".json", COMMITTED))
EPOCH = PAGE_STEPS // PAGE_CONFIG.epochs
ORDER = epoch_order(PAGE_CONFIG.seed, 0, PAGE_CONFIG.train_size)
KNOWN = read_cases()
QUICK = "#rate=0.02&units=16&batch=256&images=320"  # 25 steps of a small network
LEDGER = "program,cpu,system,versions,same_bits,other_bits,seconds,date,measured_by"


@pytest.fixture
def file(site):
    return site / "learn.html"


def wait_for_step(page, step):
    page.get_by_text(re.compile(rf"^Step {step} of \d+")).wait_for(timeout=20 * MINUTE)


def progress(page):
    return page.locator(".learn-progress p").inner_text()


def status(page):
    return page.locator(".learn-result [role=status]").inner_text()


def press(page, name):
    page.get_by_role("button", name=name).click()


def read_digest(text):
    return re.search(r"[0-9a-f]{64}", text)[0]


@pytest.mark.slow
def test_the_browser_computes_the_same_weights_as_tensorflow(open_page, file):
    """Train to the end. Expect TensorFlow's weights, and a row of the ledger in the saved file."""
    page = open_page(file)
    press(page, "Train")
    page.get_by_text("exactly the same 75,530 weights as TensorFlow.").wait_for(timeout=20 * MINUTE)
    assert read_digest(status(page)) == RECORD.weights_sha256
    with page.expect_download() as saving:
        press(page, "Save this result")
    (row,) = csv.DictReader(io.StringIO(saving.value.path().read_text()))
    assert ",".join(row) == LEDGER
    assert (row["program"], row["system"], row["same_bits"]) == ("Browser", "Linux", "learn.html")
    assert re.fullmatch(r"Chromium \d+, fused arithmetic", row["versions"])


@pytest.mark.parametrize(
    "fragment", ["", pytest.param("#exact", marks=pytest.mark.slow)], ids=["fused", "exact"]
)
def test_the_weights_after_the_first_epoch_equal_those_of_tensorflow(open_page, file, fragment):
    """Expect TensorFlow's weights before and after the first epoch, in both kinds of arithmetic."""
    page = open_page(file, fragment)
    wait_for_step(page, 0)
    first = weights_sha256(draw_initial_weights(PAGE_CONFIG))[:8]
    assert f"Fingerprint {first} before the first step, same as TensorFlow's" in progress(page)
    press(page, "Train")
    last = f"{RECORD.history.weights_sha256[0][:8]} after step {EPOCH}, same as TensorFlow's"
    page.get_by_text(f"Fingerprint {last}").wait_for(timeout=10 * MINUTE)
    press(page, "Pause")
    page.get_by_text("Paused.").wait_for()


@pytest.mark.parametrize("part", ["weights", "images"])
def test_one_changed_bit_in_the_page_is_detected(open_page, file, tmp_path, part):
    """Change a bit of an initial weight or of an image, and expect a message with the step."""
    text = file.read_text()
    packed = re.search(rf'"{part}": "([^"]+)"', text)[1]
    content = bytearray(zlib.decompress(base64.b64decode(packed)))
    first = ORDER[0] * 784 + 14 * 28 + 14 if part == "images" else 100_000
    content[first] ^= 1
    damaged = tmp_path / "learn.html"
    damaged.write_text(text.replace(packed, base64.b64encode(zlib.compress(content)).decode()))
    page = open_page(damaged)
    wait_for_step(page, 0)
    press(page, "Train")
    when = {"weights": "before the first step", "images": f"after step {EPOCH}"}[part]
    message = f"The weights first differ from TensorFlow's weights {when}."
    page.get_by_text(message).wait_for(timeout=10 * MINUTE)


def train(page):
    press(page, "Train")
    page.get_by_text(re.compile("steps took")).wait_for(timeout=10 * MINUTE)
    return read_digest(status(page))


def test_two_runs_are_compared_on_one_screen_and_an_address_repeats_the_last(open_page, file):
    """Train twice. Then open the second run's address in a new profile, and train again."""
    page = open_page(file, QUICK, viewport={"width": 1280, "height": 720})
    wait_for_step(page, 0)
    first = train(page)
    assert progress(page).startswith("Step 25 of 25")
    page.get_by_label("Learning rate").select_option("0.1")
    wait_for_step(page, 0)
    second = train(page)
    assert first != second
    (earlier,) = page.locator(".learn-runs li").all_inner_texts()
    assert earlier.startswith("rate 0.02, 16 units, 256 per step, 320 images: ")
    for part in ("canvas", ".learn-runs", ".learn-settings", "[role=status]"):
        for box in (element.bounding_box() for element in page.locator(part).all()):
            assert box["y"] + box["height"] <= 720, part
    press(page, "Copy address")
    assert "#" + page.url.split("#")[1] == QUICK.replace("0.02", "0.1")
    again = open_page(file, "#" + page.url.split("#")[1] + "&exact=1")
    wait_for_step(again, 0)
    assert train(again) == second


@pytest.mark.slow
@pytest.mark.skipif(FIREFOX is None, reason="needs Firefox: `apt-get install firefox-esr`")
def test_an_address_trains_the_same_weights_in_firefox(open_page, file, tmp_path):
    page = open_page(file, QUICK)
    wait_for_step(page, 0)
    expected = train(page)
    with open_firefox(tmp_path) as send:
        send("Navigate", url=file.as_uri() + QUICK)
        script = "const b = document.querySelector('[name=train]'); if (b && !b.disabled && "
        script += "b.textContent === 'Train') b.click(); return document.body.innerText"
        for _ in range(600):
            text = send("ExecuteScript", script=script, args=[])
            if "steps took" in text:
                break
            time.sleep(0.2)
    assert read_digest(text.split("steps took")[1]) == expected


def test_unknown_settings_in_an_address_are_ignored(open_page, file):
    page = open_page(file, "#rate=7&units=<b>&batch=32&epochs=3")
    wait_for_step(page, 0)
    chosen = [page.locator(f"[name={name}]").input_value() for name in ("rate", "units", "batch")]
    assert chosen == ["0.05", "256", "32"]
    assert "TensorFlow has not trained with these settings" in progress(page)


def test_the_pad_reads_the_saved_weights(open_page, file, site, mnist, tmp_path):
    page = open_page(file, QUICK)
    wait_for_step(page, 0)
    digest = train(page)
    with page.expect_download() as saving:
        press(page, "Save the weights")
    path = tmp_path / saving.value.suggested_filename
    saving.value.save_as(path)
    numbers, units = np.fromfile(path, "<f4"), 16
    shapes = [(28, units), (units, units), (units,), (units, 10), (10,)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    arrays = [p.reshape(s) for p, s in zip(np.split(numbers, ends[:-1]), shapes, strict=True)]
    assert weights_sha256(arrays) == digest
    pad = open_page(site / "draw.html", reduced_motion="reduce")
    pad.locator("[type=file]").set_input_files(path)
    pad.get_by_text("Now a network of 16 units reads. Draw a digit.").wait_for()
    pad.get_by_role("button", name="Random test digit").click()
    pad.get_by_role("button", name="Reveal").click()
    label = int(re.search(r"The label is (\d)", pad.locator(".answer").inner_text())[1])
    images = scale(mnist[1][0][:200][mnist[1][1][:200] == label])
    weights = Weights(*arrays)
    last = compute_probabilities(weights, compute_states(weights, images))[:, -1]
    said = re.search(r"reads an? (\d) \((\d+)%", pad.locator(".answer").inner_text())
    highest = {(str(row.argmax()), f"{100 * row.max():.0f}") for row in last}
    assert said.groups() in highest
    (tmp_path / "other.f32").write_bytes(b"12345")
    pad.locator("[type=file]").set_input_files(tmp_path / "other.f32")
    pad.get_by_text("Expected a file of weights").wait_for()


def compare_in(page, folder, cases):
    """Upload a file of cases, and return the sentence that the page prints for each case."""
    (folder / "dump.json").write_text(to_json(cases))
    page.locator("#compare output").evaluate("element => element.replaceChildren()")
    page.get_by_label("Arrays of your program").set_input_files(folder / "dump.json")
    page.locator("#compare output span").first.wait_for()
    return page.locator("#compare output span").all_inner_texts()


def test_the_page_and_the_command_say_the_same_of_known_cases(open_page, file, tmp_path):
    """Compare right, wrong and incomplete cases. Only the format of numbers may differ."""
    page = open_page(file)
    page.locator("#compare").wait_for()
    wrong = make_mistake("gradients are added from the first timestep to the last")
    dumps = [KNOWN, {name: digest_arrays(case) for name, case in KNOWN.items()}]
    dumps += [{name: take_step(KNOWN[name], wrong) for name in (*list_cases(KNOWN), "GRU", "Adam")}]
    dumps += [{"default, step 1": KNOWN["default, step 2"]}]
    for dump in dumps:
        expected = [str(compare(name, dump[name], KNOWN)) for name in dump]
        for ours, theirs in zip(compare_in(page, tmp_path, dump), expected, strict=True):
            numbers = r"expected .*, got .*, (?=[\d,]+ ULP)"
            assert re.sub(numbers, "", ours) == re.sub(numbers, "", theirs)
    for dump in ({"LSTM": {"x": KNOWN["LSTM"]["x"]}}, {"LSTM": {"Z": KNOWN["LSTM"]["z"]}}):
        (sentence,) = compare_in(page, tmp_path, dump)
        with pytest.raises(ParameterError) as error:
            compare("LSTM", dump["LSTM"], KNOWN)
        assert sentence == str(error.value)
    assert "expected one of" in compare_in(page, tmp_path, {"mine": {}})[0]
    assert compare_in(page, tmp_path, {}) == ["Expected at least one case, got none."]
    with page.expect_download() as saving:
        press(page, "Save the known answers")
    assert to_json(read_cases(saving.value.path())) == to_json(KNOWN)


# This script records the worker's messages and the drawings on the page's canvases.
SPY = """
globalThis.messages = [];
globalThis.drawn = [];
globalThis.Worker = class extends Worker {
    constructor(...given) {
        super(...given);
        this.addEventListener("message", ({ data }) => data.type === "now" && messages.push(data));
    }
};
for (const name of ["fillText", "arc"]) {
    const draw = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
        drawn.push([this.canvas.className.split(" ")[0], name, ...given]);
        return draw.apply(this, given);
    };
}
Math.random = () => 0;  // the first test digit is shown
"""


def test_shown_numbers_and_drawings_follow_from_the_weights(open_page, file, mnist):
    """Compare the page with NumPy before the training, and after a step."""
    weights = Weights(*draw_initial_weights(PAGE_CONFIG))
    images, labels = (part[:250] for part in mnist[1])
    probabilities = compute_probabilities(weights, compute_states(weights, scale(images)))
    last = probabilities[:, -1]
    page = open_page(file, script=SPY, reduced_motion="reduce")
    wait_for_step(page, 0)
    page.get_by_text("; the label is").wait_for()
    given = page.evaluate("messages.at(-1).probabilities.map(row => [...row])")
    np.testing.assert_allclose(given, probabilities[0], atol=1e-6)
    right = (last.argmax(axis=1) == labels).mean()
    assert page.locator(".right").inner_text() == f"{100 * right:.0f}%"
    digit, highest = last[0].argmax(), last[0].max()
    said = f"predicts a {digit} (probability {100 * highest:.0f}%); the label is {labels[0]}."
    assert page.locator(".reads").inner_text().endswith(said)
    angles = 2 * np.pi * np.arange(10) / 10
    corners = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    side = page.evaluate("document.querySelector('.learn-map').clientWidth")
    drawn = page.evaluate("drawn.filter(([name]) => name === 'learn-map')")
    texts = [each for each in drawn if each[1] == "fillText"][-260:]
    places = np.array([(x, y) for *_, x, y in texts]) / (side / 2) - 1
    assert [digit for _, _, digit, *_ in texts] == [*range(10), *labels]
    np.testing.assert_allclose(places[:10], 0.78 * corners, atol=1e-2)
    assert np.linalg.norm(places[10:] - 0.78 * last @ corners, axis=1).max() < 0.78 * 0.2 + 1e-2
    press(page, "One step")
    wait_for_step(page, 1)
    batch = ORDER[: PAGE_CONFIG.batch_size]
    images, labels = (part[batch] for part in mnist[0])
    last = compute_probabilities(weights, compute_states(weights, scale(images)))[:, -1]
    loss = -np.log(last[np.arange(len(labels)), labels]).mean()
    assert page.locator(".loss").inner_text() == f"{loss:.2f}"
    drawn = page.evaluate("drawn.filter(([name]) => name === 'learn-curve')")
    texts = {each[2]: each[3:] for each in drawn if each[1] == "fillText"}
    *_, (x, y) = [each[2:4] for each in drawn if each[1] == "arc"]
    (_, bottom), (_, top) = texts["0.0"], texts["3.0"]
    assert 3 * (bottom - y) / (bottom - top) == pytest.approx(loss, abs=1e-5)
    share = (x - texts["0"][0]) / (texts["20 epochs"][0] - texts["0"][0])
    assert share == pytest.approx(1 / PAGE_STEPS)


STEADY = [2.4 - step / 400 for step in range(400)]
JUMP = [*STEADY, *[2.1] * 40]
# 30 of 250 digits have the most frequent label, so an accuracy of 16% may be due to chance.
SKEWED = [0] * 30 + [1 + i % 9 for i in range(220)]


@pytest.mark.parametrize(
    ("right", "training", "verdict", "reason"),
    [
        (0.5, {"losses": JUMP}, "The network has learned:", ""),
        (0.49, {"losses": STEADY}, "The network has learned little:", "was still falling"),
        (0.17, {"losses": JUMP}, "The network has learned little:", "the loss rose by 0.7"),
        (0.16, {"losses": JUMP}, "The network has not learned:", "the loss rose by 0.7"),
        (0.1, {"losses": [2.3], "diverged": True}, "The network has not learned:", "overflowed"),
    ],
)
def test_the_verdict_follows_from_the_accuracy_and_the_losses(
    browser, right, training, verdict, reason
):
    values = {"right": right, "labels": SKEWED, "diverged": False, "rate": 0.2} | training
    program = f"values => {{ {(HERE / 'learn.js').read_text()}; return judge(values); }}"
    page = browser.new_page()
    said, why = page.evaluate(program, values)
    page.close()
    assert said == f"{verdict} the test accuracy on 250 digits is {100 * right:.0f}%."
    assert reason in why
    assert bool(why) == bool(reason)


def test_too_high_a_rate_ends_the_training_with_a_message(open_page, file):
    page = open_page(file, "#rate=1&units=256&batch=16")
    page.locator("[name=rate] option").last.evaluate("option => option.textContent = '1e38'")
    page.get_by_label("Learning rate").select_option("1e38")
    wait_for_step(page, 0)
    press(page, "Train")
    page.get_by_text("the learning rate of 1e+38 is too high").wait_for(timeout=MINUTE)
    assert page.get_by_role("button", name="Train").is_disabled()


def test_a_digit_can_be_drawn_with_the_mouse_or_the_keyboard(open_page, file):
    page = open_page(file)
    wait_for_step(page, 0)
    drawn = re.compile(r"^The network predicts an? \d \(probability \d+%\)\.$")
    press(page, "Clear")
    page.get_by_text("Draw a digit on the pad.").wait_for()
    box = page.get_by_role("application").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
    page.mouse.up()
    page.get_by_text(drawn).wait_for()
    press(page, "Clear")
    page.get_by_text("Draw a digit on the pad.").wait_for()
    for key in [" ", *20 * ["ArrowDown"], " ", *5 * ["ArrowRight"]]:
        page.get_by_role("application").press(key)
    page.get_by_text(drawn).wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTIONS)
def test_the_committed_engine_equals_a_newly_compiled_engine(kind, tmp_path):
    pytest.importorskip("ziglang", reason="needs `pip install --group engine`")
    build_engine(kind, tmp_path / "built.wasm")
    assert (tmp_path / "built.wasm").read_bytes() == (HERE / f"{kind}.wasm").read_bytes()
