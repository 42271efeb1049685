"""Where workers meet: those of one attempt find each other, whatever earlier ones have left."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
import torch
import torch.distributed as dist

from llcourse import Recipe, networks
from llcourse.distributed import prepare, saving
from llcourse.distributed.meeting import orphaned
from llcourse.distributed.roster import gathered

from .crew import fork


def gather(store, numbers, workers=3, patience=5.0):
    """What each of these workers is given, or the error it gets."""
    given = {}

    def one(number):
        try:
            given[number] = gathered(store, number, workers, patience)
        except TimeoutError as error:
            given[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [given[number] for number in numbers]


@pytest.mark.parametrize("came", [[0, 1, 2], [0, 1], [1, 2], [0], []])
def test_workers_of_one_attempt_meet_whoever_came_before(came):
    store = dist.HashStore()
    left = gather(store, came, patience=0.3)
    whole = len(came) == 3
    if whole:
        left[0][0].set("key", "of the first")
    else:
        assert all(isinstance(error, TimeoutError) for error in left)
    for attempt in (whole, whole + 1):
        stores, attempts = zip(*gather(store, [2, 0, 1]))
        assert set(attempts) == {attempt} and not stores[0].check(["key"])
        stores[0].set("key", str(attempt))
        assert stores[1].get("key") == stores[2].get("key") == str(attempt).encode()


@pytest.mark.parametrize("came, missing", [([0, 2], "worker 2 has"), ([1], "worker 1, 3 has"),
                                           ([0], "worker 2, 3 has")])
def test_who_does_not_come_is_named(came, missing):
    began = time.monotonic()
    errors = gather(dist.HashStore(), came, patience=0.5)
    assert all(str(error).startswith(missing) for error in errors) and time.monotonic() - began < 3


def test_who_is_alone_is_known(monkeypatch):
    assert not orphaned(os.getppid()) and orphaned(os.getpid())
    dead = subprocess.Popen([sys.executable, "-c", ""])
    monkeypatch.setenv("LLCOURSE_LAUNCHER", str(dead.pid))
    assert not orphaned(os.getppid())
    dead.wait()
    assert orphaned(os.getppid())


def test_workers_end_when_who_started_them_is_killed(images, tmp_path):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear")
    folder = prepare(tmp_path / "job", net, images, 1000, recipe=Recipe(batch=8))
    middle = os.fork()
    if not middle:
        (tmp_path / "workers").write_text(" ".join(str(fork(folder, number, 2)) for number in range(2)))
        time.sleep(600)
        os._exit(0)
    while (saving.done(folder, 1) or 0) < 3:
        time.sleep(0.02)
    workers = [psutil.Process(int(pid)) for pid in (tmp_path / "workers").read_text().split()]
    os.kill(middle, signal.SIGKILL)
    os.waitpid(middle, 0)
    gone, alive = psutil.wait_procs(workers, timeout=20)
    for process in alive:
        process.kill()
    assert len(gone) == 2
