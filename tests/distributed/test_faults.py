"""Faults of workers: each ends in bounded time with a message that names worker, host, step and cause."""

import os
import signal
import socket
import time

import psutil
import pytest
import torch

from llcourse import Recipe, networks
from llcourse.distributed import failures, prepare

from .crew import fork
from .failing import Failing

RECIPE = Recipe(batch=8, lr=0.05)  # 9 steps an epoch
TIMEOUT = 3.0  # seconds until a worker that hangs counts as lost
BOUND = 30  # seconds until all have ended, imports and a machine at work with other things included


def network(*failing):
    """Three modules; failing: what a Failing layer behind the second is given."""
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(3, "linear")
    if failing:
        net.body[1].append(Failing(*failing))
    return net


@pytest.fixture
def fates():
    """fates(folder, ends) starts three workers and waits until so many have ended, or were stopped; what then still
    runs is told to end, as torchrun does it. Their exit statuses, None for a stopped one."""
    started = []

    def fates(folder, ends=3):
        started[:] = [psutil.Process(fork(folder, number, 3)) for number in range(3)]
        until, statuses = time.monotonic() + BOUND, {}
        while len(statuses) < 3 and time.monotonic() < until:
            for number, process in enumerate(started):
                found, status = os.waitpid(process.pid, os.WNOHANG | os.WUNTRACED) if number not in statuses else (0, 0)
                if found:
                    statuses[number] = None if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
                elif len(statuses) == ends and number not in statuses:
                    process.terminate()
            time.sleep(0.02)
        return [statuses.get(number, "still runs") for number in range(3)]

    yield fates
    for process in started:
        if process.is_running():
            process.kill()
            process.wait()


@pytest.mark.parametrize("what, status, cause", [
    ("raise", 1, "RuntimeError: out of luck"),
    ("nan", 1, "FloatingPointError: the loss of module 2 is nan at step 4 of epoch 1"),
    ("kill", -signal.SIGKILL, "the connection to worker 2 broke"),
    ("stop", None, "gives no sign of life"),
    ("sleep", 128 + signal.SIGTERM, "hangs in forward"),
])
def test_a_fault_is_named_with_worker_host_step_and_cause(what, status, cause, images, tmp_path, fates):
    net = network(what, 4, tmp_path / "flag")
    folder = prepare(tmp_path / "job", net, images, 1, recipe=RECIPE, timeout=TIMEOUT)
    assert fates(folder, ends=2 if what == "sleep" else 3) == [1, status, 1]
    failure, = failures.found(folder)
    assert (failure["worker"], failure["host"], failure["step"]) == (2, socket.gethostname(), 3)
    assert failure["cause"].startswith(cause)
