"""Measure the training times of our code, the original notebook's code, JAX and PyTorch.

The contenders take turns. Each training runs in a separate process. Each measurement is written
immediately to a file in outputs/, so that a stopped benchmark can continue. At the end, the
measurements are written to a CSV file in results/benchmark. The CSV file is named after the CPU. A
JSON file beside the CSV file describes the machine.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from mnist_rnn.config import TRAIN_SIZE, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import epoch_order, scale
from mnist_rnn.records.environment import describe_environment
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import OUTPUTS, RESULTS, ROOT

FOLDER = RESULTS / "benchmark"
DEFAULT = {"layer": "simple_rnn", "units": 256, "dropout": 0.0, "batch_size": 128,
           "train_size": TRAIN_SIZE, "epochs": 3, "cores": 2, "runs": 1}  # fmt: skip
NETWORKS = [{"layer": "lstm"}, {"layer": "gru"}, {"dropout": 0.2}, {"units": 16}, {"units": 512}]
EPOCHS = 4  # the number of measured epochs per run


def plan(rounds: int, contenders: list[str]) -> Iterator[dict]:
    """Yield the section, round, contender and settings of each measurement, in running order."""
    other_bits = [name for name in contenders if not name.endswith("same_bits")]
    # The contender `jax` can train only the default network.
    every_network = [name for name in other_bits if name != "jax"]
    sections = [("one run", contenders, {"epochs": EPOCHS})]
    sections += [("two runs at once", [*other_bits, "products"], {"cores": 1, "runs": 2})]
    sections += [("network", every_network, {"train_size": 6_400} | net) for net in NETWORKS]
    for number in range(1, rounds + 1):
        for section, names, settings in sections:
            for name in names:
                yield {"section": section, "round": number, "contender": name} | DEFAULT | settings


def write_inputs(path: Path, units: int) -> None:
    """Write the contenders' images, labels, image orders and initial weights to a file (.npz)."""
    (x_train, y_train), (x_test, y_test) = load_mnist()
    weights = draw_initial_weights(Configuration(units=units))
    np.savez(
        path,
        x_train=scale(x_train),
        y_train=y_train,
        x_test=scale(x_test),
        y_test=y_test,
        orders=np.stack([epoch_order(0, epoch, TRAIN_SIZE) for epoch in range(EPOCHS)]),
        **{f"weights_{number}": values for number, values in enumerate(weights)},
    )


def train_at_once(row: dict, inputs: Path, options: argparse.Namespace, errors: IO[str]) -> dict:
    """Train all runs of a measurement at the same time, and return the times of all epochs."""
    name, cores, checkout, environment = row["contender"], row["cores"], ROOT, dict(os.environ)
    if name == "before":
        name, checkout = "ours", options.before.resolve()
        environment["PYTHONPATH"] = str(checkout / "src")
    if name != "original" or cores == 1:  # on two cores, `original` uses TensorFlow's defaults
        threads = ("TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS")
        environment |= dict.fromkeys(threads, str(cores))
    python = options.peers if name.startswith(("jax", "pytorch")) else sys.executable
    cpus = sorted(os.sched_getaffinity(0))[:2]
    started, outputs = [], []
    for run in range(row["runs"]):
        settings = json.dumps(row | {"affinity": cpus if cores == 2 else [cpus[run]]})
        command = [python, checkout / "benchmarks" / "contenders.py", name, settings, inputs]
        pipes = {"stdout": subprocess.PIPE, "stderr": errors, "text": True}
        started.append(subprocess.Popen(command, env=environment, **pipes))
    try:
        for process in started:
            output, _ = process.communicate()
            if process.returncode:
                errors.seek(0)
                raise SystemExit(f"{errors.read()}{process.args} ended with {process.returncode}")
            outputs.append(json.loads(output))
    finally:
        for process in started:
            process.kill()  # killing a process that has ended has no effect
    seconds = " ".join(f"{lap:.4f}" for output in outputs for lap in output["epochs"])
    others = {name: outputs[0].get(name) for name in ("test_accuracy", "peak_memory_mb")}
    return {"epoch_seconds": seconds} | others


def read_options() -> argparse.Namespace:
    """Return the command's options, or exit with a message about a wrong option."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    peers = "an interpreter that has JAX and PyTorch (default: measure only our code)"
    parser.add_argument("--peers", help=peers)
    checkout = "a checkout of another version of this repository, which is measured too"
    parser.add_argument("--before", type=Path, help=checkout)
    parser.add_argument("--rounds", type=int, default=5, help="(default: 5)")
    options = parser.parse_args()
    if options.peers and shutil.which(options.peers) is None:
        parser.error(f"--peers: expected a Python with JAX and PyTorch, got {options.peers}")
    if options.before and not (options.before / "benchmarks" / "contenders.py").is_file():
        parser.error(f"--before: expected a checkout of this repository, got {options.before}")
    if options.rounds < 1:
        parser.error(f"--rounds: expected 1 or more, got {options.rounds}")
    whole = options.peers and not options.before and options.rounds >= 5
    if not whole and not os.environ.get("MNIST_RNN_RESULTS"):
        parser.error(
            "expected --peers, at least 5 rounds and no --before. To try other options, set "
            "MNIST_RNN_RESULTS to another folder for the results."
        )
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("expected at least two CPU cores, got one")
    return options


def main() -> None:
    """Add the missing measurements to the file in outputs/, then move the file to the results."""
    options = read_options()
    peers = ["original", "jax", "pytorch", "jax_same_bits", "pytorch_same_bits"]
    contenders = ["ours"] + peers * bool(options.peers) + ["before"] * bool(options.before)
    environment = describe_environment(threads=2)
    code = {"commit": environment.commit}
    rows = [row | code for row in plan(options.rounds, contenders)]
    cpu = environment.cpu
    name = f"{cpu.vendor}-{cpu.family}-{cpu.model}".lower()
    part = OUTPUTS / f"benchmark-{name}.csv"
    before = pd.read_csv(part).to_dict("records") if part.exists() else []
    done = [old for old in before if any(row.items() <= old.items() for row in rows)]
    with tempfile.TemporaryDirectory() as folder:
        for number, row in enumerate(rows, 1):
            if any(row.items() <= old.items() for old in done):
                continue
            inputs = Path(folder) / f"{row['units']}.npz"
            if not inputs.exists():
                write_inputs(inputs, row["units"])
            with tempfile.TemporaryFile("w+") as errors:
                taken = train_at_once(row, inputs, options, errors)
            done.append(row | taken)
            write_text(part, pd.DataFrame(done).to_csv(index=False))
            print(f"{number}/{len(rows)}", *(f"{k}={v}" for k, v in done[-1].items()))
    write_text(FOLDER / f"{name}.csv", pd.DataFrame(done).to_csv(index=False))
    write_text(FOLDER / f"{name}.json", environment.model_dump_json(indent=1) + "\n")
    part.unlink()


if __name__ == "__main__":
    main()
