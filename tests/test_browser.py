"""The notebooks as a person uses them: JupyterLab in a real browser, without a screen."""

import re
import shutil

import pytest
from lab import BROWSER, open_browser, open_lab, run_all
from shapes import SHAPES, draw

from mnist_rnn.paths import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None,
        reason="no chromium: to try the notebooks in a browser, `apt-get install chromium`",
    ),
]
READING = "04_reading.ipynb"
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
QUICK = {"epochs": 1, "train_size": 2000}  # 02_train with its defaults trains for minutes


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "results", home / "results")
    with open_lab(home, QUICK) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_restart_and_run_all(name, lab, browser):
    page, errors = run_all(browser, lab, name)
    for complaint in ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr"):
        assert (
            page.locator(f".jp-OutputArea [data-mime-type='{complaint}']").all_inner_texts() == []
        )
    assert errors == []
    if name == READING:
        use_the_pad(page)
        assert errors == []


def use_the_pad(page):
    page.locator(".reading").scroll_into_view_if_needed()
    read, slowest = {}, 0.0
    for name, strokes in SHAPES.items():
        read[name], seconds = draw(page, strokes)
        slowest = max(slowest, seconds)
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("Draw a digit on the pad.").wait_for()
    wrong = [name for name, text in read.items() if f"reads a {name[0]} " not in text]
    print(f"\n{len(read) - len(wrong)} of {len(read)} drawn digits recognised; not: {wrong}")
    print(f"slowest answer {1000 * slowest:.0f} ms after the stroke's end")
    assert not {"1 upright", "0 round", "7 plain"} & set(wrong)
    assert len(read) >= 20
    assert len(read) - len(wrong) >= 20
    assert slowest < 0.2
    draw_no_digits(page)
    take_a_test_digit(page)


def draw_no_digits(page):
    filled = [[(0.01, step / 30), (0.99, step / 30)] for step in range(1, 30)]
    assert draw(page, filled)[0].startswith("The pad is full.")
    page.get_by_role("button", name="Clear").click()
    answer, _ = draw(page, [[(0.5, 0.5)]])
    assert answer.startswith("That is a dot.")
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("Draw a digit on the pad.").wait_for()
    fan = [[(0.2, 0.2), (0.2 + step / 200, 0.7)] for step in range(100)]
    answer, seconds = draw(page, fan)
    print(f"answer to the last of {len(fan)} quick strokes after {1000 * seconds:.0f} ms")
    assert answer.startswith("The network reads a ")
    assert seconds < 0.2


def take_a_test_digit(page):
    page.get_by_role("button", name="Random test digit").click()
    page.get_by_text("Which digit is it?").wait_for()
    page.get_by_role("button", name="5", exact=True).click()
    page.get_by_text(
        re.compile(r"You read a 5\. The network reads a \d .*The label is \d\.")
    ).wait_for()
