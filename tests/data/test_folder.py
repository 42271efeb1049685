import os

import numpy as np
import pytest
from PIL import Image

from llcourse import data
from llcourse.data import folder
from llcourse.data.sets import SETS

CIFAR = SETS["cifar10"]


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg", "cifar10_png", "."])
def test_a_copy_is_found_in_a_sub_folder_or_in_the_root_itself(image_folder, root, name):
    image_folder(name)
    images = data.load("cifar10", root=root)
    assert images.source.kind == "imagefolder" and images.source.where == str(root / name)
    assert len(images.train_y) == 30 and images.test_y.bincount().tolist() == [2] * 10


def test_pixels_and_labels_are_the_files_own(image_folder, root):
    copy = image_folder()
    decoded = folder.decode(CIFAR, copy)
    assert (decoded.train_x[:, 0, 0, 0] == decoded.train_y).all() and decoded.test_y[-1] == 9
    assert np.array_equal(
        decoded.train_x[4], np.asarray(Image.open(copy / "train" / "automobile" / "0001.png"))
    )


def test_a_copy_of_one_set_is_not_taken_for_another(image_folder, root, monkeypatch):
    monkeypatch.setenv("LLCOURSE_OFFLINE", "1")
    image_folder(".")
    image_folder("cifar100-jpeg", SETS["cifar100"], train=1, test=1)
    assert len(data.load("cifar10", root=root).classes) == 10
    assert data.load("cifar100", root=root).source.where == str(root / "cifar100-jpeg")
    for name in ("svhn", "stl10"):  # stl10 shares seven class names with cifar10
        assert folder.find(SETS[name], root) is None


def test_gray_and_transparent_images_become_rgb(image_folder):
    copy = image_folder()
    for i, mode in enumerate(("L", "RGBA", "P")):
        Image.new(mode, (32, 32), 0).save(copy / "test" / "cat" / f"x{i}.png")
    assert folder.decode(CIFAR, copy).test_x.shape == (23, 32, 32, 3)


def without_a_class(copy):
    os.rename(copy / "train" / "frog", copy.parent / "frog")
    return r"train should hold .*missing: frog; unknown: none"


def with_a_strange_class(copy):
    (copy / "test" / "frogs").mkdir()
    return r"test should hold .*missing: none; unknown: frogs"


def without_a_split(copy):
    os.rename(copy / "test", copy.parent / "elsewhere")
    return r"test should hold .*missing: airplane"


def with_an_empty_class(copy):
    for file in (copy / "train" / "ship").iterdir():
        file.unlink()
    return r"ship holds no images"


def with_a_large_image(copy):
    Image.new("RGB", (64, 48)).save(copy / "train" / "dog" / "big.png")
    return r"big.png is 64x48 pixels; CIFAR-10's images are 32x32"


def with_a_truncated_image(copy):
    file = copy / "train" / "dog" / "0001.png"
    file.write_bytes(file.read_bytes()[:900])
    return r"0001.png cannot be read as an image"


def with_a_truncated_jpeg(copy):
    file = copy / "train" / "dog" / "half.jpg"
    Image.effect_noise((32, 32), 50).save(file)
    file.write_bytes(file.read_bytes()[:-200])
    return r"half.jpg cannot be read as an image"


def with_an_empty_file(copy):
    (copy / "test" / "cat" / "0000.png").write_bytes(b"")
    return r"0000.png cannot be read as an image"


def with_something_else(copy):
    (copy / "test" / "cat" / "notes.txt").write_text("my cats")
    return r"notes.txt cannot be read as an image"


def with_a_file_for_a_class(copy):
    os.rename(copy / "train" / "frog", copy.parent / "frog")
    (copy / "train" / "frog").write_text("")
    return r"missing: frog"


@pytest.mark.parametrize(
    "fault",
    [
        without_a_class,
        with_a_strange_class,
        without_a_split,
        with_an_empty_class,
        with_a_large_image,
        with_a_truncated_image,
        with_a_truncated_jpeg,
        with_an_empty_file,
        with_something_else,
        with_a_file_for_a_class,
    ],
)
def test_a_faulty_copy_is_an_error_that_names_the_fault(image_folder, root, fault):
    copy = image_folder()
    message = fault(copy)
    with pytest.raises(data.DataError, match=message):
        data.load("cifar10", root=root)
    assert not data.standin_in_use() and not (root / ".cache").exists()


def test_hidden_files_are_no_images(image_folder):
    copy = image_folder()
    (copy / "train" / ".DS_Store").write_text("")
    (copy / "train" / "cat" / ".DS_Store").write_text("")
    assert len(folder.decode(CIFAR, copy).train_y) == 30


def test_an_unreadable_class_folder_is_an_error(image_folder, root, monkeypatch):
    copy, entries = image_folder(), type(root).iterdir

    def closed(path):
        if path.name == "horse":
            raise PermissionError(13, "Permission denied")
        return entries(path)

    monkeypatch.setattr(type(root), "iterdir", closed)
    with pytest.raises(data.DataError, match="horse cannot be read .Permission denied."):
        folder.decode(CIFAR, copy)


@pytest.mark.parametrize("restored", ["the folder's time", "the file's times too"])
def test_a_file_put_in_anothers_place_is_seen_whatever_times_are_restored(image_folder, root, restored):
    copy = image_folder()
    first = data.load("cifar10", root=root)
    file = copy / "train" / "cat" / "0001.bmp"
    Image.new("RGB", (32, 32), 10).save(file)
    old = data.load("cifar10", root=root)
    before = file.stat(), file.parent.stat()
    Image.new("RGB", (32, 32), 20).save(copy / "new.bmp")  # as rsync does: written beside it, then renamed
    os.replace(copy / "new.bmp", file)
    assert file.stat().st_size == before[0].st_size
    if restored == "the file's times too":
        os.utime(file, ns=(before[0].st_atime_ns, before[0].st_mtime_ns))
    os.utime(file.parent, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
    assert len({images.source.sha256 for images in (first, old, data.load("cifar10", root=root))}) == 3


def test_a_hidden_file_leaves_the_key_alone(image_folder):
    copy = image_folder()
    first = folder.key(CIFAR, copy)
    (copy / "test" / "cat" / ".DS_Store").write_text("")
    assert folder.key(CIFAR, copy) == first


@pytest.mark.parametrize("content", ["JPEG", "PNG", "BMP", "WEBP"])
def test_a_format_is_told_by_content_not_by_name(image_folder, content):
    copy = image_folder()
    Image.new("RGB", (32, 32), 200).save(copy / "test" / "cat" / "0000.png", content)
    decoded = folder.decode(CIFAR, copy)
    assert np.abs(decoded.test_x[decoded.test_y == 3][0].astype(int) - [200, 0, 0]).max() < 10  # two of them lose some


@pytest.mark.parametrize("content", ["EPS", "TIFF", "GIF", "PPM"])
def test_other_formats_never_reach_their_decoder(image_folder, content, monkeypatch):
    copy, ran = image_folder(), []
    Image.new("RGB", (32, 32), 200).save(copy / "test" / "cat" / "0000.jpg", content)
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *a, **k: ran.append(a))
    with pytest.raises(data.DataError, match="0000.jpg cannot be read as an image .*it may be a JPEG, PNG, BMP, WEBP"):
        folder.decode(CIFAR, copy)
    assert not ran


def test_the_key_changes_with_the_files_and_only_then(image_folder):
    copy = image_folder()
    first = folder.key(CIFAR, copy)
    assert folder.key(CIFAR, copy) == first
    Image.new("RGB", (32, 32)).save(copy / "test" / "cat" / "new.png")
    os.utime(copy / "test" / "cat", (1, 1))  # a clock too coarse to tell is no part of this test
    assert folder.key(CIFAR, copy) != first
