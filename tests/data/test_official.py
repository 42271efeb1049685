import inspect
import pickle

import numpy as np
import pytest
import torchvision.datasets

from llcourse import data
from llcourse.data import official
from llcourse.data.sets import SETS

FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"


@pytest.fixture
def archive(published, root):
    path = root / ARCHIVE
    path.write_bytes(published("cifar10")[ARCHIVE])
    return path


@pytest.fixture
def no_unpickling(monkeypatch):
    """Fails the test if anything is unpickled."""

    def load(*_, **__):
        raise AssertionError("a pickle was loaded")

    monkeypatch.setattr(pickle, "load", load)


@pytest.mark.parametrize("name", SETS)
def test_the_table_agrees_with_torchvision(name):
    image_set = SETS[name]
    assert tuple(f.name for f in official.files(image_set)) == image_set.files
    assert image_set.unpacked == getattr(
        getattr(torchvision.datasets, image_set.dataset), "base_folder", None
    )
    assert all(len(f.md5) == 32 for f in official.files(image_set))
    assert len(image_set.classes) == (100 if name == "cifar100" else 10) and len(set(image_set.classes)) in (
        10,
        100,
    )


def test_pixels_labels_and_classes_are_torchvisions(archive, root):
    decoded = official.decode(SETS["cifar10"], root)
    theirs = torchvision.datasets.CIFAR10(root, train=False)
    assert np.array_equal(decoded.test_x, theirs.data) and decoded.test_y.tolist() == theirs.targets
    assert tuple(theirs.classes) == SETS["cifar10"].classes


@pytest.mark.parametrize("name", ["svhn", "stl10"])
def test_channels_are_last_whatever_the_archive_has(name, published, root):
    for file, content in published(name).items():
        (root / file).write_bytes(content)
    decoded = official.decode(SETS[name], root)
    theirs = getattr(torchvision.datasets, SETS[name].dataset)(root, split="test")
    assert (
        np.array_equal(decoded.test_x[7], np.asarray(theirs[7][0])) and decoded.test_y[7] == theirs[7][1] == 7
    )


def damage(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "corrupted":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    else:
        path.write_bytes(b"")


@pytest.mark.parametrize("how", ["truncated", "corrupted", "empty"])
def test_a_damaged_archive_is_an_error_and_stays_where_it_is(archive, root, how, no_unpickling):
    damage(archive, how)
    left = archive.read_bytes()
    with pytest.raises(
        data.DataError, match=rf"{ARCHIVE} \([\d,]+ bytes\) is truncated or damaged.*python -m llcourse"
    ):
        data.load("cifar10", root=root)
    assert archive.read_bytes() == left and not (root / FOLDER).exists() and not data.standin_in_use()


@pytest.mark.parametrize("how", ["truncated", "corrupted", "empty"])
@pytest.mark.parametrize("batch", ["data_batch_3", "test_batch", "batches.meta"])
def test_no_damaged_batch_is_unpickled(archive, root, batch, how, monkeypatch):
    official.decode(SETS["cifar10"], root)
    damage(root / FOLDER / batch, how)
    unpickled, load = [], pickle.load
    monkeypatch.setattr(pickle, "load", lambda f, **k: unpickled.append(f.name) or load(f, **k))
    with pytest.raises(data.DataError, match=rf"{batch} \([\d,]+ bytes\) is truncated or damaged"):
        data.load("cifar10", root=root)
    assert not any(name.endswith(batch) for name in unpickled) and not data.standin_in_use()


def test_a_missing_batch_is_named(archive, root):
    official.decode(SETS["cifar10"], root)
    (root / FOLDER / "data_batch_4").unlink()
    with pytest.raises(data.DataError, match="data_batch_4 is missing"):
        data.load("cifar10", root=root)


def test_a_damaged_bare_file_is_named(published, root):
    for file, content in published("svhn").items():
        (root / file).write_bytes(content)
    damage(root / "test_32x32.mat", "truncated")
    with pytest.raises(data.DataError, match="test_32x32.mat .* is truncated or damaged"):
        data.load("svhn", root=root)


def test_nothing_else_in_the_package_unpickles():
    import llcourse.data.cache
    import llcourse.data.folder

    for module in (official, llcourse.data.cache, llcourse.data.folder):
        assert "pickle" not in inspect.getsource(module).replace("unpickle", "")
