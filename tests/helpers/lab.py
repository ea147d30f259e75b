"""Drive JupyterLab with a headless browser."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

from helpers.runs import environment, set_parameters
from playwright.sync_api import Error, sync_playwright

from mnist_rnn.system.paths import ROOT

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
MINUTE = 60_000  # Playwright counts milliseconds
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.textContent)"


@contextmanager
def open_lab(home, parameters):
    """Copy the notebooks to the folder `home`, start JupyterLab there, and yield its address.

    The copy of 02_train.ipynb gets other parameters, since the default run takes minutes.
    """
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    shutil.copytree(ROOT / "docs", home / "docs")  # a notebook shows a picture from docs/
    set_parameters(home / "notebooks" / "02_train.ipynb", parameters)
    settings = home / ".jupyter" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    # With this setting, JupyterLab doesn't cover the notebook with a question about news.
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    given = (environment(home / "results") | {"HOME": str(home)}).items()
    variables = {name: value for name, value in given if not re.search("JUPYTER|^XDG_", name)}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("jupyter"), "lab", "--no-browser", "--allow-root"),
                *("--IdentityProvider.token=", "--ServerApp.port=0", home),
            ],
            env=variables,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield wait_for_address(home, server)
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_for_address(home, server):
    """Wait until JupyterLab's server answers, and return its address."""
    for _ in range(600):
        assert server.poll() is None, (home / "log").read_text()
        for path in home.rglob("jpserver-*.json"):
            with suppress(OSError, ValueError):  # the server isn't ready yet
                url = json.loads(path.read_text())["url"]
                urllib.request.urlopen(url + "api", timeout=5).close()
                return url
        time.sleep(0.1)
    raise TimeoutError((home / "log").read_text())


@contextmanager
def open_browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER)
        yield browser
        browser.close()


def run_all(browser, lab, name):
    """Open a notebook and run all its cells.

    The result is the page and a list of errors from the browser's console.
    """
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    errors = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else 0
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{lab}lab/tree/notebooks/{name}?reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=2 * MINUTE)
    # Without its outputs, a notebook shows the number of a cell only when the cell has run.
    choose(page, "Edit", "Clear Outputs of All Cells")
    choose(page, "Run", "Run All Cells")
    try:  # a cell that waits or runs shows a star
        ready = f"/[0-9]/.test({PROMPTS}) && !/[*]/.test({PROMPTS})"
        page.wait_for_function(ready, timeout=5 * MINUTE)
    except Error as error:
        status = page.locator("#jp-main-statusbar").inner_text()
        raise TimeoutError(f"{page.evaluate(PROMPTS)}, {status!r}, {errors}") from error
    return page, errors


def choose(page, menu, entry):
    page.get_by_role("menuitem", name=menu, exact=True).click()
    # 02_train.ipynb contains the words of an entry, too.
    page.locator(f"#jp-mainmenu-{menu.lower()}").get_by_text(entry, exact=True).click()
