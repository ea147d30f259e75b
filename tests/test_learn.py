"""learn.html, as a person opens it: from a file, in Chromium, without a network."""

import base64
import json
import re
import zlib

import pytest

from mnist_rnn.bits.browser_result import BrowserResult
from mnist_rnn.errors import RecordError
from mnist_rnn.web.learn import steps
from mnist_rnn.web.learn.engine import HERE, OPTIONS, build_engine
from mnist_rnn.web.learn.steps import read_repeated

MINUTE = 60_000  # Playwright counts milliseconds
SAME = "Your browser has computed exactly the same 75,530 weights as TensorFlow."


@pytest.fixture
def file(site):
    return site / "learn.html"


def wait_for_step(page, step):
    page.get_by_text(re.compile(rf"^Step {step} of \d+")).wait_for(timeout=20 * MINUTE)


def progress(page):
    return page.locator(".learn-progress p").inner_text()


def status(page):
    return page.locator("[role=status]").inner_text()


def press(page, name):
    page.get_by_role("button", name=name).click()


@pytest.mark.slow
def test_a_browser_computes_tensorflows_weights(open_page, file):
    """All steps, by the fused product; the saved file says so and tells nothing else."""
    page = open_page(file)
    press(page, "Train")
    page.get_by_text(SAME).wait_for(timeout=20 * MINUTE)
    digest = read_repeated()[0].weights_sha256
    assert f"Fingerprint: {digest}" in status(page)
    with page.expect_download() as saving:
        press(page, "Save this result")
    saved = saving.value.path().read_text()
    result = BrowserResult.model_validate_json(saved)
    assert json.loads(result.model_dump_json()).keys() == json.loads(saved).keys()
    assert (result.weights_sha256, result.first_difference, result.arithmetic) == (
        digest,
        None,
        "fused",
    )
    assert re.fullmatch(r"Chromium \d+", result.browser)
    assert (result.system, result.processor in ("x86", "ARM")) == ("Linux", True)
    assert page.locator(".right").inner_text() == "92%"


@pytest.mark.parametrize("fragment", ["", "#exact"], ids=["fused", "exact"])
def test_the_first_steps_are_tensorflows(open_page, file, fragment):
    """One at a time; digests of 32 bits are compared, the way is told by the box."""
    page = open_page(file, fragment)
    for step in range(4):
        wait_for_step(page, step)
        assert f"Fingerprint {read_repeated()[1][step][:8]}, as TensorFlow's" in progress(page)
        press(page, "One step")
    wait_for_step(page, 4)
    assert page.get_by_role("checkbox").is_checked() == bool(fragment)


@pytest.mark.parametrize("part", ["weights", "images"])
def test_one_bit_is_noticed(open_page, file, tmp_path, part):
    """In the starting weights at once; in an image, after the first step that learns from it."""
    text = file.read_text()
    packed = re.search(rf'"{part}": "([^"]+)"', text)[1]
    content = bytearray(zlib.decompress(base64.b64decode(packed)))
    first = steps.list_orders()[0][0] * 784 + 14 * 28 + 14 if part == "images" else 100_000
    content[first] ^= 1
    damaged = tmp_path / "learn.html"
    damaged.write_text(text.replace(packed, base64.b64encode(zlib.compress(content)).decode()))
    page = open_page(damaged)
    wait_for_step(page, 0)
    press(page, "One step")
    wait_for_step(page, 1)
    step = {"weights": "before the first step", "images": "after step 1"}[part]
    assert f"The bits differ from TensorFlow's for the first time {step}." in status(page)
    assert "not TensorFlow's" in progress(page)


def test_other_settings_train_and_are_compared_with_nothing(open_page, file):
    page = open_page(file)
    wait_for_step(page, 0)
    page.get_by_label("Units").select_option("32")
    page.get_by_label("Learning rate").select_option("0.02")
    page.get_by_text("there is no run of TensorFlow to compare with").wait_for()
    press(page, "Train")
    page.get_by_text("There is nothing to compare it with.").wait_for(timeout=5 * MINUTE)
    assert int(page.locator(".right").inner_text().rstrip("%")) > 40
    assert not page.get_by_role("button", name="Save this result").is_visible()
    press(page, "Start over")
    wait_for_step(page, 0)


def test_training_pauses_and_the_page_stays_quick(open_page, file):
    """A frame is late where the machine is busy; half of them are not."""
    page = open_page(file)
    wait_for_step(page, 0)
    press(page, "Train")
    page.get_by_text(re.compile(r"^Step [1-9]")).wait_for()
    assert page.evaluate(FRAMES) < 50
    press(page, "Pause")
    page.get_by_text("Paused.").wait_for()
    paused = progress(page)
    page.wait_for_timeout(1000)
    assert progress(page) == paused


# The median time between frames, in milliseconds.
FRAMES = """() => new Promise(resolve => {
    const times = [];
    requestAnimationFrame(function count(time) {
        times.push(time);
        if (times.length < 60) return requestAnimationFrame(count);
        resolve(times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b)[29]);
    });
})"""


def test_a_digit_is_drawn_by_hand_and_by_keys(open_page, file):
    page = open_page(file)
    wait_for_step(page, 0)
    reads = page.locator(".reads")
    assert re.fullmatch(r"It reads an? \d \(\d+% sure\), and it is an? \d\.", reads.inner_text())
    press(page, "Clear")
    page.get_by_text("Draw a digit on the pad.").wait_for()
    box = page.get_by_role("application").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
    page.mouse.up()
    page.get_by_text(re.compile(r"^It reads an? \d \(\d+% sure\)\.$")).wait_for()
    press(page, "Clear")
    page.get_by_text("Draw a digit on the pad.").wait_for()
    pad = page.get_by_role("application")
    for key in [" ", *20 * ["ArrowDown"], " ", *5 * ["ArrowRight"]]:
        pad.press(key)
    page.get_by_text(re.compile(r"^It reads an? \d \(\d+% sure\)\.$")).wait_for()


def test_without_scripts_the_page_says_what_it_would_do(open_page, file):
    page = open_page(file, java_script_enabled=False)
    text = page.locator("noscript").inner_text()
    assert text.startswith("This page needs JavaScript. With it, your browser would train")


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTIONS)
def test_the_engine_is_compiled_from_its_source(kind, tmp_path):
    pytest.importorskip("ziglang", reason="needs `pip install --group engine`")
    build_engine(kind, tmp_path / "built.wasm")
    assert (tmp_path / "built.wasm").read_bytes() == (HERE / f"{kind}.wasm").read_bytes()


@pytest.mark.slow
def test_tensorflow_takes_these_steps():
    digests = [digest[: steps.LETTERS] for digest in steps.digest_steps()]
    assert digests == json.loads(steps.DIGESTS.read_text())


def test_digests_of_another_run_are_refused(tmp_path, monkeypatch):
    other = tmp_path / "steps.json"
    other.write_text('["00000000", "11111111"]')
    monkeypatch.setattr(steps, "DIGESTS", other)
    with pytest.raises(RecordError, match="expected aed57ae7 after the last step"):
        read_repeated()
    other.unlink()
    with pytest.raises(RecordError, match="can't be read"):
        read_repeated()
