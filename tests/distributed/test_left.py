"""What the tests here must not leave behind is noticed, each kind of it."""

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from .conftest import MARK, _left, forks, listening


def _fork():
    child = os.fork()
    if not child:
        time.sleep(600)
        os._exit(0)
    return lambda: os.waitpid(child, os.kill(child, 9) or 0)


def _orphan():
    shell = subprocess.run(["sh", "-c", "sleep 600 >&2 & echo $!"], stdout=subprocess.PIPE)
    return lambda: os.kill(int(shell.stdout), 9)


def _port():
    return socket.create_server(("127.0.0.1", 0)).close


def _file(folder=None):
    handle, path = tempfile.mkstemp(dir=folder)
    os.close(handle)  # or a living process has it: this one
    return Path(path).unlink


def _shared():
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no folder of shared memory here")
    return _file("/dev/shm")


@pytest.mark.parametrize("leave", [_fork, _orphan, _port, _file, _shared])
def test_what_is_left_is_noticed(leave, tmp_path):
    shared = Path("/dev/shm")
    before = set(shared.iterdir() if shared.is_dir() else ()), listening(), forks()
    assert not _left(os.environ[MARK], tmp_path / "temporary", shared, *before)
    clear = leave()
    try:
        assert len(_left(os.environ[MARK], tmp_path / "temporary", shared, *before)) == 1
    finally:
        clear()
