"""Paths of the wrong type, links that lead nowhere, and what another user owns: an error with path and mend, or images
without a cache; never a stand-in."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from llcourse import data

ARCHIVE, UNPACKED = "cifar-10-python.tar.gz", "cifar-10-batches-py"


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("LLCOURSE_OFFLINE", "1")


@pytest.mark.parametrize("name", [ARCHIVE, UNPACKED, "cifar10-jpeg", "train"])
def test_a_link_that_leads_nowhere_is_an_error_and_no_reason_for_a_stand_in(root, name):
    (root / name).symlink_to(root / "nowhere")
    with pytest.raises(data.DataError, match=f"{root}/{name}.* (leads nowhere|is missing)"):
        data.load("cifar10", root=root)
    assert not data.standin_in_use()


def test_a_linked_image_that_is_not_there_is_named(image_folder, root):
    link = image_folder() / "train" / "cat" / "linked.png"
    link.symlink_to(root / "nowhere")
    with pytest.raises(data.DataError, match=r"linked.png cannot be used \(a link that leads nowhere\)"):
        data.load("cifar10", root=root)


@pytest.mark.parametrize("name", ["cifar10-jpeg", "train"])
def test_on_disk_says_so_too(root, name):
    (root / name).symlink_to(root / "nowhere")
    with pytest.raises(data.DataError, match=rf"{name} cannot be used \(a link that leads nowhere\)"):
        data.on_disk("cifar10", root)


def test_an_archive_that_is_a_folder(root):
    (root / ARCHIVE).mkdir()
    with pytest.raises(data.DataError, match=rf"{ARCHIVE} cannot be used \(Is a directory\); .*LLCOURSE_DATA"):
        data.load("cifar10", root=root)


def test_an_unpacked_archive_that_is_a_file(root):
    (root / UNPACKED).write_text("")
    with pytest.raises(data.DataError, match=f"{UNPACKED}/.* is missing"):
        data.load("cifar10", root=root)


@pytest.fixture
def another_user():
    """A function that goes on as a user who owns nothing here; `root` is handed over in a folder that all may enter."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can become another user")
    yield lambda: os.seteuid(65534)
    os.seteuid(0)


@pytest.fixture
def shared(image_folder, root):
    """A data folder with a copy of CIFAR-10, that every user may read."""
    image_folder()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.move(root / "cifar10-jpeg", folder / "cifar10-jpeg")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("closed, mode", [
    (".", 0o744), ("cifar10-jpeg", 0o744), ("cifar10-jpeg", 0o700), ("cifar10-jpeg/train", 0o700),
    ("cifar10-jpeg/test/cat", 0o744), ("cifar10-jpeg/test/cat/0001.png", 0o600), (ARCHIVE, 0o600), (UNPACKED, 0o700),
])
def test_what_may_not_be_read_is_named(shared, another_user, closed, mode):
    if closed == ARCHIVE:
        (shared / closed).write_text("")
    elif closed == UNPACKED:
        (shared / closed).mkdir()
    (shared / closed).chmod(mode)
    another_user()
    with pytest.raises(data.DataError, match=rf"{(shared / closed).resolve()}.*(Permission denied|missing)"):
        data.load("cifar10", root=shared)
    assert not data.standin_in_use()


@pytest.mark.parametrize("owned", ["the folder", "the cache", "what is in the cache", "an old lock"])
def test_images_that_cannot_be_kept_in_another_users_folder_are_kept_in_ones_own(
        shared, another_user, owned, monkeypatch, capsys):
    first = data.load("cifar10", root=shared)
    (kept,) = (path for path in (shared / ".cache").iterdir() if path.is_dir())
    if owned == "the folder":
        shutil.rmtree(shared / ".cache")
    elif owned == "the cache":
        shutil.rmtree(kept)
    elif owned == "what is in the cache":
        kept.chmod(0o700)
        (shared / ".cache").chmod(0o777)
    else:  # of a version that locked
        shutil.rmtree(kept)
        (shared / ".cache" / f"{kept.name}.lock").touch(0o600)
        (shared / ".cache").chmod(0o777)
    own = Path(tempfile.mkdtemp())
    os.chown(own, 65534, 65534)
    monkeypatch.setenv("XDG_CACHE_HOME", str(own))
    another_user()
    try:
        assert data.load("cifar10", root=shared).source == first.source
        said = capsys.readouterr().out
        if owned == "an old lock":
            assert (kept / "source.json").exists() and said == ""
        else:
            assert "Permission denied" in said or "not empty" in said
            assert f"they are in {own}/llcourse/{kept.name}" in said
        assert data.load("cifar10", root=shared).source == first.source and capsys.readouterr().out == ""
    finally:
        os.seteuid(0)
        shutil.rmtree(own)
