import errno
import os
import subprocess
import sys
import time
import urllib.request

import pytest

from llcourse import data
from llcourse.data import fetch, official
from llcourse.data.errors import Unavailable
from llcourse.data.sets import SETS

ARCHIVE = "cifar-10-python.tar.gz"


def visible(root):
    return sorted(p.name for p in root.iterdir() if not p.name.startswith(".") and p.name != "README.md")


def test_a_download_is_checked_unpacked_and_loaded(host, published, root):
    host.files = published("cifar10")
    images = data.load("cifar10", root=root)
    assert images.source.kind == "official" and images.source.where == ARCHIVE and len(images.train_y) == 40
    assert visible(root) == ["cifar-10-batches-py", ARCHIVE]
    assert not data.standin_in_use()


@pytest.mark.parametrize("name", ["cifar100", "svhn", "stl10"])
def test_the_other_sets_are_fetched_too(host, published, root, name):
    host.files = published(name, train=200, test=100)
    images = data.load(name, train=100, root=root)
    side = SETS[name].side
    assert images.source.kind == "official" and images.shape == (3, side, side) and len(images.test_y) == 100
    assert images.train_y.bincount().tolist() == [100 // len(images.classes)] * len(images.classes)


@pytest.mark.parametrize("resumes", [True, False])
def test_an_interrupted_download_goes_on_or_restarts(host, published, root, resumes):
    host.files, host.break_off, host.resumes = published("cifar10"), [9000], resumes
    fetch.fetch(SETS["cifar10"], root)
    assert host.asked == [(ARCHIVE, None), (ARCHIVE, "bytes=9000-")]
    assert (root / ARCHIVE).read_bytes() == host.files[ARCHIVE]
    assert visible(root) == [ARCHIVE]


def test_what_a_broken_download_leaves_is_no_archive_and_the_next_call_resumes(host, published, root):
    host.files, host.break_off = published("cifar10"), [9000, 500, 500]
    with pytest.raises(Unavailable, match=f"broke off after 10,000 of .*kept in .*{ARCHIVE}.part"):
        fetch.fetch(SETS["cifar10"], root)
    assert visible(root) == [f"{ARCHIVE}.part"] and (root / f"{ARCHIVE}.part").stat().st_size == 10_000
    fetch.fetch(SETS["cifar10"], root)
    assert host.asked[-1] == (ARCHIVE, "bytes=10000-")
    assert (root / ARCHIVE).read_bytes() == host.files[ARCHIVE]


@pytest.mark.parametrize(
    "garbage", [b"\0" * 5000, b"\0" * 1_000_000], ids=["shorter", "longer than the file"]
)
def test_a_damaged_partial_file_is_started_afresh(host, published, root, garbage):
    host.files = published("cifar10")
    (root / f"{ARCHIVE}.part").write_bytes(garbage)
    fetch.fetch(SETS["cifar10"], root)
    assert (root / ARCHIVE).read_bytes() == host.files[ARCHIVE]


def test_a_mirror_with_another_file_is_left_for_the_next(host, hosts, published, root, monkeypatch):
    files, good = published("cifar10"), hosts()
    host.files, good.files = {ARCHIVE: b"<html>Please log in</html>" * 99}, files
    monkeypatch.setattr("torchvision.datasets.CIFAR10.url", f"{good.url}/{ARCHIVE}")
    fetch.fetch(SETS["cifar10"], root)
    assert len(host.asked) == 1 and (root / ARCHIVE).read_bytes() == files[ARCHIVE]


def test_a_wrong_checksum_everywhere_leaves_nothing_that_looks_whole(host, published, root):
    host.files = {name: bytes(len(content)) for name, content in published("cifar10").items()}
    with pytest.raises(Unavailable, match="wrong md5"):
        fetch.fetch(SETS["cifar10"], root)
    assert visible(root) == []


def test_a_crawling_mirror_is_left_for_the_next_which_resumes(host, hosts, published, root, monkeypatch):
    host.files, good = published("cifar10"), hosts()
    good.files, host.pause = host.files, 0.2
    monkeypatch.setattr("torchvision.datasets.CIFAR10.url", f"{good.url}/{ARCHIVE}")
    fetch.fetch(SETS["cifar10"], root)
    ((_, resumed),) = good.asked
    assert (
        len(host.asked) == 1 and resumed is not None and (root / ARCHIVE).read_bytes() == good.files[ARCHIVE]
    )


def test_the_last_mirror_may_crawl(host, published, root, monkeypatch):
    host.files, host.pause = published("cifar10"), 0.05
    monkeypatch.setattr(fetch, "SLOWEST", 1e9)
    monkeypatch.setattr("torchvision.datasets.CIFAR10.url", f"{host.url}/{ARCHIVE}")
    fetch.fetch(SETS["cifar10"], root)
    assert len(host.asked) == 2 and host.asked[1][1] is not None


def test_a_mirror_that_falls_silent_is_left_at_once(host, published, root):
    host.files, host.pause = published("cifar10"), 3
    with pytest.raises(Unavailable, match="nothing came for 1 s"):
        fetch.fetch(SETS["cifar10"], root)
    assert len(host.asked) == 1


def test_an_unreachable_host_costs_little_and_the_stand_in_steps_in(root, monkeypatch, capsys):
    monkeypatch.setenv("LLCOURSE_MIRROR", "http://nowhere.invalid")
    monkeypatch.setattr(fetch, "CONTACT", 1.5)
    # a look-up that hangs, a black hole that swallows packets: neither returns, and neither heeds a timeout
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: time.sleep(20))
    began = time.monotonic()
    images = data.load("cifar10", train=100, test=100, root=root)
    assert time.monotonic() - began < 1.5 + 2
    assert images.standin and data.standin_in_use()
    printed = capsys.readouterr().out
    assert (
        "NOT CIFAR-10" in printed and "no answer" in printed and "python -m llcourse data cifar10" in printed
    )


def test_contact_with_all_mirrors_together_is_within_15_seconds():
    assert fetch.CONTACT <= 13


def test_no_space_left_says_how_much_and_keeps_what_arrived(host, published, root, monkeypatch):
    host.files = published("cifar10")
    real_open, room = open, 10_000

    class Full:
        def __init__(self, file):
            self.file, self.left = file, room

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            if len(data) > self.left:
                self.file.write(data[: self.left])
                raise OSError(errno.ENOSPC, "No space left on device")
            self.left -= len(data)
            return self.file.write(data)

    monkeypatch.setattr(fetch, "open", lambda *a: Full(real_open(*a)), raising=False)
    needed = f"{len(host.files[ARCHIVE]) / 1e6:,.1f} MB"
    with pytest.raises(
        data.DataError, match=rf"no space left in .*{needed} more.*\.part and is gone on from"
    ):
        data.load("cifar10", root=root)
    monkeypatch.undo()
    assert visible(root) == [f"{ARCHIVE}.part"] and (root / f"{ARCHIVE}.part").stat().st_size == room


def test_no_space_left_while_unpacking_keeps_the_archive_and_no_half_folder(published, root, monkeypatch):
    (root / ARCHIVE).write_bytes(published("cifar10")[ARCHIVE])

    def full(self, path, **_):
        (path / "cifar-10-batches-py").mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tarfile.TarFile.extractall", full)
    with pytest.raises(data.DataError, match="no space left.*is whole and stays"):
        data.load("cifar10", root=root)
    assert visible(root) == [ARCHIVE] and not list(root.glob(".cifar-10-batches-py*"))


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path, host):
    (tmp_path / "file").write_text("")
    with pytest.raises(data.DataError, match="cannot write to .*LLCOURSE_DATA"):
        fetch.fetch(SETS["cifar10"], tmp_path / "file" / "data")


LOADER = """
import dataclasses, json, sys, torchvision.datasets
from llcourse import data
for name, value in json.loads(sys.argv[2]).items():
    setattr(torchvision.datasets.CIFAR10, name, value)
data.SETS["cifar10"] = dataclasses.replace(data.SETS["cifar10"], sizes=(int(sys.argv[3]),))
print("READY", flush=True)
sys.stdin.readline()
print(data.load("cifar10", root=sys.argv[1]).source.sha256)
"""


def test_two_processes_fetching_at_once_do_no_harm(host, published, root):
    import json

    import torchvision.datasets

    host.files, host.pause = published("cifar10"), 0.02
    cls = torchvision.datasets.CIFAR10
    patched = json.dumps(
        {name: getattr(cls, name) for name in ("url", "tgz_md5", "train_list", "test_list", "meta")}
    )
    # OMP_NUM_THREADS: two processes share the cores with the tests
    command = [sys.executable, "-c", LOADER, str(root), patched, str(*SETS["cifar10"].sizes)]
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "READY\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    digests = [process.communicate(timeout=60)[0].split()[-1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert digests[0] == digests[1] and len(digests[0]) == 64
    assert len(host.asked) == 1 and visible(root) == ["cifar-10-batches-py", ARCHIVE]
    assert official.matches(root / ARCHIVE, cls.tgz_md5)
