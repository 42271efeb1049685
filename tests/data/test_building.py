"""Folders that appear whole: what kills leave, and what must not be taken for it."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from llcourse.data import building, cache
from llcourse.data.sets import SETS

pytestmark = pytest.mark.skipif(building.fcntl is None, reason="nothing is swept where folders have no locks")
WRITER = """
import sys
from pathlib import Path
from llcourse.data.building import building
with building(Path(sys.argv[1])) as part:
    (part / "half").write_bytes(bytes(1000))
    print(part.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path):
    """A process that is filling a folder, and the name of what it fills."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "new")], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate(timeout=30)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed_at_the_next_start_and_nothing_that_is_being_filled(writer, tmp_path):
    process, part = writer
    building.sweep(tmp_path)
    assert names(tmp_path) == [part] and names(tmp_path / part) == ["half"]
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert names(tmp_path) == [part]
    with building.building(tmp_path / "other") as own:
        assert names(tmp_path) == [own.name]
    assert names(tmp_path) == ["other"]


def test_a_folder_just_made_may_not_be_locked_yet(tmp_path):
    (tmp_path / ".new.part-0123").mkdir()
    building.sweep(tmp_path)
    assert names(tmp_path) == [".new.part-0123"]


def test_the_cache_is_swept_whenever_it_is_read(tmp_path):
    for parent in (tmp_path / "data" / ".cache", tmp_path / "user-cache" / "llcourse"):
        (parent / ".cifar10-official.part-0123").mkdir(parents=True)
        (parent / ".cifar10-official.part-0123" / "train_x.npy").write_bytes(bytes(1000))
    assert cache.find(tmp_path / "data", "cifar10-official", SETS["cifar10"]) is None
    assert names(tmp_path / "data" / ".cache") == names(tmp_path / "user-cache" / "llcourse") == []


def test_folders_are_filled_where_nothing_can_be_locked_and_nothing_is_swept_there(tmp_path, monkeypatch):
    def without_locks(*_):
        raise OSError(37, "No locks available")

    (tmp_path / ".old.part-0123" / "half").mkdir(parents=True)
    monkeypatch.setattr(building.fcntl, "flock", without_locks)
    with building.building(tmp_path / "new") as part:
        np.save(part / "x.npy", np.arange(3))
    assert names(tmp_path) == [".old.part-0123", "new"] and names(tmp_path / "new") == ["x.npy"]


def test_an_error_leaves_nothing_and_a_full_folder_stays(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "theirs").write_text("")
    with pytest.raises(OSError), building.building(tmp_path / "new") as part:
        (part / "mine").write_text("")
    with pytest.raises(KeyError), building.building(tmp_path / "newer") as part:
        raise KeyError
    assert names(tmp_path) == ["new"] and names(tmp_path / "new") == ["theirs"]


def test_folders_get_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with building.building(tmp_path / "new"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o750
