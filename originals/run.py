"""Train one run with a script of the author's code, and write the record of the run.

In `python run.py PYTHON CODE CONFIG`, PYTHON is an interpreter with the script's packages, CODE
names the script, and CONFIG is the configuration as JSON. The script reads MNIST from a file, and
writes measurements to another file. The record contains the measurements and the environment.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from mnist_rnn.config import PROGRAMS, Configuration
from mnist_rnn.data import DATA_SHA256, load_mnist
from mnist_rnn.records.environment import Environment, count_threads, describe_environment
from mnist_rnn.records.run import Run, write_run
from mnist_rnn.system.paths import ORIGINALS, RESULTS


def describe_run(measured: dict, code: str, config: Configuration, made_with: Environment) -> Run:
    """Return the record of a run, given the measurements that the script has written."""
    names = ("loss", "accuracy", "test_errors", "weights_sha256")
    unknown = [None] * config.epochs
    return Run(
        code=code,
        config=config,
        history={name: measured.pop(name, unknown) for name in names},
        train_loss=None,
        train_errors=None,
        mistakes=None,
        data_sha256=DATA_SHA256,
        first_steps={},
        environment=made_with.model_copy(update={"versions": measured.pop("versions")}),
        **measured,
    )


def main() -> None:
    """Train the run and write its record; if the script fails, exit with the script's status."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("python")
    parser.add_argument("code", choices=[name for name in PROGRAMS if PROGRAMS[name].script])
    parser.add_argument("config", type=Configuration.model_validate_json)
    given = parser.parse_args()
    config, program = given.config, PROGRAMS[given.code]
    # Describe the environment before the script starts, since the files may change during training.
    made_with = describe_environment(count_threads() if program.here else None)
    (x_train, y_train), (x_test, y_test) = load_mnist()
    train = {"x_train": x_train[: config.train_size], "y_train": y_train[: config.train_size]}
    with tempfile.TemporaryDirectory() as folder:
        data, output = Path(folder, "mnist.npz"), Path(folder, "measured.json")
        np.savez(data, x_test=x_test, y_test=y_test, **train)
        command = [given.python, ORIGINALS / program.script, data, str(config.epochs), output]
        done = subprocess.run([*command, *(str(getattr(config, name)) for name in program.takes)])
        if done.returncode:
            sys.exit(done.returncode)
        measured = json.loads(output.read_text(encoding="utf-8"))
    measured.pop("train_size")
    write_run(describe_run(measured, given.code, config, made_with), RESULTS)


if __name__ == "__main__":
    main()
