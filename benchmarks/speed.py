"""Trains side by side: the original's code, ours, JAX and PyTorch, and the bare matrix products.

Each measurement is a process of its own (two, where two runs share the machine), and the
contenders take turns: A B C, A B C. Measurements go to outputs/benchmark.csv as they come; a
benchmark that is stopped goes on from there. In the end they are in results/benchmark, in a file
named for the CPU, beside the machine in JSON; `report_speed.py` makes tables and figures of them.
A trial with MNIST_RNN_RESULTS has both in that folder.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

import pandas as pd

from mnist_rnn.config import TRAIN_SIZE
from mnist_rnn.files import replacing, write_text
from mnist_rnn.paths import OUTPUTS, RESULTS, ROOT, shown
from mnist_rnn.records.environment import describe_environment

FOLDER = RESULTS / "benchmark"
PART, MACHINE = OUTPUTS / "benchmark.csv", OUTPUTS / "benchmark.json"
INPUTS, CONTENDERS = ROOT / "benchmarks" / "inputs.py", ROOT / "benchmarks" / "contenders.py"
DEFAULT = {"layer": "simple_rnn", "units": 256, "dropout": 0.0, "batch_size": 128}
LAYERS = [{"layer": "lstm"}, {"layer": "gru"}, {"dropout": 0.2}, {"units": 512}]


def plan(rounds: int, epochs: int) -> Iterator[dict]:
    """All measurements in their order: section, round, contender, cores, runs and settings."""

    def measure(section, number, contender, **changes):
        settings = DEFAULT | {"train_size": TRAIN_SIZE, "epochs": 3, "cores": 2, "runs": 1}
        return {"section": section, "round": number, "contender": contender} | settings | changes

    for number in range(1, rounds + 1):
        for contender in ("original", "ours", "jax", "pytorch"):
            yield measure("one run", number, contender, epochs=epochs)
        for contender in ("ours", "jax", "pytorch", "products"):
            yield measure("sweep", number, contender, cores=1, runs=2)
        for cores in (1, 2):
            yield measure("limit", number, "large_product", cores=cores, epochs=10)
        yield measure("limit", number, "products")
        for layer in LAYERS:
            for contender in ("original", "ours", "pytorch"):
                yield measure("layers", number, contender, train_size=6_400, **layer)
        yield measure("papermill", number, "papermill", epochs=2)


def train_at_once(measurement: dict, inputs: Path, peers: Path, errors: IO[str]) -> dict:
    """Start the contender's runs, all at once; returns what they took."""
    contender, cores = measurement["contender"], measurement["cores"]
    python = peers if contender in ("jax", "pytorch") else sys.executable
    # The original sets no threads.
    limits = dict.fromkeys(("TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"), str(cores))
    environment = os.environ | ({} if contender == "original" else limits)
    outputs, memory, started = [], 0, []
    cpus = sorted(os.sched_getaffinity(0))[:2]
    pipes = {"stdout": subprocess.PIPE, "stderr": errors, "text": True}
    start = time.perf_counter()
    for run in range(measurement["runs"]):
        affinity = cpus if cores == 2 else [cpus[run]]
        settings = json.dumps(measurement | {"affinity": affinity})
        command = [python, CONTENDERS, contender, settings, inputs]
        started.append(subprocess.Popen(command, env=environment, **pipes))
    try:
        for process in started:
            output = process.stdout.read()
            memory = max(memory, wait(process, errors))
            outputs.append(json.loads(output))
    finally:
        for process in started:
            process.kill()  # nothing, where it has ended
    seconds = time.perf_counter() - start
    return {
        "wall_seconds": round(seconds, 2),
        "epoch_seconds": " ".join(f"{s:.4f}" for output in outputs for s in output["epochs"]),
        "writing_seconds": outputs[0].get("writing"),
        "test_accuracy": outputs[0].get("test_accuracy"),
        "peak_memory_mb": memory,
    }


def run_papermill(measurement: dict, errors: IO[str]) -> dict:
    """Run 02_train.ipynb; the seconds before its training cell starts and after it ends."""
    with tempfile.TemporaryDirectory() as folder:
        executed = Path(folder) / "executed.ipynb"
        command = [Path(sys.executable).with_name("papermill"), "--no-progress-bar",
                   "notebooks/02_train.ipynb", executed, "-p", "epochs",
                   str(measurement["epochs"])]  # fmt: skip
        start = time.time()
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"MNIST_RNN_RESULTS": folder},
            stdout=subprocess.DEVNULL, stderr=errors,
        )  # fmt: skip
        memory = wait(process, errors)
        end = time.time()
        cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    (training,) = (cell for cell in cells if "= train(model" in "".join(cell["source"]))
    first, last = (
        datetime.fromisoformat(training["metadata"]["papermill"][name]).timestamp()
        for name in ("start_time", "end_time")
    )
    return {
        "wall_seconds": round(end - start, 2),
        "before_seconds": round(first - start, 2),
        "after_seconds": round(end - last, 2),
        "peak_memory_mb": memory,
    }


def wait(process: subprocess.Popen, errors: IO[str]) -> int:
    """Wait for the process to end well; returns its or its children's peak memory in MB.

    It is not below this process's own, from which they start: nothing large is loaded here.
    """
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        errors.seek(0)
        raise SystemExit(f"{errors.read()}{process.args} ended with status {process.returncode}")
    return usage.ru_maxrss // 1024


def main() -> None:
    """Measure what the part file lacks; then it is the benchmark's result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, required=True, help="Python that has JAX and PyTorch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4, help="of one run of each contender")
    arguments = parser.parse_args()
    trial = os.environ.get("MNIST_RNN_RESULTS")
    rounds, epochs = (1, 3) if trial else (5, 4)
    if arguments.rounds < rounds or arguments.epochs < epochs:
        given = f"{arguments.rounds} and {arguments.epochs}"
        fewer = "" if trial else "; fewer, for a trial, with MNIST_RNN_RESULTS"
        parser.error(
            f"rounds and epochs: expected at least {rounds} and {epochs}, got {given}{fewer}"
        )
    if shutil.which(arguments.peers) is None:
        parser.error(f"peers: expected a Python that has JAX and PyTorch, got {arguments.peers}")
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("The benchmark needs two cores.")
    environment = describe_environment(threads=2)
    machine = environment.model_dump_json(indent=1) + "\n"
    if not PART.exists():
        write_text(MACHINE, machine)
    elif MACHINE.read_text(encoding="utf-8") != machine:
        raise SystemExit(f"{shown(PART)} is of other code or another machine: remove it first.")
    measurements = list(plan(arguments.rounds, arguments.epochs))
    before = pd.read_csv(PART).to_dict("records") if PART.exists() else []
    done = [row for row in before if any(wanted.items() <= row.items() for wanted in measurements)]
    with tempfile.TemporaryDirectory() as folder:
        inputs = {}
        for number, measurement in enumerate(measurements, 1):
            if any(measurement.items() <= row.items() for row in done):
                continue
            units = measurement["units"]
            if units not in inputs:
                inputs[units] = Path(folder) / f"{units}.npz"
                command = [sys.executable, INPUTS, inputs[units], str(units), str(arguments.epochs)]
                subprocess.run(command, check=True)
            with tempfile.TemporaryFile("w+") as errors:
                taken = (
                    run_papermill(measurement, errors)
                    if measurement["contender"] == "papermill"
                    else train_at_once(measurement, inputs[units], arguments.peers, errors)
                )
            done.append(measurement | taken)
            with replacing(PART) as temporary:
                pd.DataFrame(done).to_csv(temporary, index=False)
            print(f"{number}/{len(measurements)}", *(f"{k}={v}" for k, v in done[-1].items()))
    cpu = environment.cpu
    name = f"{cpu.vendor}-{cpu.family}-{cpu.model}".lower()
    with replacing(FOLDER / f"{name}.csv") as temporary:
        pd.DataFrame(done).to_csv(temporary, index=False)
    write_text(FOLDER / f"{name}.json", machine)
    PART.unlink()
    MACHINE.unlink()


if __name__ == "__main__":
    main()
