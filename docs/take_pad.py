"""Draw a digit on the drawing pad in Chromium, and take the screenshot docs/pad.png.

`python docs/take_pad.py` opens `site/draw.html`, which `make site` makes.
"""

import base64
import shutil
from pathlib import Path

import matplotlib
from playwright.sync_api import Browser, sync_playwright

from mnist_rnn.paths import ROOT

PICTURE = ROOT / "docs" / "pad.png"
DRAWN = "#d=270200720200450850.380520700500"  # the strokes of a 7 with a bar
# Use the fonts of Matplotlib, so that the letters look the same on every machine
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FACE = "@font-face { font-family: own; font-weight: %d; src: url(data:font/ttf;base64,%s) }"


def take_pad(browser: Browser, page: Path) -> bytes:
    """Return a PNG of the page's drawing pad, after the network has classified the drawn digit."""
    window = {"width": 800, "height": 900}
    context = browser.new_context(viewport=window, reduced_motion="reduce", bypass_csp=True)
    with context, context.new_page() as tab:
        tab.goto(page.as_uri() + DRAWN)
        fonts = {400: "DejaVuSans.ttf", 700: "DejaVuSans-Bold.ttf"}
        for weight, name in fonts.items():
            encoded = base64.b64encode((FONTS / name).read_bytes()).decode()
            tab.add_style_tag(content=FACE % (weight, encoded))
        tab.add_style_tag(content="* { font-family: own !important }")
        tab.get_by_text("The network reads a 7 (").wait_for()
        tab.evaluate("document.fonts.ready")
        return tab.locator("#pad").screenshot()


if __name__ == "__main__":
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        PICTURE.write_bytes(take_pad(browser, ROOT / "site" / "draw.html"))
