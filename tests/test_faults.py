"""Test that faults cause an error message with the reason, and leave no partial files."""

import contextlib
import os
import re
import resource
import signal
import time
import urllib.error
import urllib.request

import psutil
import pytest
from helpers.runs import end, environment, papermill_command, read_until, start, start_papermill

from mnist_rnn.records.run import read_runs
from mnist_rnn.system.paths import ROOT

QUICK = {"units": 8, "epochs": 2, "train_size": 1000, "batch_size": 125}


@pytest.mark.slow
def test_a_run_with_too_little_memory_fails(tmp_path):
    limit = 3 << 30  # 3 GiB of address space are enough to import TensorFlow, but not to train

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    process = start_papermill({"units": 4096, "batch_size": 60_000}, tmp_path, preexec_fn=limited)
    status, output = end(process, timeout=120)
    assert status != 0
    assert re.search(r"Kernel died|MemoryError|ResourceExhausted|bad_alloc|OOM|allocat", output)
    assert read_runs(tmp_path) == ([], [])


def test_a_run_with_an_unwritable_results_folder_stops_before_training(tmp_path):
    # The user `root` can write to read-only folders, so a file takes the place of the folder.
    (tmp_path / "results").touch()
    command = papermill_command(QUICK, tmp_path / "out.ipynb")
    process = start(command, env=environment(tmp_path / "results"))
    status, output = end(process, timeout=60)
    assert status != 0
    said = output.split("Exception encountered")[1]
    assert re.search(rf"^OutputError: {tmp_path}/results/\S+ can't be written: \w+", said, re.M)
    assert "Traceback" not in said
    assert "Epochs already finished" not in output


@pytest.mark.slow
def test_the_old_notebook_stays_if_the_new_notebook_cannot_be_saved(tmp_path):
    """Limit files to 40 KB, so that a checkpoint fits but the executed notebook does not."""
    notebook = tmp_path / "executed" / "02_train.ipynb"
    notebook.parent.mkdir()
    notebook.write_text("old")
    parameters = " ".join(f"-p {name} {value}" for name, value in QUICK.items())
    process = start(
        ["make", "reproduce", f"PARAMETERS={parameters}"],
        cwd=ROOT,
        env=environment(tmp_path),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
    )
    status, output = end(process)
    assert status != 0
    assert "File too large" in output
    assert "Not finished; the reason is above." in output
    assert notebook.read_text() == "old"


def http_status(url):
    """Wait until a server answers, and return its HTTP status."""
    for _ in range(100):
        try:
            return urllib.request.urlopen(url).status
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            time.sleep(0.2)
    raise AssertionError(f"expected an answer from the address {url}, got none in time")


@pytest.mark.slow
def test_jupyterlab_requires_a_token_and_accepts_only_local_connections():
    process = start(["make", "lab", "ARGS=--no-browser --allow-root --port 0"], cwd=ROOT)
    try:
        output = read_until(process, "?token=")
        printed = r"(http://(?:localhost|127\.0\.0\.1):(\d+))/lab\S*\?token=(\w{40,})"
        address, port, token = re.search(printed, output).groups()
        assert http_status(f"{address}/api/contents") == 403
        assert http_status(f"{address}/api/contents?token={token}") == 200
        addresses = set()
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                sockets = [s for s in child.net_connections("tcp") if s.status == "LISTEN"]
                addresses |= {s.laddr.ip for s in sockets if s.laddr.port == int(port)}
        assert addresses
        assert addresses <= {"127.0.0.1", "::1"}
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
