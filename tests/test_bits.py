"""Test that all ways to start a training on this machine give the same weights.

The matrix has a row for each configuration and a column for each way to start its training. The
slow tests run a small part of the matrix. `make trials` runs the whole matrix. `test_emulated.py`
tests other CPUs.
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

from mnist_rnn.paths import ROOT
from mnist_rnn.records.run import read_runs

SIZE = {"units": 256, "epochs": 2, "train_size": 3000}
CHEAP = SIZE | {"units": 32, "dropout": 0.2}
ROWS = [
    SIZE,
    SIZE | {"dropout": 0.2},
    SIZE | {"optimizer": "adam"},
    SIZE | {"optimizer": "rmsprop", "dropout": 0.2},
    SIZE | {"units": 512, "dropout": 0.2},
    SIZE | {"layer": "lstm", "optimizer": "adam"},
    SIZE | {"layer": "gru", "batch_size": 100},
]
# `make test PYTHON=python3.13 VENV=.venv-3.13` creates the virtual environment .venv-3.13.
PYTHON_3_13 = ROOT / ".venv-3.13" / "bin" / "python"


def threads(number):
    def run(parameters, results):
        names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        variables = dict.fromkeys(names, str(number))
        return finish(start_plain(parameters, results, **variables), results)

    run.__name__ = f"{number} thread(s)"
    return run


def two_at_once(parameters, results):
    other = start_plain(parameters, results / "other")
    record = finish(start_plain(parameters, results / "one"), results / "one")
    assert finish(other, results / "other").weights_sha256 == record.weights_sha256
    return record


def avx2(parameters, results):
    """Limit oneDNN, XLA's library for matrix products, to AVX2, and train."""
    return finish(start_plain(parameters, results, ONEDNN_MAX_CPU_ISA="AVX2"), results)


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
    if BROWSER is None:
        return None
    with open_lab(results, parameters) as lab, open_browser() as browser:
        run_all(browser, lab, "02_train.ipynb")
    (record,), _ = read_runs(results / "results")
    return record


def python_3_13(parameters, results):
    if not PYTHON_3_13.exists():
        return None
    return finish(start_plain(parameters, results, python=PYTHON_3_13), results)


COLUMNS = [*map(threads, (1, 2, 4)), two_at_once, avx2, papermill, resumed, nbval]
COLUMNS += [jupyterlab, python_3_13]


def print_matrix(rows, columns, folder):
    """Train each configuration in every way, and return a set of digests per configuration."""
    matrix = []
    for number, parameters in enumerate(rows):
        print(f"\n{parameters}")
        digests = set()
        for column in columns:
            record = column(parameters, folder / f"{number}-{column.__name__}")
            digest = record.weights_sha256 if record else "not run"
            print(f"  {column.__name__:12} {digest}")
            digests |= {record.weights_sha256} if record else set()
        print("  one digest" if len(digests) == 1 else "  DIFFERENT DIGESTS")
        matrix.append(digests)
    return matrix


@pytest.mark.slow
def test_quick_ways_to_train_a_small_network_give_the_same_weights(tmp_path):
    columns = [threads(1), threads(4), two_at_once, papermill, resumed, nbval]
    (digests,) = print_matrix([CHEAP], columns, tmp_path)
    assert len(digests) == 1


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same_weights(tmp_path):
    """Train networks of 256 and 512 units, the sizes of the published networks."""
    matrix = print_matrix([ROWS[1], ROWS[4]], [threads(1), threads(4)], tmp_path)
    assert [len(digests) for digests in matrix] == [1, 1]


@pytest.mark.trial
def test_all_ways_to_train_a_configuration_give_the_same_weights(tmp_path):
    matrix = print_matrix(ROWS, COLUMNS, tmp_path)
    assert [len(digests) for digests in matrix] == [1] * len(ROWS)
    assert len(set.union(*matrix)) == len(ROWS)
