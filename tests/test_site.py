"""The pages of `make site`, in Chromium without a network, and the figures of the notebooks."""

import os
import re
import subprocess
import sys
from html import unescape
from itertools import zip_longest

import nbformat
import pages
import pytest
from axe_playwright_python.sync_playwright import Axe
from runs import NOTEBOOKS

from mnist_rnn.paths import ROOT

PAGES = ["index", *(path.stem for path in NOTEBOOKS), "draw", "report"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    report = ["--report", ROOT / "notebooks" / "03_results.ipynb", folder / "report.html"]
    for words in (["--output", folder], report):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["pages.py", *map(str, words)])
            pages.main()
    return folder


@pytest.mark.slow
def test_pages_made_again_are_the_same_bytes(site, tmp_path):
    """By a process with another order of its sets."""
    command = [sys.executable, ROOT / "docs" / "pages.py", "--output", tmp_path]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "1"})
    pages = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(pages) >= len(NOTEBOOKS) + 2
    assert all((site / name).read_bytes() == content for name, content in pages.items())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_figure_says_in_words_and_numbers_what_it_shows(path, site):
    """In the image's own alternative, for pages, and below it, for JupyterLab, which drops that."""
    alternatives = []
    for cell in nbformat.read(path, as_version=4).cells:
        outputs = [output for output in cell.get("outputs", []) if "data" in output]
        for output, below in zip_longest(outputs, outputs[1:]):
            if "image/png" in output.data:
                alternatives.append(output.metadata["image/png"]["alt"])
                assert alternatives[-1] in unescape(below.data["text/markdown"])
    assert alternatives
    assert all(len(words) > 60 and re.search(r"\d", words) for words in alternatives)
    page = (site / path.with_suffix(".html").name).read_text()
    assert [unescape(alt) for alt in re.findall(r'<img[^>]*\balt="([^"]*)"', page)] == alternatives
    assert page.count("<img") == len(alternatives)


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_of_a_page_forbids_what_it_does_not_name(name, site):
    page = (site / f"{name}.html").read_text()
    (tag,) = re.findall(r'<meta [^>]*http-equiv="Content-Security-Policy"[^>]*>', page)
    (policy,) = re.findall(r'content="([^"]*)"', tag)
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_and_withholds_nothing(name, scheme, site, browser):
    asked, address = [], (site / f"{name}.html").as_uri()
    with browser.new_context(offline=True, color_scheme=scheme) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: asked.append(message.text))
        page.goto(address)
        violations = Axe().run(page).response["violations"]
        assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in violations] == []
        for width in (320, 360, 800, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {url for url in asked if not url.startswith("data:")} == {address}


@pytest.mark.parametrize("name", ["03_results", "04_reading", "report"])
def test_a_table_fits_a_desk_and_no_word_of_its_head_is_split(name, site, browser):
    text = (site / f"{name}.html").read_text()
    assert text.count("<style") == 1  # pandas writes one with each table
    assert not re.search(r"<tr>\s*<th[^>]*>[^<]*</th>(\s*<td></td>)+\s*</tr>\s*</thead>", text)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto((site / f"{name}.html").as_uri())
    tables = page.evaluate(
        "[...document.querySelectorAll('.wide')].map(e => e.scrollWidth - e.clientWidth)"
    )
    assert tables
    assert max(tables) <= 0
    for width in (360, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(SPLIT) == []
    page.close()


SPLIT = """() => [...document.querySelectorAll("th")].filter(head => {
    const range = document.createRange();
    range.selectNodeContents(head);
    const lines = new Set([...range.getClientRects()].map(box => box.top));
    return lines.size > head.textContent.split(/[ _]/).length;
}).map(head => head.textContent)"""


def test_the_start_page_shows_the_result_and_leads_to_the_pad(site, browser):
    with browser.new_context(offline=True, viewport={"width": 800, "height": 900}) as context:
        page = context.new_page()
        page.goto((site / "index.html").as_uri())
        assert page.get_by_role("img", name="A line for each claim").count() == 1
        invitation = page.get_by_role("link", name="Draw a digit and watch")
        box = invitation.bounding_box()
        assert box["width"] > 600
        assert box["y"] + box["height"] < 900  # seen without scrolling
        invitation.click()
        page.get_by_text("Draw a digit on the pad.").wait_for()


def test_formulas_need_no_script(site):
    page = (site / "04_reading.html").read_text()
    assert page.count("<math") >= 6
    assert "$$" not in page
    assert "<script" not in page


def test_no_link_of_the_site_is_broken(site):
    names = {page.name for page in site.iterdir()}
    assert len(names) == 7
    for page in site.iterdir():
        links = re.findall(r'href="(?!https:|data:|#)([^"#]+)', page.read_text())
        assert set(links) <= names, page.name


@pytest.mark.parametrize("name", ["none.keras", "none", "/", "/none.keras"])
def test_a_model_that_is_not_there_is_named(name, tmp_path, monkeypatch):
    path, site = tmp_path / name, tmp_path / "site"
    monkeypatch.setattr(sys, "argv", ["pages.py", "--model", str(path), "--output", str(site)])
    with pytest.raises(SystemExit) as refused:
        pages.main()
    assert str(refused.value) == f"{path}: expected a model, got no file"
    assert not site.exists()


def test_the_report_has_no_code_and_no_links(site):
    for name, code in (("03_results", True), ("report", False)):
        text = (site / f"{name}.html").read_text()
        assert (">write_tables<" in text) == code
        assert ("<nav" in text) == code
