import argparse
import math

import numpy as np
import pytest
import torch

from llcourse import data, paths
from llcourse.data import command, sources

ARCHIVE = "cifar-10-python.tar.gz"


def test_an_unknown_set_names_the_known_ones():
    for name in ("cifar11", ["cifar11"]):
        with pytest.raises(data.DataError, match="'cifar11'.*cifar10, cifar100, svhn, stl10"):
            data.load(name)


def test_the_official_archive_comes_before_a_folder_copy(published, image_folder, root):
    image_folder()
    assert data.load("cifar10", root=root).source.kind == "imagefolder"
    (root / ARCHIVE).write_bytes(published("cifar10")[ARCHIVE])
    assert data.load("cifar10", root=root).source.kind == "official"


def test_a_folder_copy_comes_before_a_download(host, image_folder, root):
    image_folder()
    data.load("cifar10", root=root)
    assert host.asked == []


def test_offline_forbids_the_download(host, published, root, monkeypatch):
    host.files = published("cifar10")
    monkeypatch.setenv("LLCOURSE_OFFLINE", "1")
    assert data.load("cifar10", train=100, test=100, root=root).standin
    assert host.asked == []


@pytest.mark.parametrize("by", ["argument", "variable"])
@pytest.mark.parametrize(
    "fault, message",
    [
        ("empty", "is empty"),
        ("missing", "cannot be read .No such"),
        ("a file", "cannot be read .Not a directory"),
    ],
)
def test_a_named_folder_without_data_is_an_error(tmp_path, monkeypatch, by, fault, message):
    folder = tmp_path / "named"
    if fault == "empty":
        folder.mkdir()
    elif fault == "a file":
        folder.write_text("")
    if by == "variable":
        monkeypatch.setenv("LLCOURSE_DATA", str(folder))
    with pytest.raises(data.DataError, match=message):
        data.load("cifar10", root=folder if by == "argument" else None)
    assert not data.standin_in_use()


def test_an_unreadable_named_folder_is_an_error(root, monkeypatch):
    def closed(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(root), "iterdir", closed)
    with pytest.raises(data.DataError, match="cannot be read .Permission denied."):
        data.load("cifar10", root=root)


def test_more_images_than_there_are_is_an_error_with_both_numbers(image_folder, root):
    image_folder()
    with pytest.raises(data.DataError, match="31 training images .*there are 30"):
        data.load("cifar10", train=31, root=root)


@pytest.mark.parametrize("change, message", [
    ({"train": 1.5}, "train is 1.5; it is a whole number from 1 on"),
    ({"train": math.nan}, "train is nan; it is"),
    ({"test": "10"}, "test is '10'; it is"),
    ({"test": True}, "test is True; it is"),
    ({"train": 0}, "train is 0; it is"),
    ({"seed": 1.7}, "seed is 1.7; it is a whole number from 0 on"),
    ({"seed": None}, "seed is None; it is"),  # numpy would take chance for it
    ({"device": "cpuu"}, "device is 'cpuu', which this machine has not: .*cpu"),
    ({"device": 1.5}, "device is 1.5, which this machine has not"),
    ({"root": 5}, "root is 5; it is the path of a folder"),
    ({"root": "~nobody-of-that-name/data"}, "root is '~nobody-of-that-name/data'; it is the path of a folder"),
], ids=str)
def test_an_argument_that_means_nothing_is_refused_before_anything_is_fetched(host, published, root, change, message):
    host.files = published("cifar10")
    with pytest.raises(ValueError, match=message):
        data.load(**{"root": root} | change)
    assert host.asked == []
    assert data.load(train=np.int64(20), test=torch.tensor(10), seed=np.int32(1), root=root).train_size == 20


def test_a_stand_in_has_no_more_images_than_the_set(root, monkeypatch):
    monkeypatch.setenv("LLCOURSE_OFFLINE", "1")
    with pytest.raises(data.DataError, match="100,000,000,000 test images were asked for; there are 10,000"):
        data.load(train=10, test=10**11, root=root)


def test_digits_are_not_mirrored(host, published, root):
    host.files = published("svhn") | published("cifar10")
    assert not data.load("svhn", root=root).flip and data.load("cifar10", root=root).flip


def test_on_disk_looks_without_reading_or_downloading(host, image_folder, published, root, tmp_path):
    assert not data.on_disk(root=root)
    with pytest.raises(data.DataError, match="cannot be read"):
        data.on_disk(root=tmp_path / "nowhere")
    image_folder()
    assert data.on_disk(root=root) and not data.on_disk("svhn", root)
    assert host.asked == [] and not (root / ".cache").exists()


def test_the_default_folder(monkeypatch, tmp_path):
    assert paths.data() == paths.root() / "data" and (paths.root() / "llcourse" / "paths.py").exists()
    assert paths.results() == paths.root() / "results"
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path))
    assert paths.data() == tmp_path
    monkeypatch.chdir(tmp_path)
    for variable, folder in (("LLCOURSE_DATA", paths.data), ("LLCOURSE_RESULTS", paths.results)):
        monkeypatch.setenv(variable, "mine")
        assert folder() == paths.root() / "mine"  # not in the folder that a notebook happens to run in


def run(*words):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.main(parser.parse_args(words))


def test_the_command_fetches_into_a_new_folder_and_says_what_is_there(
    host, published, tmp_path, monkeypatch, capsys
):
    host.files = published("cifar10")
    monkeypatch.setenv("LLCOURSE_DATA", str(tmp_path / "new"))
    assert run() == 0
    assert "40 training and 20 test images, 32x32, 10 classes" in capsys.readouterr().out
    assert data.load("cifar10").source.kind == "official"


def test_the_command_says_why_it_failed(root, monkeypatch, capsys):
    monkeypatch.setenv("LLCOURSE_DATA", str(root))
    assert run("cifar100") == 1
    assert "CIFAR-100: cifar-100-python.tar.gz could not be fetched" in capsys.readouterr().out


def test_an_unreachable_host_is_asked_once_a_process(tmp_path, monkeypatch, capsys):
    asked = []

    def refuse(image_set, root):
        asked.append(image_set.name)
        raise sources.Unavailable("no host answered")

    monkeypatch.delenv("LLCOURSE_OFFLINE", raising=False)
    monkeypatch.setattr(sources.fetch, "fetch", refuse)
    (tmp_path / "note.txt").write_text("not empty")
    for _ in range(2):
        assert sources.load("cifar10", train=20, test=20, root=tmp_path).standin
    assert asked == ["cifar10"] and capsys.readouterr().out.count("no host answered") == 2
