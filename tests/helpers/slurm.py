"""Start a Slurm cluster of one node on this machine, with all its files in one folder.

A Slurm cluster that already runs on this machine is not affected. The context manager
`start(folder)` yields environment variables that connect Slurm's commands with the new cluster.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONF = """
ClusterName=local
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def missing() -> list[str]:
    """Return the programs of Slurm and munge that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextlib.contextmanager
def start(folder: Path) -> Iterator[dict[str, str]]:
    for name in ("bin", "state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    with contextlib.ExitStack() as free:
        sockets = [free.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
    conf = folder / "slurm.conf"
    user = pwd.getpwuid(os.getuid()).pw_name
    machine = {"cpus": os.cpu_count(), "memory": psutil.virtual_memory().total >> 20}
    conf.write_text(CONF.format(folder=folder, ports=ports, user=user, **machine))
    # In a container, Slurm can't make cgroups.
    (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
    # Inside a job, Snakemake calls srun without SLURM_CONF. This wrapper of srun sets the variable.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o700)
    path = f"{srun.parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"SLURM_CONF": str(conf), "PATH": path}
    files = ("key-file", "log-file", "pid-file", "seed-file", "socket")
    munge = [f"--{name}={folder}/munge.{name.removesuffix('-file')}" for name in files]
    commands = [
        ["munged", "--foreground", "--force", *munge],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", "localhost"],
    ]
    with contextlib.ExitStack() as daemons:
        for command in commands:
            log = daemons.enter_context((folder / f"{command[0]}.out").open("w"))
            daemon = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            daemons.callback(daemon.wait, timeout=20)
            daemons.callback(daemon.terminate)
        wait_until_idle(environment)
        yield environment


def wait_until_idle(environment: dict[str, str]) -> None:
    for _ in range(60):
        time.sleep(0.5)
        command = ["sinfo", "--noheader", "--format=%T"]
        sinfo = subprocess.run(command, env=environment, capture_output=True, text=True)
        if sinfo.stdout.strip() == "idle":
            return
    raise AssertionError(f"expected an idle node of Slurm, got {sinfo}")
