"""Test that a sweep makes only missing and outdated runs, and that a killed sweep loses nothing."""

import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from helpers import slurm
from helpers.runs import end, environment, finish, outcome, read_until, start, start_papermill
from helpers.samples import change, cpu

from mnist_rnn import sweep as sweeping
from mnist_rnn.analysis.claims import read_claims
from mnist_rnn.config import Configuration
from mnist_rnn.records.run import read_runs, run_path, write_run
from mnist_rnn.sweep import Planned, describe_progress, plan_runs, why_pending
from mnist_rnn.system.paths import ROOT

HEADER = (
    "claim,kind,layer,units,optimizer,dropout,batch_size,epochs,train_size,seeds,"
    "published_test_accuracy,rounding,source,answered_by\n"
)
SHORT = "short,run,lstm,8,adam,0.0,128,1,512,2,50,1,nowhere,ours\n"
LONG = "long,run,simple_rnn,8,sgd,0.2,128,150,512,2,50,1,nowhere,ours\n"
GRU = "gru,run,gru,8,sgd,0.0,128,1,512,3,50,1,nowhere,ours\n"
KERAS = "today,control,simple_rnn,256,sgd,0.0,128,1,640,2,,,nowhere,keras\n"
ENDLESS = LONG.replace(",150,512,", ",1000,5120,") + KERAS.replace(",1,640,", ",1000,5120,")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return a folder with three claims: two for our code and one for Keras's code."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "claims.csv").write_text(HEADER + SHORT + LONG + KERAS)
    return folder


def start_sweep(results, published, *arguments, **variables):
    env = environment(results) | {"MNIST_RNN_PUBLISHED": str(published)} | variables
    return start([sys.executable, "-m", "mnist_rnn.sweep", *arguments], cwd=ROOT, env=env)


def sweep(results, published, *arguments, **variables):
    """Run a sweep, check that the sweep succeeds, and return its output."""
    process = start_sweep(results, published, *arguments, **variables)
    status, output = end(process, timeout=600)
    assert status == 0, output
    return output


def outcomes(results):
    """Return the outcome of each run, keyed by path, and check that every record can be read."""
    records, left_out = read_runs(results)
    assert not left_out
    return {run_path(run.config, "", Path(), run.code): outcome(run) for run in records}


def first(published):
    """Return the run that a sweep of these claims starts first."""
    return plan_runs(read_claims(published))[0]


@pytest.fixture(scope="module")
def undisturbed(published, tmp_path_factory):
    """Return the results folder of an uninterrupted sweep."""
    results = tmp_path_factory.mktemp("undisturbed")
    output = sweep(results, published)
    assert "4 of 4 runs must be trained" in output
    assert "4 of 4 runs finished, 100.0% of the work, about 0:00:00 to go" in output
    assert len(outcomes(results)) == 4
    return results


@pytest.fixture
def results(undisturbed, tmp_path):
    """Return a copy of the results folder of an uninterrupted sweep."""
    return shutil.copytree(undisturbed, tmp_path / "results")


def test_plan_of_a_sweep_has_each_run_once_and_starts_with_low_seeds_and_long_runs(tmp_path):
    fewer = SHORT.replace("short", "fewer").replace(",512,2,", ",512,1,")
    (tmp_path / "claims.csv").write_text(HEADER + GRU + fewer + KERAS + SHORT)
    claims = read_claims(tmp_path)
    assert [(run.config.layer, run.config.seed) for run in plan_runs(claims)] == [
        ("lstm", 0), ("gru", 0), ("lstm", 1), ("gru", 1), ("gru", 2),
    ]  # fmt: skip
    name = "keras-epochs_1-train_size_640"
    assert [(run.name, run.config.seed) for run in plan_runs(claims, "keras")] == [
        (name, 0), (name, 1),
    ]  # fmt: skip


def test_remaining_time_follows_from_the_estimated_costs_of_the_runs():
    """Check also that the estimate for tiny runs depends on start-up time and not on epochs."""
    short, long = (Planned("ours", Configuration(units=512, epochs=n)) for n in (100, 900))
    for left, seconds, rest in (({long: 0}, 60, 540), ({short: 0}, 90, 10), ({long: 450}, 55, 45)):
        said = describe_progress(left, [short, long], seconds)
        got = re.search(r"about 0:(\d+):(\d+) to go$", said)
        assert 60 * int(got[1]) + int(got[2]) == pytest.approx(rest, rel=0.02)
    tiny = [Planned("ours", Configuration(units=8, epochs=1, seed=seed)) for seed in range(5)]
    longer = Planned("ours", Configuration(units=8, epochs=10))
    left = dict.fromkeys([*tiny[1:], longer], 0)
    assert describe_progress(left, [*tiny, longer], 20).endswith("0:01:40 to go")
    assert "0 of 2 runs finished, 0.0%" in describe_progress({long: 0, short: 0}, [long, short], 9)


@pytest.mark.parametrize(
    ("code", "values", "reason"),
    [
        ("ours", {"versions": {"tensorflow": "2.20.0"}, "cpu": cpu(False)}, None),
        ("ours", {"other_bits": True}, "made with different bits"),
        ("pytorch", {"threads": 64, "commit": None, "clean": None}, None),
    ],
)
def test_a_record_with_other_bits_or_data_is_outdated(code, values, reason, make_record, tmp_path):
    record = make_record(code=code)
    record = change(record, "environment", **values)
    planned = Planned(code, record.config)
    assert why_pending(planned, tmp_path) == "no record"
    planned.log(tmp_path).parent.mkdir(parents=True)
    planned.log(tmp_path).touch()
    assert why_pending(planned, tmp_path).startswith("started; its last output is of ")
    path = write_run(record, tmp_path)
    answer = why_pending(planned, tmp_path)
    assert (answer is None) if reason is None else reason in answer
    write_run(record.model_copy(update={"data_sha256": "0" * 64}), tmp_path)
    assert "made with different data" in why_pending(planned, tmp_path)
    path.rename(path.with_name("seed-1.json"))
    other = Planned(code, record.config.model_copy(update={"seed": 1}))
    assert "contains the record that belongs to" in why_pending(other, tmp_path)
    path.write_text("{}")
    assert "is not a record" in why_pending(planned, tmp_path)


@pytest.mark.slow
def test_sweep_trains_only_unfinished_runs(undisturbed, results, published, tmp_path):
    """Delete a record but keep the executed notebook, damage another record, and add a claim."""
    more = shutil.copytree(published, tmp_path / "published")
    with (more / "claims.csv").open("a") as claims:
        claims.write(GRU)
    deleted, broken, *_ = (run.path(".json", results) for run in plan_runs(read_claims(published)))
    deleted.unlink()
    broken.write_text("{}")
    before = {path: path.stat().st_mtime_ns for path in results.glob("runs/*/seed-*")}
    output = sweep(results, more)
    assert "5 of 7 runs must be trained" in output
    after = {path: path.stat().st_mtime_ns for path in results.glob("runs/*/seed-*.json")}
    assert sorted(path.name for path in after if path.parent.name.startswith("gru")) == [
        "seed-0.json", "seed-1.json", "seed-2.json",
    ]  # fmt: skip
    touched = {path for path in after.keys() & before.keys() if after[path] != before[path]}
    assert touched == {broken}
    assert after.keys() - before.keys() == {deleted} | set(results.glob("runs/gru-*/seed-*.json"))
    assert outcomes(results).items() >= outcomes(undisturbed).items()
    assert "0 of 7 runs must be trained" in sweep(results, more)


def wait_until_training(process, run, results):
    """Wait for a checkpoint of the run, and return the processes of papermill and its kernel."""
    executed = f"executed/{run.name}/seed-{run.config.seed}.part.ipynb"
    checkpoint = run.path(".checkpoint", results)
    earlier = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
    papermill = wait_for_child(process, executed)
    for _ in range(3000):
        time.sleep(0.1)
        if checkpoint.exists() and checkpoint.stat().st_mtime_ns != earlier:
            return papermill, *papermill.children()
    raise AssertionError(f"expected the file {checkpoint}, got no file after five minutes")


def wait_for_child(process, word):
    """Return the child process that has an argument ending in `word`.

    The shell that starts this process isn't returned, because no argument of the shell ends in
    `word`.
    """
    for _ in range(3000):
        time.sleep(0.1)
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(argument.endswith(word) for argument in child.cmdline()):
                    return child
    raise AssertionError(f"expected a process with the argument {word}, got none")


def test_wrong_curve_stops_a_sweep_with_one_sentence(published, tmp_path):
    wrong = shutil.copytree(published, tmp_path / "published")
    (wrong / "curves.csv").write_text("claim,epoch,train_loss,train_accuracy\nlong,1,0.5,\n")
    status, output = end(start_sweep(tmp_path, wrong), timeout=300)
    assert (status, output.count("\n")) == (1, 1)
    assert output.startswith("curves.csv, claim 'long': expected the epochs from 1 to 150")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--cores", "none", "--cores: expected `all` or a number above 0, got none."),
        ("--python", "gone", "--python: expected a Python interpreter, got gone."),
        ("--profile", "foo", "--profile: expected `slurm` or another profile, got foo."),
        ("--profile", "slurm", "--profile slurm: expected Slurm, got no command sbatch."),
    ],
)
def test_wrong_option_is_rejected_even_if_nothing_is_to_do(option, value, expected, monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: name != "sbatch" and which(name))
    monkeypatch.setattr(sys, "argv", ["sweep", "--dry-run", option, value])
    with pytest.raises(SystemExit, match=f"^{expected}$"):
        sweeping.main()


def test_error_of_snakemake_is_followed_by_the_number_of_runs_not_started(published, tmp_path):
    """Start the sweep in a folder that contains the log of an earlier sweep."""
    log = first(published).log(tmp_path)
    log.parent.mkdir(parents=True)
    log.touch()
    status, output = end(start_sweep(tmp_path, published, "--nothing"), timeout=300)
    assert status == 1
    last = output.splitlines()[-1]
    assert re.fullmatch("Not started: 4 of 4 runs; see .*sweep.log: .*--nothing", last), output


# This module takes the place of papermill. The first try of a run fails, and the second waits.
PAPERMILL = """
import pathlib, sys, time
executed = pathlib.Path(sys.argv[4])
if not executed.exists():
    sys.exit(executed.write_text("part"))
print("  75 of 150 epochs |", flush=True)
time.sleep(20)
"""


def test_ctrl_c_in_a_sweep_ends_in_one_sentence_and_keeps_an_outdated_record(published, tmp_path):
    """Also show the epochs of a run. A module in place of papermill waits to be interrupted."""
    (tmp_path / "papermill.py").write_text(PAPERMILL)
    run, results = first(published), tmp_path / "results"
    outdated = run.path(".json", results)
    outdated.parent.mkdir(parents=True)
    outdated.write_text("{}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a script that starts a sweep with `&`
    variables = {"PYTHONPATH": str(tmp_path)}
    process = start_sweep(results, published, "--cores=1", **variables)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = read_until(process, "0 of 4 runs finished, 12.5% of the work")
    os.killpg(process.pid, signal.SIGINT)
    status, rest = end(process, timeout=60)
    assert status == 1
    assert rest == "Stopped with 4 runs to go. The same command continues.\n", output
    assert outdated.read_text() == "{}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("send", "stop", "code"),
    [(os.killpg, signal.SIGINT, "ours"), (os.kill, signal.SIGTERM, "ours"),
     (os.kill, signal.SIGTERM, "keras")],
    ids=["Ctrl-C", "kill", "kill while the code of an original runs"],
)  # fmt: skip
def test_stopped_sweep_ends_all_processes_in_seconds(send, stop, code, published, tmp_path):
    endless = shutil.copytree(published, tmp_path / "published")
    (endless / "claims.csv").write_text(HEADER + ENDLESS)
    run = plan_runs(read_claims(endless), code)[0]
    process = start_sweep(tmp_path, endless, "--code", code)
    if code == "ours":
        wait_until_training(process, run, tmp_path)
    else:
        wait_for_child(process, "keras_notebook.py")
    children = psutil.Process(process.pid).children(recursive=True)
    send(process.pid, stop)
    status, output = end(process, timeout=60)
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert status == 1
    assert output.endswith("The same command continues.\n")
    assert not list(tmp_path.glob("runs/*/*.json"))


@pytest.mark.slow
def test_sweep_can_run_the_original_code(published, tmp_path):
    """Train two runs, which differ because the original code sets no seed."""
    relative = os.path.relpath(sys.executable, ROOT)
    output = sweep(tmp_path, published, "--code", "keras", "--python", relative)
    assert "2 of 2 runs must be trained" in output
    runs = outcomes(tmp_path)
    assert len({run["history"]["loss"][0] for run in runs.values()}) == len(runs) == 2


@pytest.mark.slow
def test_no_result_is_lost_if_any_process_of_a_sweep_is_killed(undisturbed, published, tmp_path):
    """Let one run fail twice, kill the next sweep, and let a third sweep finish."""
    results = tmp_path / "results"
    run = first(published)  # the longest run
    process = start_sweep(results, published)
    papermill, kernel = wait_until_training(process, run, results)
    kernel.kill()
    papermill.wait(timeout=60)
    papermill, _ = wait_until_training(process, run, results)
    papermill.kill()
    status, output = end(process, timeout=600)
    assert status != 0
    assert "3 of 4 runs finished" in output
    assert f"Not finished: {run.name}/0; see {run.log(results)}\n" in output
    expected = outcomes(undisturbed)
    failed = expected.pop(run.path("", Path()))
    assert outcomes(results) == expected

    process = start_sweep(results, published)
    wait_until_training(process, run, results)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert outcomes(results) == expected

    assert "1 of 4 runs must be trained" in sweep(results, published)
    assert outcomes(results) == expected | {run.path("", Path()): failed}


@pytest.mark.slow
def test_sweep_gives_the_same_weights_as_papermill(undisturbed, published, tmp_path):
    run = first(published)
    parameters = run.config.model_dump(exclude_none=True)
    record = finish(start_papermill(parameters, tmp_path), tmp_path)
    expected = outcomes(undisturbed)[run.path("", Path())]
    assert record.weights_sha256 == expected["history"]["weights_sha256"][-1]
    assert {record.environment.threads for record in read_runs(undisturbed)[0]} == {1}


@pytest.mark.slow
@pytest.mark.skipif(slurm.missing() != [], reason=f"not installed: {', '.join(slurm.missing())}")
def test_sweep_on_slurm_gives_the_same_results(undisturbed, published, tmp_path):
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, slurm.start(Path(folder)) as here:
        sweep(
            tmp_path / "slurm",
            published,
            "--profile=slurm",
            "--seconds-between-status-checks=1",
            "--slurm-init-seconds-before-status-checks=1",
            **here,
        )
    output = (tmp_path / "slurm/executed/sweep.log").read_text()
    assert output.count("has been submitted with SLURM jobid") == 4
    assert outcomes(tmp_path / "slurm") == outcomes(undisturbed)


def test_dry_run_trains_nothing(published, tmp_path):
    output = sweep(tmp_path, published, "--dry-run")
    assert "4 of 4 runs must be trained" in output
    assert not list(tmp_path.iterdir())
