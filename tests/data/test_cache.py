import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from llcourse import data, results
from llcourse.data import cache, folder, official
from llcourse.data.sets import SETS

KEY, CIFAR = "cifar10-test", SETS["cifar10"]


def decoded(seed=0):
    rng = np.random.default_rng(seed)
    return cache.Decoded(
        rng.integers(0, 256, (20, 32, 32, 3), np.uint8),
        np.arange(20) % 10,
        rng.integers(0, 256, (10, 32, 32, 3), np.uint8),
        np.arange(10),
        "imagefolder",
        "there",
    )


def no_decoding(monkeypatch):
    def decode(*_):
        raise AssertionError("decoded again")

    monkeypatch.setattr(folder, "decode", decode)
    monkeypatch.setattr(official, "decode", decode)


def test_what_is_kept_is_found_again_memory_mapped(root):
    assert cache.find(root, KEY, CIFAR) is None
    cache.keep(root, KEY, CIFAR, decoded())
    found = cache.find(root, KEY, CIFAR)
    assert isinstance(found.train_x, np.memmap) and not found.train_x.flags.writeable
    assert np.array_equal(found.train_x, decoded().train_x) and found.source == decoded().source
    assert [p.name for p in (root / ".cache").iterdir() if p.is_dir()] == [KEY]


def test_the_digest_is_of_every_array():
    base = decoded()
    for name in cache.ARRAYS:
        other = decoded()
        getattr(other, name)[3] += 1
        remade = cache.Decoded(*(getattr(other, n) for n in cache.ARRAYS), "imagefolder", "there")
        assert remade.sha256 != base.sha256


def test_a_folder_copy_is_decoded_once_until_it_changes(image_folder, root, monkeypatch):
    copy = image_folder()
    first = data.load("cifar10", root=root)
    with monkeypatch.context() as patch:
        no_decoding(patch)
        second = data.load("cifar10", root=root)
    assert second.source == first.source and second.train_x.equal(first.train_x)
    shutil.copy(copy / "train" / "cat" / "0000.png", copy / "train" / "cat" / "0009.png")
    os.utime(copy / "train" / "cat", (1, 1))
    assert len(data.load("cifar10", root=root).train_y) == len(first.train_y) + 1


def test_the_archive_is_not_needed_once_decoded(host, published, root, monkeypatch):
    host.files = published("cifar10")
    first = data.load("cifar10", root=root)
    shutil.rmtree(root / "cifar-10-batches-py")
    (root / "cifar-10-python.tar.gz").unlink()
    no_decoding(monkeypatch)
    assert data.load("cifar10", root=root).source == first.source and len(host.asked) == 1


def write_array(kept, name, change, signed):
    """Put changed contents in the place of an array; signed: under the checksum that they have."""
    np.save(kept / f"{name}.npy", change(np.load(kept / f"{name}.npy")))
    if signed:
        record = json.loads((kept / "source.json").read_text())
        arrays = (np.load(kept / f"{other}.npy") for other in cache.ARRAYS)
        sha256 = cache.Decoded(*arrays, record["kind"], record["where"]).sha256
        (kept / "source.json").write_text(json.dumps(record | {"sha256": sha256}))


def flipped(array):
    array.reshape(-1).view(np.uint8)[-1] ^= 1
    return array


CHANGES = {
    "one flipped bit": ("train_x", flipped, False),
    "a flipped bit in a label": ("test_y", flipped, False),
    "foreign images": ("train_x", lambda x: 255 - x, False),
    "signed bytes": ("train_x", lambda x: x.view(np.int8), True),
    "channels first": ("test_x", lambda x: x.reshape(-1, 3, 32, 32), True),
    "flat images": ("test_x", lambda x: x.reshape(-1, 3072), True),
    "label 99": ("train_y", lambda y: y + 90, True),
    "labels of a double": ("train_y", lambda y: y.astype(float), True),
    "half of the labels": ("train_y", lambda y: y[:15], True),
    "no images": ("test_x", lambda x: x[:0], True),
    "objects": ("train_y", lambda y: y.astype(object), False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_contents_are_decoded_again(image_folder, root, change):
    image_folder()
    first = data.load("cifar10", root=root)
    (kept,) = (p for p in (root / ".cache").iterdir() if p.is_dir())
    write_array(kept, *CHANGES[change])
    again = data.load("cifar10", root=root)
    assert again.source == first.source and again.digest() == first.digest()
    assert cache.find(root, kept.name, CIFAR).sha256 == first.source.sha256


def test_a_recorded_result_names_the_images_that_are_there(image_folder, root, monkeypatch):
    image_folder()
    monkeypatch.setenv("LLCOURSE_DATA", str(root))
    first = results.image_source()
    (kept,) = (p for p in (root / ".cache").iterdir() if p.is_dir())
    write_array(kept, *CHANGES["foreign images"])
    assert results.image_source() == first
    assert np.load(kept / "train_x.npy")[0, 0, 0, 0] == 0  # image_folder writes the label there


@pytest.mark.parametrize("damage", ["missing array", "short array", "empty array", "no record", "odd record", "a file",
                                    "a dangling link", "folders for files"])
def test_a_damaged_cache_is_made_again(image_folder, root, damage):
    image_folder()
    first = data.load("cifar10", root=root)
    (kept,) = (p for p in (root / ".cache").iterdir() if p.is_dir())
    if damage == "missing array":
        (kept / "test_y.npy").unlink()
    elif damage == "short array":
        (kept / "train_x.npy").write_bytes((kept / "train_x.npy").read_bytes()[:-1])
    elif damage == "empty array":  # as a power cut can leave it
        (kept / "train_x.npy").write_bytes(b"")
    elif damage == "no record":
        (kept / "source.json").write_text("")
    elif damage == "odd record":
        (kept / "source.json").write_text(json.dumps({"kind": "official", "colour": "blue"}))
    else:
        shutil.rmtree(kept)
        if damage == "a file":
            kept.write_text("")
        elif damage == "a dangling link":
            kept.symlink_to(root / "nowhere")
        else:
            for name in ("source.json", *(f"{array}.npy" for array in cache.ARRAYS)):
                (kept / name).mkdir(parents=True)
    again = data.load("cifar10", root=root)
    assert again.source == first.source and again.train_x.equal(first.train_x)
    assert cache.find(root, kept.name, CIFAR).sha256 == first.source.sha256


def test_a_read_only_data_folder_is_cached_for_the_user(root, tmp_path, capsys):
    (root / ".cache").write_text("a file where the folder should go")
    cache.keep(root, KEY, CIFAR, decoded())
    own = tmp_path / "user-cache" / "llcourse" / KEY
    assert (own / "train_x.npy").exists()
    assert cache.find(root, KEY, CIFAR).sha256 == decoded().sha256
    assert re.search(rf"cannot be kept in {root}/.cache/{KEY} \(.*\); they are in {own}$", capsys.readouterr().out)


def test_without_any_place_to_write_the_images_are_still_there(root, tmp_path, capsys):
    (root / ".cache").write_text("")
    (tmp_path / "user-cache").write_text("")
    assert np.array_equal(cache.keep(root, KEY, CIFAR, decoded()).train_x, decoded().train_x)
    assert "they are in memory only, and are decoded again at the next start" in capsys.readouterr().out


def test_a_second_process_that_finishes_later_changes_nothing(root):
    first = cache.keep(root, KEY, CIFAR, decoded(0))
    assert cache.keep(root, KEY, CIFAR, decoded(1)).sha256 == first.sha256
    assert [p.name for p in (root / ".cache").iterdir() if p.is_dir()] == [KEY]


def test_two_processes_that_write_at_once_both_have_images(root, monkeypatch, capsys):
    write, both = cache._save, []

    def faster(file, array):
        write(file, array)
        if not both:
            both.append(True)
            both.append(cache.keep(root, KEY, CIFAR, decoded(1)))

    monkeypatch.setattr(cache, "_save", faster)
    slower = cache.keep(root, KEY, CIFAR, decoded(0))
    assert slower.sha256 == both[1].sha256 == decoded(1).sha256 and isinstance(slower.train_x, np.memmap)
    assert [p.name for p in (root / ".cache").iterdir()] == [KEY] and capsys.readouterr().out == ""


def test_a_full_disk_is_named_and_keeps_no_half_cache(small_disk, capsys):
    many = cache.Decoded(*(np.concatenate([getattr(decoded(), name)] * 40) for name in cache.ARRAYS), "official", "a")
    with pytest.raises(data.DataError, match=rf"no space left in {small_disk}/.cache: 3.7 MB .*source is untouched"):
        cache.keep(small_disk, KEY, CIFAR, many)
    assert list((small_disk / ".cache").iterdir()) == []
    assert isinstance(cache.keep(small_disk, KEY, CIFAR, decoded()).train_x, np.memmap)  # what fits is kept


def test_no_space_left_leaves_no_half_cache(root, monkeypatch):
    def full(path, array):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "_save", full)
    with pytest.raises(data.DataError, match=r"no space left in .*0\.1 MB more.*source is untouched"):
        cache.keep(root, KEY, CIFAR, decoded())
    assert not [p for p in (root / ".cache").iterdir() if p.is_dir()]


REAL = os.environ.get("LLCOURSE_DATA")  # read before the tests' own world hides it


@pytest.mark.skipif(
    not (REAL and data.on_disk("cifar10", REAL)), reason="LLCOURSE_DATA names no copy of CIFAR-10"
)
def test_the_second_load_of_the_real_images_takes_under_a_second(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    data.load("cifar10", root=REAL)
    program = (
        "import sys, time, torch, llcourse.data as d; began = time.perf_counter(); "
        "i = d.load('cifar10', 10_000, 2_000, root=sys.argv[1]); "
        "print(time.perf_counter() - began, len(i.train_y))"
    )
    seconds, size = subprocess.run(
        [sys.executable, "-c", program, REAL], capture_output=True, text=True, check=True
    ).stdout.split()
    assert int(size) == 10_000 and float(seconds) < 1
