"""Test that all ways to start a training on this machine give the same weights.

`test_emulated.py` tests other CPUs.
"""

import os
import shutil
import signal

import pytest
from helpers.lab import BROWSER, open_browser, open_lab, run_all
from helpers.runs import (
    TRAIN,
    finish,
    read_until,
    set_parameters,
    start_nbval,
    start_papermill,
    start_plain,
)

from mnist_rnn.records.run import read_runs
from mnist_rnn.system.paths import ROOT

SIZE = {"units": 256, "epochs": 2, "train_size": 3000}
ROWS = [
    SIZE | {"dropout": 0.2},
    SIZE | {"optimizer": "adam"},
    SIZE | {"optimizer": "rmsprop", "dropout": 0.2},
    SIZE | {"units": 512, "dropout": 0.2},
    SIZE | {"layer": "lstm", "optimizer": "adam"},
    SIZE | {"layer": "gru", "batch_size": 100},
]
# `make test PYTHON=python3.13 VENV=.venv-3.13` creates the virtual environment .venv-3.13.
PYTHON_3_13 = ROOT / ".venv-3.13" / "bin" / "python"


def plain(**options):
    """Return a function that trains in a new process with these variables, or another Python."""
    return lambda parameters, results: finish(start_plain(parameters, results, **options), results)


def threads(number):
    return plain(TF_NUM_INTRAOP_THREADS=number, TF_NUM_INTEROP_THREADS=number)


def two_at_once(parameters, results):
    other = start_plain(parameters, results / "other")
    record = finish(start_plain(parameters, results / "one"), results / "one")
    assert finish(other, results / "other").weights_sha256 == record.weights_sha256
    return record


def papermill(parameters, results):
    return finish(start_papermill(parameters, results), results)


def resumed(parameters, results):
    process = start_plain(parameters, results)
    read_until(process, "1 of")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    again = start_plain(parameters, results)
    assert "Epochs already finished: 0." not in read_until(again, "Epochs already finished: ")
    return finish(again, results)


def nbval(parameters, results):
    results.mkdir()
    set_parameters(shutil.copy(TRAIN, results / "copy.ipynb"), parameters)
    return finish(start_nbval(results / "copy.ipynb", results, "--nbval-lax"), results)


def jupyterlab(parameters, results):
    with open_lab(results, parameters) as lab, open_browser() as browser:
        run_all(browser, lab, "02_train.ipynb")
    (record,), _ = read_runs(results / "results")
    return record


QUICK = [threads("1"), threads("4"), two_at_once, papermill, resumed, nbval]
ALL = [*QUICK, threads("2"), plain(ONEDNN_MAX_CPU_ISA="AVX2")]
ALL += [jupyterlab] * bool(BROWSER) + [plain(python=PYTHON_3_13)] * PYTHON_3_13.exists()


SLOW = [(SIZE | {"units": 32, "dropout": 0.2}, QUICK), (ROWS[0], QUICK[:2]), (ROWS[3], QUICK[:2])]


@pytest.mark.parametrize(
    ("parameters", "ways"),
    [pytest.param(*row, marks=pytest.mark.slow) for row in SLOW]
    + [pytest.param(row, ALL, marks=pytest.mark.trial) for row in ROWS],
)
def test_all_ways_to_train_a_configuration_give_the_same_weights(parameters, ways, tmp_path):
    numbered = enumerate(ways)
    assert len({way(parameters, tmp_path / str(i)).weights_sha256 for i, way in numbered}) == 1
