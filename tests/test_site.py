"""Test the pages of `make site` in Chromium without internet access."""

import os
import re
import subprocess
import sys
from html import unescape
from itertools import zip_longest

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from helpers.runs import NOTEBOOKS
from helpers.tables import read_results

from mnist_rnn.analysis.answer import describe_answer
from mnist_rnn.system.paths import COMMITTED, ROOT
from mnist_rnn.web import site as pages

NAMES = [*pages.PAGES, "report.html"]


@pytest.mark.slow
def test_pages_that_are_made_again_are_equal_in_every_byte(site, tmp_path):
    """Make the pages again in a process that orders Python's sets differently."""
    command = [sys.executable, "-m", "mnist_rnn.web.site", "--output", tmp_path]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "1"})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pages.PAGES)
    for path in tmp_path.iterdir():
        assert (site / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_figure_has_an_alternative_text(path, site):
    """Check that the alternative text of each image is a part of the caption below the image."""
    alternatives = []
    for cell in nbformat.read(path, as_version=4).cells:
        outputs = [output for output in cell.get("outputs", []) if "data" in output]
        for output, below in zip_longest(outputs, outputs[1:]):
            if "image/png" in output.data:
                alternatives.append(output.metadata["image/png"]["alt"])
                assert alternatives[-1] in re.sub("[*`]", "", unescape(below.data["text/markdown"]))
    assert all(alternatives)
    page = re.sub(r"<img[^>]*svg\+xml[^>]*>", "", (site / f"{path.stem}.html").read_text())
    assert [unescape(alt) for alt in re.findall(r'<img[^>]*\balt="([^"]*)"', page)] == alternatives
    assert page.count("<img") == len(alternatives)


@pytest.mark.parametrize("name", NAMES)
def test_page_is_self_contained_and_accessible_and_fits_the_window(name, site, open_page):
    text = (site / name).read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', text)
    assert re.fullmatch(r"default-src 'none';(?:[^*:]|blob:)*img-src data:", policy)
    assert "$$" not in text  # an unconverted formula
    assert "...</td>" not in text  # text that pandas has truncated
    assert set(re.findall(r'href="(?!https:|data:|#)([^"#]+)', text)) <= {
        p.name for p in site.iterdir()
    }
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r' id="([^"]+)"', text))
    page = open_page(site / name, reduced_motion="reduce")
    if name == "learn.html":
        page.get_by_text(re.compile("^Step 0 of")).wait_for()
    page.set_viewport_size({"width": 390, "height": 844})  # more elements scroll than on a desktop
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        violations = Axe().run(page).response["violations"]
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in violations] == []
    for width in (320, 390, 800, 1366, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width in (390, 1440):
            assert page.evaluate(SPLIT) == []
            assert page.evaluate(CUT_OFF) == []
        if width == 1440:  # a desktop screen
            assert max(page.evaluate(HIDDEN), default=0) <= 0


# JavaScript that returns each figure that lies beyond the window's edge or has no width
CUT_OFF = """[...document.querySelectorAll(".figure img, .unrolled")].filter(image =>
    image.getBoundingClientRect().right > innerWidth || !image.getBoundingClientRect().width
).map(image => image.alt)"""
# `HIDDEN` returns how many pixels of each table are hidden. `SPLIT` returns the table headers in
# which a word is split into two lines.
HIDDEN = "[...document.querySelectorAll('.table')].map(e => e.scrollWidth - e.clientWidth)"
SPLIT = """() => [...document.querySelectorAll("th")].filter(head => {
    const range = document.createRange();
    range.selectNodeContents(head);
    const lines = new Set([...range.getClientRects()].map(box => box.top));
    return lines.size > head.textContent.split(/[ _-]/).length;
}).map(head => head.textContent)"""


def test_start_page_states_the_main_result_and_shows_its_figure(site, open_page):
    page = open_page(site / "index.html")
    answer, *_ = describe_answer(read_results(COMMITTED))
    assert page.locator(".lead").inner_text() == answer
    shown = page.locator(".figure img").get_attribute("src").split(",")[1]
    path = ROOT / "notebooks" / "03_results.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    (of_claims,) = (
        cell.outputs for cell in cells if "accuracy.png" in cell.source and "outputs" in cell
    )
    assert of_claims[0].data["image/png"].replace("\n", "") == shown.replace("\n", "")


def test_lesson_has_no_code_and_report_has_neither_code_nor_links(site):
    for name, code, links in (
        ("03_results.html", True, True),
        ("lesson.html", False, True),
        ("report.html", False, False),
    ):
        text = (site / name).read_text()
        assert ('class="input' in text) == code
        assert ("<header" in text) == links
    assert ">Blank rows</h2>" in (site / "lesson.html").read_text()
    assert ">Draw your own</h2>" not in (site / "lesson.html").read_text()
