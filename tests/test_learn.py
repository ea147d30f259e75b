"""Test learn.html in Chromium, like a user who opens the file without a network."""

import base64
import json
import re
import zlib

import numpy as np
import pytest
from mnist_rnn.bits.browser_result import PAGE_CONFIG, PAGE_STEPS, BrowserResult

from mnist_rnn.analysis.trained_network import Weights, compute_probabilities, compute_states
from mnist_rnn.bits.compare import BROKEN_RULES, break_rule, compare
from mnist_rnn.bits.known_answers import list_cases, read_cases, take_step, to_json
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import scale
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.run import read_run, run_path
from mnist_rnn.web.learn import engine
from mnist_rnn.web.learn.engine import HERE, OPTIONS, build_engine
from mnist_rnn.web.learn.page import WORKER, describe_known, list_orders
from mnist_rnn.web.shared import read_sources

LEARN = HERE / "learn.js"
MINUTE = 60_000  # Playwright counts milliseconds
RECORD = read_run(run_path(PAGE_CONFIG, ".json", COMMITTED))
EPOCH = PAGE_STEPS // PAGE_CONFIG.epochs
KNOWN = read_cases()
SAME = "Your browser has computed exactly the same 75,530 weights as TensorFlow."


@pytest.fixture
def file(site):
    return site / "learn.html"


def wait_for_step(page, step):
    page.get_by_text(re.compile(rf"^Step {step} of \d+")).wait_for(timeout=20 * MINUTE)


def wait_until(page, condition):
    """Wait for a JavaScript condition without `page.wait_for_function`, which the page forbids."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise TimeoutError(condition)


def progress(page):
    return page.locator(".learn-progress p").inner_text()


def status(page):
    return page.locator("[role=status]").inner_text()


def press(page, name):
    page.get_by_role("button", name=name).click()


@pytest.mark.slow
def test_the_browser_computes_the_same_weights_as_tensorflow(open_page, file):
    """Train to the end. Expect TensorFlow's weights, and only known fields in the saved file."""
    page = open_page(file)
    press(page, "Train")
    page.get_by_text(SAME).wait_for(timeout=20 * MINUTE)
    digest = RECORD.weights_sha256
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
def test_the_weights_after_the_first_epoch_equal_those_of_tensorflow(open_page, file, fragment):
    """Expect TensorFlow's weights before and after the first epoch, in both kinds of arithmetic."""
    page = open_page(file, fragment)
    wait_for_step(page, 0)
    first = weights_sha256(draw_initial_weights(PAGE_CONFIG))[:8]
    assert f"Fingerprint {first} before the first step, same as TensorFlow's" in progress(page)
    press(page, "One step")
    wait_for_step(page, 1)
    assert f"Fingerprint {first} before the first step, same as TensorFlow's" in progress(page)
    press(page, "Train")
    last = f"{RECORD.history.weights_sha256[0][:8]} after step {EPOCH}, same as TensorFlow's"
    page.get_by_text(f"Fingerprint {last}").wait_for(timeout=10 * MINUTE)
    assert page.get_by_role("checkbox").is_checked() == bool(fragment)


@pytest.mark.parametrize("part", ["weights", "images"])
def test_one_changed_bit_in_the_page_is_detected(open_page, file, tmp_path, part):
    """Change a bit of an initial weight or of an image, and expect a message with the step."""
    text = file.read_text()
    packed = re.search(rf'"{part}": "([^"]+)"', text)[1]
    content = bytearray(zlib.decompress(base64.b64decode(packed)))
    first = list_orders()[0][0] * 784 + 14 * 28 + 14 if part == "images" else 100_000
    content[first] ^= 1
    damaged = tmp_path / "learn.html"
    damaged.write_text(text.replace(packed, base64.b64encode(zlib.compress(content)).decode()))
    page = open_page(damaged)
    wait_for_step(page, 0)
    press(page, "Train")
    when = {"weights": "before the first step", "images": f"after step {EPOCH}"}[part]
    message = f"The weights first differ from TensorFlow's weights {when}."
    page.get_by_text(message).wait_for(timeout=10 * MINUTE)
    press(page, "Pause")
    assert "different from TensorFlow's" in progress(page)


def compare_in(page, folder, cases):
    """Upload a file of cases, and return the sentence that the page prints for each case."""
    (folder / "dump.json").write_text(to_json(cases))
    page.locator("#compare output").evaluate("element => element.replaceChildren()")
    page.get_by_label("Arrays of your program").set_input_files(folder / "dump.json")
    page.locator("#compare output span").first.wait_for()
    return page.locator("#compare output span").all_inner_texts()


def test_the_page_and_the_command_explain_a_difference_in_the_same_words(open_page, file, tmp_path):
    """Break each rule. The page and the command may differ only in the format of numbers."""
    page = open_page(file)
    page.locator("#compare").wait_for()
    named = set()
    for rule in BROKEN_RULES:
        broken = break_rule(rule)
        dump = {name: take_step(KNOWN[name], broken) for name in list_cases()}
        expected = [compare(name, dump[name], KNOWN) or f"{name}: the same bits." for name in dump]
        for ours, theirs in zip(compare_in(page, tmp_path, dump), expected, strict=True):
            numbers = r"expected .*, got .*, (?=[\d,]+ ULP)"
            assert re.sub(numbers, "", ours) == re.sub(numbers, "", theirs)
            named |= {rule} if rule in ours else set()
    assert named == {*BROKEN_RULES}


def test_an_uploaded_file_may_lack_arrays_or_contain_digests(open_page, file, tmp_path):
    page = open_page(file)
    page.locator("#compare").wait_for()
    one, step = KNOWN["1 image"], KNOWN["default, step 2"]
    wrong = one["z"].copy()
    wrong[0, 1] = -0.0
    hexadecimal = re.sub(r"\.?0*p", "p", float(one["z"][0, 1]).hex())
    cases = {
        "1 image": {"z": wrong, "x": one["x"]},
        "halfway": {"x": KNOWN["halfway"]["x"] * 2},
        "129 images": {"c": KNOWN["129 images"]["c"][:9]},
        "300 images": {"z": KNOWN["300 images"]["z"]},
        "default, step 2": step | {"g": "sha256 " + 64 * "0"},
        "default, step 3": {"z": KNOWN["default, step 3"]["z"]},
        "of mine": one,
    }
    lines = compare_in(page, tmp_path, cases)
    assert f"expected {hexadecimal}, got -0x0p+0, " in lines[0]
    assert lines[0].startswith("1 image: z differs in 1 of 10 numbers, the first at [0, 1]: ")
    end = compare("1 image", one | {"z": wrong}, KNOWN).rpartition(", ")[2]
    assert end.endswith(" ULP apart. No single broken rule explains the difference.")
    assert lines[0].rpartition(", ")[2] == end
    assert lines[1].startswith(
        "halfway: the input x differs in 2 of 2 numbers, the first at [0, 0, 0]"
    )
    assert lines[2] == "129 images: the input c differs: expected the shape (10), got (9)."
    assert lines[3] == "300 images: the same bits."
    assert lines[4] == f"default, step 2: g differs: expected {step['g']}, got sha256 {64 * '0'}."
    assert lines[5] == "default, step 3: the same bits."
    assert lines[6].startswith("of mine: expected one of 1 image, halfway, ")
    (tmp_path / "wrong.json").write_text('{"1 image": {"z": [[1], "1.5"]}}')
    page.get_by_label("Arrays of your program").set_input_files(tmp_path / "wrong.json")
    page.get_by_text("Expected cases with arrays, in the form of the known answers.").wait_for()


def test_the_known_answers_can_be_saved(open_page, file, tmp_path):
    page = open_page(file)
    page.locator("#compare").wait_for()
    with page.expect_download() as saving:
        press(page, "Save the known answers")
    saved = read_cases(saving.value.path())
    assert saved.keys() == KNOWN.keys()
    assert to_json(saved) == to_json(KNOWN)


# Maps each rule to code in engine.c or rnn.c, and to a replacement that breaks the rule.
BROKEN_LINES = {
    "each product is rounded before it is added": (
        "wasm_f32x4_relaxed_madd(wasm_f32x4_splat(a), (v128_t)b, (v128_t)s)",
        "wasm_f32x4_add(wasm_f32x4_mul(wasm_f32x4_splat(a), (v128_t)b), (v128_t)s)",
    ),
    "the bias is added after both matrix products": (
        "+ b[j]) + product[i + j]",
        "+ product[i + j]) + b[j]",
    ),
    "(a / s) e is computed in place of (a (1 / s)) e": ("(a * (1 / s)) * e[j]", "a / s * e[j]"),
    "tanh is differentiated as (1 + h) (1 - h)": ("1 - h[i] * h[i]", "(1 + h[i]) * (1 - h[i])"),
    "a bias's gradient is summed without groups of 32 images": (
        "128 : part > 32 ? 32 : 1",
        "128 : 1",
    ),
    "sums of more than 256 terms are not cut into parts": ("columns, 256)", "columns, terms)"),
    "sums over more than 128 images are not cut into parts": ("columns, 128)", "columns, n)"),
    "subnormal numbers are not replaced by 0": ("fabsf(x) < 0x1p-126f ? copysignf(0, x) : x", "x"),
}


@pytest.mark.slow
def test_the_page_names_the_rule_that_its_engine_breaks(watch, tmp_path, monkeypatch):
    """Compile engines that break one rule each, to imitate a browser with different arithmetic."""
    pytest.importorskip("ziglang", reason="needs `pip install --group engine`")
    folder = tmp_path / "src" / "mnist_rnn" / "web" / "learn"
    folder.mkdir(parents=True)
    (tmp_path / "implementations").mkdir()
    sources = {folder / "engine.c": HERE / "engine.c"}
    sources[tmp_path / "implementations" / "rnn.c"] = ROOT / "implementations" / "rnn.c"
    monkeypatch.setattr(engine, "HERE", folder)
    page, named = watch(), {}
    for rule, (line, instead) in BROKEN_LINES.items():
        for copy, source in sources.items():
            copy.write_text(source.read_text().replace(line, instead))
        build_engine("fused", tmp_path / "fused.wasm")
        module = [*(tmp_path / "fused.wasm").read_bytes()]
        named[rule] = page.evaluate(
            """async ([scripts, module, known]) => {
                const run = new Function("known", "module", `${scripts}
                    data = { known };
                    return WebAssembly.instantiate(Uint8Array.from(module)).then(({ instance }) => {
                        engine = instance.exports;
                        return checkEngine();
                    });`);
                return run(known, module);
            }""",
            [read_sources(WORKER), module, describe_known()],
        )
    assert all(rule in sentence for rule, sentence in named.items()), named


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
for (const name of ["fillText", "lineTo", "arc"]) {
    const draw = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
        drawn.push([this.canvas.className.split(" ")[0], name, this.font, ...given]);
        return draw.apply(this, given);
    };
}
Math.random = () => 0;  // the first test digit is shown
"""


@pytest.fixture
def watch(open_page, file):
    """Return a function that opens the page and records its messages and drawings."""

    def watch(**options):
        page = open_page(file, script=SPY, reduced_motion="reduce", **options)
        wait_for_step(page, 0)
        wait_until(page, "messages.at(-1)?.test === null && drawn.length")
        return page

    return watch


@pytest.fixture(scope="module")
def started(mnist):
    """Return the page's initial weights, and the labels and probabilities of its test digits."""
    weights = Weights(*draw_initial_weights(PAGE_CONFIG))
    images, labels = (part[:250] for part in mnist[1])
    return weights, labels, compute_probabilities(weights, compute_states(weights, scale(images)))


def test_the_numbers_before_the_training_follow_from_the_initial_weights(watch, started, mnist):
    _, labels, probabilities = started
    page = watch()
    at_first = page.evaluate("messages[0].test.probabilities.map(row => [...row])")
    np.testing.assert_allclose(at_first, probabilities[:, -1], atol=1e-6)
    after_rows = page.evaluate("messages.at(-1).probabilities.map(row => [...row])")
    np.testing.assert_allclose(after_rows, probabilities[0], atol=1e-6)
    right = (probabilities[:, -1].argmax(axis=1) == labels).mean()
    assert page.locator(".right").inner_text() == f"{100 * right:.0f}%"
    digit, highest = probabilities[0, -1].argmax(), probabilities[0, -1].max()
    said = (
        f"The network predicts a {digit} (probability {100 * highest:.0f}%); "
        f"the label is {labels[0]}."
    )
    assert page.locator(".reads").inner_text() == said
    assert page.locator(".learn-heads .now").inner_text() == str(digit)


def test_the_shown_loss_of_a_step_is_the_loss_of_its_batch(watch, started, mnist):
    weights, *_ = started
    batch = list_orders()[0][: PAGE_CONFIG.batch_size]
    images, labels = (part[batch] for part in mnist[0])
    last = compute_probabilities(weights, compute_states(weights, scale(images)))[:, -1]
    loss = -np.log(last[np.arange(len(labels)), labels]).mean()
    page = watch()
    press(page, "One step")
    wait_for_step(page, 1)
    assert page.evaluate("messages.flatMap(each => each.losses)") == pytest.approx([loss], abs=1e-5)
    assert page.locator(".loss").inner_text() == f"{loss:.2f}"
    assert page.evaluate("messages.at(-1).diverged") is False


def test_the_map_places_each_test_digit_by_its_probabilities(watch, started):
    """Check that the map shows the digit 0 at the top and the other digits clockwise."""
    _, labels, probabilities = started
    page = watch()
    side = page.evaluate("document.querySelector('.learn-map').clientWidth")
    drawn = page.evaluate("drawn.filter(([name]) => name === 'learn-map')")
    angles = 2 * np.pi * np.arange(10) / 10
    corners = np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    texts = [each for each in drawn if each[1] == "fillText"][-260:]
    places = np.array([(x, y) for *_, x, y in texts]) / (side / 2) - 1
    assert [digit for _, _, _, digit, *_ in texts] == [*range(10), *labels]
    np.testing.assert_allclose(places[:10], 0.78 * corners, atol=1e-2)
    expected = 0.78 * probabilities[:, -1] @ corners
    assert np.linalg.norm(places[10:] - expected, axis=1).max() < 0.78 * 0.2 + 1e-2
    assert np.abs((places[10:] - expected).mean(axis=0)).max() < 0.02
    *_, x, y = [each[:5] for each in drawn if each[1] == "arc"][-1]
    np.testing.assert_allclose(np.array([x, y]) / (side / 2) - 1, expected[0], atol=1e-2)


def test_the_last_point_of_each_curve_is_at_the_right_position(watch):
    page = watch()
    for step in range(1, 11):  # the page classifies test digits again after step 10
        press(page, "One step")
        wait_for_step(page, step)
    losses = page.evaluate("messages.flatMap(each => each.losses)")
    assert page.locator(".loss").inner_text() == f"{np.mean(losses):.2f}"
    right = page.evaluate("messages.at(-1).test.probabilities.map(row => [...row])")
    labels = json.loads(page.locator("#data").text_content())["labels"][-250:]
    answers = [str(np.argmax(row)) for row in right]
    share = np.mean([a == b for a, b in zip(answers, labels, strict=True)])
    drawn = page.evaluate("drawn.filter(([name]) => name === 'learn-curve')")
    texts = {each[3]: each[4:] for each in drawn if each[1] == "fillText"}
    points = [each[3:5] for each in drawn if each[1] == "arc"][-2:]
    for (x, y), value, (low, high), guess in (
        (points[0], share, ("0%", "100%"), ("guessing: 10%", 0.1)),
        (points[1], np.mean(losses[-5:]), ("0.0", "3.0"), ("guessing: 2.3", np.log(10))),
    ):
        (_, bottom), (_, top) = texts[low], texts[high]
        unit = (bottom - top) / float(high.rstrip("%")) * (100 if "%" in high else 1)
        assert (bottom - y) / unit == pytest.approx(value, abs=1e-6)
        assert (bottom - texts[guess[0]][1] - 7) / unit == pytest.approx(guess[1], abs=1e-6)
        end = texts[f"{PAGE_STEPS} steps"][0]
        assert (x - texts["0"][0]) / (end - texts["0"][0]) == pytest.approx(10 / PAGE_STEPS)


def test_only_a_training_with_default_settings_is_compared_with_tensorflow(watch):
    page = watch()
    defaults = {"Units": 256, "Learning rate": 0.05, "Digits per step": 64}
    assert [*defaults.values()] == [
        PAGE_CONFIG.units,
        PAGE_CONFIG.learning_rate,
        PAGE_CONFIG.batch_size,
    ]

    for name, other in (("Units", 16), ("Learning rate", 0.1), ("Digits per step", 32)):
        for value, compared in ((other, False), (defaults[name], True)):
            page.get_by_label(name).select_option(str(value))
            sentence = "TensorFlow has trained the same" if compared else "There is no run of"
            page.get_by_text(sentence).wait_for()
            fingerprint = page.locator(".learn-progress code")
            fingerprint.wait_for(state="visible" if compared else "detached")
            units, _, batch = (defaults | {name: value}).values()
            numbers = {
                "units": units,
                "weights": units * (28 + units + 1 + 10) + 10,
                "steps": PAGE_CONFIG.epochs * PAGE_CONFIG.train_size // batch,
                "batch": batch,
            }
            for place, number in numbers.items():
                assert page.locator(f"[data-now={place}]").inner_text() == f"{number:,}"
            assert f"Step 0 of {numbers['steps']}" in progress(page)


def ask(page, function, *values):
    """Call a function of learn.js in the page, and return its result."""
    program = f"values => {{ {LEARN.read_text()}; return {function}(...values); }}"
    return page.evaluate(program, values)


STEADY = [2.4 - step / 400 for step in range(400)]
JUMP = [*STEADY, *[2.1] * 40]
OVERSHOOT = "During training, the loss rose by 0.7: with a learning rate of 0.2, steps overshoot."
MORE = "The training loss was still falling. To train for more steps, choose fewer digits per step."


@pytest.mark.parametrize(
    ("right", "training", "verdict", "reason"),
    [
        (0.5, {"losses": JUMP}, "The network has learned", ""),
        (0.49, {"losses": STEADY}, "The network has learned little", MORE),
        (0.49, {"losses": JUMP}, "The network has learned little", OVERSHOOT),
        (0.17, {"losses": STEADY}, "The network has learned little", MORE),
        (0.16, {"losses": JUMP}, "The network has not learned", OVERSHOOT),
        (
            0.1,
            {"losses": [2.3], "diverged": True},
            "The network has not learned",
            "The network's weights have overflowed",
        ),
    ],
)
def test_the_verdict_follows_from_the_accuracy_and_the_losses(
    watch, right, training, verdict, reason
):
    """Judge the test accuracy on 250 digits, of which 12% have the most frequent label.

    An accuracy of 16% may still be due to chance.
    """
    values = {"right": right, "count": 250, "common": 0.12, "diverged": False, "rate": 0.2}
    said, why = ask(watch(), "judge", values | training)
    assert said == f"{verdict}: the test accuracy on 250 digits is {100 * right:.0f}%."
    assert why.startswith(reason)
    assert bool(why) == bool(reason)


@pytest.mark.parametrize(
    ("settings", "verdict", "reason"),
    [
        ({"Units": "32", "Learning rate": "0.02"}, "The network has learned", ""),
        (
            {"Units": "16", "Learning rate": "0.01"},
            "The network has learned little",
            "was still falling",
        ),
        (
            {"Units": "16", "Learning rate": "0.1", "Digits per step": "16"},
            "The network has not learned",
            "rate of 0.1, steps overshoot",
        ),
        pytest.param(
            {"Learning rate": "0.2"},
            "The network has not learned",
            "rate of 0.2, steps overshoot",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_training_with_changed_settings_is_judged_by_its_results(
    watch, settings, verdict, reason
):
    page = watch()
    for name, value in settings.items():
        page.get_by_label(name).select_option(value)
    page.get_by_text("There is no run of TensorFlow with these settings").wait_for()
    press(page, "Train")
    page.get_by_text(re.compile(r"steps took [\d.]+ seconds with the fast arithmetic\.")).wait_for(
        timeout=10 * MINUTE
    )
    right = page.locator(".right").inner_text()
    assert status(page).startswith(f"{verdict}: the test accuracy on 250 digits is {right}.")
    assert reason in status(page)
    assert (page.locator(".learn-result.other").count() == 1) == bool(reason)
    assert not page.get_by_role("button", name="Save this result").is_visible()
    press(page, "Start over")
    wait_for_step(page, 0)


def test_diverging_weights_end_the_training_with_a_message(watch):
    page = watch()
    page.locator("[name=rate] option").last.evaluate("option => option.textContent = '1e38'")
    page.get_by_label("Units").select_option("16")
    page.get_by_label("Learning rate").select_option("1e38")
    press(page, "Train")
    page.get_by_text("the learning rate of 1e+38 is too high").wait_for(timeout=MINUTE)
    step = int(re.match(r"Step (\d+) of", progress(page))[1])
    assert 0 < step < 10
    assert page.locator(".reads").inner_text() == "The network can no longer predict a digit."
    assert page.get_by_role("button", name="Train").is_disabled()


def test_the_remaining_time_is_estimated_from_the_remaining_steps(watch):
    page = watch()
    page.get_by_label("Digits per step").select_option("16")
    page.get_by_label("Units").select_option("32")
    page.get_by_text("Step 0 of 1600").wait_for()
    press(page, "Train")
    wait_until(page, "messages.at(-1).step > 500")
    press(page, "Pause")
    page.get_by_text("Paused.").wait_for()
    now = page.evaluate("(({ step, seconds }) => ({ step, seconds }))(messages.at(-1))")
    left = int(np.ceil(now["seconds"] / now["step"] * (1600 - now["step"])))
    assert f"Step {now['step']} of 1600, {left} s to go" in progress(page)


@pytest.mark.parametrize(
    ("width", "height", "seen"), [(390, 844, [".learn-map"]), (1366, 768, ["canvas"])]
)
def test_the_pictures_are_visible_without_scrolling(watch, width, height, seen):
    page = watch(viewport={"width": width, "height": height})
    for selector in seen:
        for box in (canvas.bounding_box() for canvas in page.locator(selector).all()):
            assert box["y"] + box["height"] <= height
            assert box["x"] + box["width"] <= width


def test_the_training_can_be_paused_and_the_page_stays_responsive(open_page, file):
    """Check the median time between frames, since a busy machine delays some frames."""
    page = open_page(file)
    wait_for_step(page, 0)
    press(page, "Train")
    page.get_by_text(re.compile(r"^Step [1-9]")).wait_for()
    assert status(page) == "Training."
    assert page.evaluate(FRAMES) < 50
    press(page, "Pause")
    page.get_by_text("Paused.").wait_for()
    paused = progress(page)
    page.wait_for_timeout(1000)
    assert progress(page) == paused


# This function returns the median time between two frames in milliseconds.
FRAMES = """() => new Promise(resolve => {
    const times = [];
    requestAnimationFrame(function count(time) {
        times.push(time);
        if (times.length < 60) return requestAnimationFrame(count);
        resolve(times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b)[29]);
    });
})"""


def test_a_digit_can_be_drawn_with_the_mouse_or_the_keyboard(open_page, file):
    page = open_page(file)
    wait_for_step(page, 0)
    reads = page.locator(".reads")
    assert re.fullmatch(
        r"The network predicts an? \d \(probability \d+%\); the label is \d\.", reads.inner_text()
    )
    press(page, "Clear")
    page.get_by_text("Draw a digit on the pad.").wait_for()
    box = page.get_by_role("application").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.9 * box["height"], steps=5)
    page.mouse.up()
    page.get_by_text(re.compile(r"^The network predicts an? \d \(probability \d+%\)\.$")).wait_for()
    press(page, "Clear")
    page.get_by_text("Draw a digit on the pad.").wait_for()
    pad = page.get_by_role("application")
    for key in [" ", *20 * ["ArrowDown"], " ", *5 * ["ArrowRight"]]:
        pad.press(key)
    page.get_by_text(re.compile(r"^The network predicts an? \d \(probability \d+%\)\.$")).wait_for()


def test_the_page_explains_that_it_needs_javascript(open_page, file):
    page = open_page(file, java_script_enabled=False)
    text = page.locator("noscript").inner_text()
    assert text.startswith("This page needs JavaScript. With JavaScript, your browser trains")


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTIONS)
def test_the_committed_engine_equals_a_newly_compiled_engine(kind, tmp_path):
    pytest.importorskip("ziglang", reason="needs `pip install --group engine`")
    build_engine(kind, tmp_path / "built.wasm")
    assert (tmp_path / "built.wasm").read_bytes() == (HERE / f"{kind}.wasm").read_bytes()
