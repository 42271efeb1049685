"""Hosts of one machine, and what every test here must leave behind: nothing."""

import os
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from llcourse.distributed.hosts import Hosts, NoHosts

PATIENCE = 10  # seconds until what was told to end has ended
MARK = "LLCOURSE_TEST"


@pytest.fixture
def make_hosts():
    """make_hosts(n, mbit): Hosts that go with the test; skipped where the system forbids them."""
    made = []

    def make(n, mbit=None):
        try:
            made.append(Hosts(n, mbit).__enter__())
        except NoHosts as reason:
            pytest.skip(str(reason))
        return made[-1]

    yield make
    for hosts in made:
        hosts.__exit__()


def marked(mark):
    """Processes that a test has started, in whichever way: they have its mark in their environment."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            pass


def held():
    """Files in shared memory that a living process has open or mapped: somebody's, at work."""
    for process in psutil.process_iter():
        try:
            yield from (file.path for file in (*process.open_files(), *process.memory_maps()))
        except (psutil.Error, OSError):
            pass


def listening():
    return {at.laddr.port for at in psutil.Process().net_connections("tcp") if at.status == psutil.CONN_LISTEN}


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """No process, port, temporary file or file in shared memory, whatever the test did."""
    mark, temporary, shared = str(tmp_path), tmp_path / "temporary", Path("/dev/shm")
    temporary.mkdir()
    monkeypatch.setenv(MARK, mark)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))  # torch makes it on import
    monkeypatch.setattr(tempfile, "tempdir", None)  # asked anew
    before = set(shared.iterdir() if shared.is_dir() else ()), listening(), forks()
    yield
    until = time.monotonic() + PATIENCE
    while (left := _left(mark, temporary, shared, *before)) and time.monotonic() < until:
        time.sleep(0.1)
    for process in (*marked(mark), *(forks() - before[2])):
        if process.pid != os.getpid():
            process.kill()  # or it would disturb the tests to come
    assert not left


def forks():
    """Children of this process that live: one that is forked has this one's environment, and no mark."""
    return {child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def _left(mark, temporary, shared, files, ports, children):
    new = {path for path in shared.iterdir() if path not in files} if shared.is_dir() else set()
    return [f"process {process}" for process in {*marked(mark), *(forks() - children)}
            if process.pid != os.getpid()] + [str(path) for path in temporary.iterdir()] + [
        f"port {port}" for port in listening() - ports] + sorted(map(str, new and {*map(str, new)} - {*held()}))
