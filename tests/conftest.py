"""Define the fixtures of pytest.

Fixtures that need TensorFlow import it inside their functions, so that pytest starts fast.
"""

import hashlib
import os
import signal
import sys
from pathlib import Path
from unittest.mock import Mock

# Before the imports below, remove environment variables that could change what a test does.
for name in list(os.environ):
    if name.startswith(("MNIST_RNN_", "JUPYTER", "IPYTHON", "MAKE", "MFLAGS", "MPL", "MATPLOTLIB")):
        del os.environ[name]
    if name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):  # a git hook sets these variables
        del os.environ[name]
os.environ |= {"COLUMNS": "80", "PYTHONUTF8": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, each of which uses one core
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
os.environ |= {  # the Makefile sets the same folders, since HOME may be read-only
    "JUPYTER_RUNTIME_DIR": str(Path(sys.prefix) / "runtime"),
    "IPYTHONDIR": str(Path(sys.prefix) / "ipython"),
    "MPLCONFIGDIR": str(Path(sys.prefix) / "matplotlib"),
}

import pytest
from helpers.lab import BROWSER, open_browser

from mnist_rnn.config import PROGRAMS, Configuration, count_parameters
from mnist_rnn.data import DATA_SHA256, load_mnist
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.records.run import Run, find_first_steps, read_run, run_path, write_run
from mnist_rnn.system.paths import COMMITTED, ROOT

# Let Ctrl-C stop pytest, even if pytest was started in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)

SERVED = "http://pages.test"
# The configuration SMALL trains in a second. The batches of SMALL have equal sizes, since XLA
# compiles the training step again for each batch size.
SMALL = Configuration(units=8, epochs=3, train_size=1000, batch_size=125, dropout=0.2)


@pytest.fixture(scope="session")
def mnist():
    return load_mnist()


@pytest.fixture(scope="session")
def environment():
    return describe_environment(threads=2)


@pytest.fixture(scope="session")
def committed():
    """Return the committed default run, read from results/."""
    return read_run(run_path(Configuration(), ".json", COMMITTED))


@pytest.fixture(scope="session")
def model():
    """Return the committed model of the default run."""
    from mnist_rnn.records.model_file import load_model

    return load_model(run_path(Configuration(), ".keras", COMMITTED))


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("needs Chromium: `apt-get install chromium`")
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return a folder with the pages that `make site` and `make report` write."""
    from mnist_rnn.web import site

    folder = tmp_path_factory.mktemp("site")
    site.make_site(site.MODEL, folder)
    results = ROOT / "notebooks" / "03_results.ipynb"
    site.make_notebook_page(results, folder / "report.html", alone=True)
    return folder


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page.

    The test fails if the page logs a message, raises an error or requests another address.
    """
    contexts, said = [], []

    def open_page(path, fragment="", served=False, script="", **options):
        """Open a page in a new browser context, from its file or from an imitated web server."""
        address = f"{SERVED}/{path.name}" if served else path.as_uri()
        contexts.append(browser.new_context(**{"offline": not served} | options))
        contexts[-1].route(f"{SERVED}/*", lambda route: route.fulfill(path=path))
        page, own = contexts[-1].new_page(), (address, "blob:", "data:")
        page.add_init_script(script)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: r.url.startswith(own) or said.append(r.url))
        page.goto(address + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Ignore warnings about getImageData, a function that only tests call.
    assert [text for text in said if "getImageData" not in text] == []


@pytest.fixture
def close_figures():
    """Close all matplotlib figures at the end of a test."""
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def fill_disk(monkeypatch):
    """Return a function that makes every later write fail, as on a full disk."""
    full = Mock(side_effect=OSError(28, "No space left on device"))
    return lambda: monkeypatch.setattr(os, "fsync", full)


@pytest.fixture(scope="session")
def small():
    return SMALL


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Make `train` write its run to a temporary folder, and return this folder."""
    from mnist_rnn.records import training

    monkeypatch.setattr(training, "LATEST", tmp_path / "latest")
    monkeypatch.setattr(training, "run_path", lambda config, end: run_path(config, end, tmp_path))
    monkeypatch.setattr(training, "write_run", lambda run: write_run(run, tmp_path))
    return tmp_path


@pytest.fixture
def make_record(environment):
    """Return a function that makes a record of a run with `errors` misclassified test images."""

    def make(errors=200, code="ours", **parameters):
        config = Configuration(**PROGRAMS[code].base.find_changes(Configuration()) | parameters)
        digest = hashlib.sha256(f"{code} {config}".encode()).hexdigest()
        values = {"loss": 0.5, "accuracy": 0.9, "test_errors": errors, "weights_sha256": digest}
        return Run(
            code=code,
            config=config,
            parameters=count_parameters(config, code),
            history={name: [value] * config.epochs for name, value in values.items()},
            train_loss=0.25,
            train_errors=0,
            test_loss=max(0.125, errors / 10_000),
            mistakes=dict.fromkeys(range(errors), 7),
            data_sha256=DATA_SHA256,
            first_steps=find_first_steps(config) if code == "ours" else {},
            seconds=1.5,
            environment=environment,
        )

    return make
