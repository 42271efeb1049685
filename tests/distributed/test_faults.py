"""Faults of workers: each ends in bounded time with a message that names worker, host, step and cause."""

import os
import signal
import socket
import subprocess
import time

import psutil
import pytest
import torch

from llcourse import Recipe, borders, distributed, networks, schedules, train
from llcourse.data import Images
from llcourse.distributed import collect, failures, prepare, saving
from llcourse.distributed.launch import locked
from tests import disks

from .crew import figures, fork, run, same
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


@pytest.mark.parametrize("notes, first", [
    ([(3, 3, None, 1.0), (2, 3, None, 2.0)], 2),  # a NaN of worker 2's that worker 3 saw sooner
    ([(2, 4, None, 1.0), (3, 3, None, 2.0)], 3),  # in an earlier batch
    ([(1, 9, 2, 1.0), (3, 9, None, 2.0)], 3),  # worker 2 complains of worker 1, worker 3 knows better
    ([(3, 9, 2, 2.0), (2, 9, 1, 1.0)], 2),
])
def test_of_several_failures_the_first_is_named(notes, first, tmp_path):
    for worker, step, by, at in notes:
        failures.note(tmp_path, {"attempt": 0, "worker": worker, "step": step, "by": by, "at": at})
    assert [failure["worker"] for failure in failures.found(tmp_path)] == [first]


@pytest.fixture
def small_disk(tmp_path):
    with disks.small(tmp_path / "small", "4m") as folder:
        yield folder


def test_a_full_disk_at_a_checkpoint_is_named_and_the_run_goes_on_when_there_is_room(images, small_disk, fates):
    torch.manual_seed(0)
    net = networks.resnet(8, width=16, classes=4, shape=(3, 16, 16)).cut(3, "linear")
    folder = prepare(small_disk / "job", net, images, 1, recipe=RECIPE, save_every=4, timeout=TIMEOUT)
    free = os.statvfs(small_disk)
    (small_disk / "fill").write_bytes(bytes(free.f_bavail * free.f_bsize - 300_000))
    assert fates(folder) == [1, 1, 1]
    failure, = failures.found(folder)
    assert (failure["worker"], failure["step"]) == (3, 4) and "cannot be written" in failure["cause"]
    assert "make room" in failure["cause"] and not [path for path in folder.iterdir() if ".part" in path.name]
    (small_disk / "fill").unlink()
    assert run(folder, 3, attempt=1) == [0, 0, 0]
    torch.manual_seed(0)
    plain = networks.resnet(8, width=16, classes=4, shape=(3, 16, 16)).cut(3, "linear")
    expected = train(plain, images, 1, recipe=RECIPE)
    assert figures(collect(folder, net).history) == figures(expected) and same(net, plain)


def test_two_launches_do_not_meet_in_a_folder(images, tmp_path, monkeypatch):
    folder, before = tmp_path / "job", network()
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a second torchrun is started"))
    with locked(folder):
        prepare(folder, network(), images, 1, recipe=RECIPE)
        written = (folder / "job.pt").stat()
        net = network()
        with pytest.raises(ValueError, match="another launch is at work in .*job: wait for its end, or name another"):
            distributed.launch(net, images, 1, recipe=RECIPE, folder=folder)
    assert same(net, before) and (folder / "job.pt").stat() == written


def test_while_a_worker_is_away_the_others_train_on_what_they_have(images, tmp_path, fates):
    many = Images("many", images.train_x.repeat(40, 1, 1, 1), images.train_y.repeat(40), images.test_x, images.test_y,
                  "abcd", images.source, [0.5] * 3, [0.2] * 3)
    net = network()
    net.borders = [borders.ReplayBuffer(3), borders.ReplayBuffer(3)]
    folder = prepare(tmp_path / "job", net, many, 1, recipe=RECIPE, schedule=schedules.Asynchronous(), timeout=30)
    children = [fork(folder, number, 3) for number in range(3)]
    await_steps(folder, {1: 20})
    os.kill(children[1], signal.SIGSTOP)
    time.sleep(0.1)
    away, done = time.monotonic(), {number: saving.done(folder, number) for number in (0, 2)}
    await_steps(folder, {number: steps + 30 for number, steps in done.items()})
    back = time.monotonic()
    os.kill(children[1], signal.SIGCONT)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    report = collect(folder, net)
    acts = [sum(kind == "step" and away < start < back for kind, _, start, _ in worker["events"])
            for worker in report.workers]
    assert acts[1] == 0 and acts[0] >= 29 and acts[2] >= 29
    assert len({worker["steps"] for worker in report.workers}) == 1


def await_steps(folder, least):
    """Wait until workers, by their numbers from 0, have done so many steps."""
    until = time.monotonic() + BOUND
    while any((saving.done(folder, number) or 0) < steps for number, steps in least.items()):
        assert time.monotonic() < until, "they come no further"
        time.sleep(0.01)
