"""Launching a job on this machine: torchrun, one process a module."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

from filelock import FileLock, Timeout

from .. import checkpoint as checkpoints
from ..arguments import whole
from ..epoch import wake
from ..history import History
from ..steps import channels_last
from . import failures, saving
from .job import load, named_folder, prepare
from .report import Report

LOOK = 0.1  # seconds between torchrun's looks at who has ended


class WorkerError(RuntimeError):
    """A worker failed. `worker` (from 1), `host`, `step`, `cause`; all that is known of it is `failure`, a dict."""

    def __init__(self, failure):
        self.failure = failure
        self.worker, self.host, self.step, self.cause = (failure[k] for k in ("worker", "host", "step", "cause"))
        super().__init__(f"worker {self.worker} on {self.host}, step {self.step}: {self.cause}")


def launch(net, images, epochs, *, schedule="synchronous", recipe=None, seed=0, folder=None, ahead=2, save_every=None,
           restarts=0, threads=1, timeout=60.0):
    """Train `net` as `llcourse.train` does, each module in a process of its own; return the Report.

    folder: where the job, its checkpoints and its report lie; a launch of the same job there goes on from the last
    checkpoint (default: one that is removed again).   restarts: how often torchrun starts all workers anew, from the
    newest checkpoint that all have, after one has failed.   The rest as in `prepare`. Nothing but this machine can
    connect: the workers listen on the loopback interface. Raises WorkerError, which names worker, host, step and
    cause; ValueError.
    """
    restarts = whole("restarts", restarts)
    with ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="llcourse-"))
        folder = named_folder(folder)
        stack.enter_context(locked(folder))
        folder = prepare(folder, net, images, epochs, schedule=schedule, recipe=recipe, seed=seed, ahead=ahead,
                         save_every=save_every, threads=threads, timeout=timeout)
        start(folder, net.K, restarts)
        return collect(folder, net)


def start(folder, workers, restarts=0):
    """Run the job of a folder under torchrun, to its end. Raises WorkerError."""
    failures.forget(folder)
    _clean(folder)
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={workers}",
               f"--max-restarts={restarts}", "--rdzv-backend=c10d", f"--rdzv-endpoint={folder / 'rendezvous'}",
               "--rdzv-conf=store_type=file", "--local-addr=127.0.0.1", f"--monitor-interval={LOOK}",
               f"--log-dir={folder / 'torchrun'}", "-m", "llcourse", "worker", str(folder)]
    package = str(Path(__file__).parents[2])  # workers import the llcourse that this is, wherever they are started
    here = {"LLCOURSE_ALONE": "1", "LLCOURSE_LAUNCHER": str(os.getpid()),
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # that store listens to every network
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
    with open(folder / "torchrun.log", "w") as log:
        run = subprocess.Popen(command, env=os.environ | here, stdout=log, stderr=log)
        try:
            status = run.wait()
        except BaseException:
            run.terminate()  # torchrun ends its workers
            run.wait()
            raise
    _clean(folder)
    if status:
        tail = (folder / "torchrun.log").read_text(errors="replace")[-2000:]
        unknown = {"worker": None, "host": socket.gethostname(), "step": None, "cause": f"torchrun ended: {tail}"}
        raise WorkerError([unknown, *failures.found(folder)][-1])


def _clean(folder):
    """Remove what one run of torchrun and its workers have met by."""
    for old in (*folder.glob("meeting-*"), *folder.glob("rendezvous*")):
        old.unlink()
    shutil.rmtree(folder / "torchrun", ignore_errors=True)


@contextmanager
def locked(folder):
    """A folder for one launch at a time. Raises ValueError if another one is at work in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        held = FileLock(folder / "launch.lock").acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another launch is at work in {folder}: wait for its end, or name another folder") from None
    with held:
        yield


def collect(folder, net):
    """Put what the workers of a finished job have learnt into `net`; return the Report."""
    job, state, rows = load(folder), net.state_dict(), []
    trained = {}
    for j in range(net.K):
        step = saving.steps(folder, j)[0]
        tensors, record = checkpoints.load(saving.file(folder, j, step), job.images.device)
        tensors = {name[4:]: tensor for name, tensor in tensors.items() if name.startswith("net.")}
        trained |= {name: tensors[name] for name in saving.owned(net, j, tensors)}
        rows.append(record["rows"])
    net.load_state_dict(state | trained)
    channels_last(net)
    wake(SimpleNamespace(net=net, resting=job.resting))
    history = History(merged(rows, job.images.score.name), job.images.standin, job.images.score)
    report = Report.of(folder, job, history, net)
    report.save(folder / "report.json")
    return report


def merged(rows, score):
    """The rows of one process from those of its workers, each of which knows its own losses and scores."""
    whole = []
    for parts in zip(*rows):
        row = dict(parts[-1])
        for name in ("loss", score):
            row[name] = [next((value for value in values if value is not None), None)
                         for values in zip(*(part[name] for part in parts))]
        row["seconds"] = max(part["seconds"] for part in parts)
        whole.append(row)
    return whole
