import time

import numpy as np
import pytest
import torch

from llcourse import data
from llcourse.data import standin
from llcourse.data.sets import SETS


@pytest.fixture
def images(root, monkeypatch):
    monkeypatch.setenv("LLCOURSE_OFFLINE", "1")
    return data.load("cifar10", train=4000, test=1000, root=root)


def test_it_has_the_shape_of_the_set_and_says_that_it_is_not_it(capsys, images):
    printed = capsys.readouterr().out
    assert "STAND-IN" in printed and "NOT CIFAR-10" in printed and "LLCOURSE_OFFLINE=1" in printed
    assert images.standin and images.source.kind == "standin" and data.standin_in_use()
    assert images.shape == (3, 32, 32) and images.classes == SETS["cifar10"].classes
    assert images.train_x.dtype == torch.uint8 and images.train_y.bincount().tolist() == [400] * 10
    assert len(images.source.sha256) == 64


def test_real_images_end_its_reign(images, image_folder, root):
    image_folder()
    assert not data.load("cifar10", root=root).standin and not data.standin_in_use()


@pytest.mark.parametrize("name, classes, side", [("cifar100", 100, 32), ("stl10", 10, 96)])
def test_every_set_has_one(root, monkeypatch, name, classes, side):
    monkeypatch.setenv("LLCOURSE_OFFLINE", "1")
    images = data.load(name, train=500, test=200, root=root)
    assert images.shape == (3, side, side) and images.test_y.bincount().tolist() == [200 // classes] * classes


def test_it_is_the_same_everywhere_and_a_small_one_begins_a_large_one():
    small, large = (standin.generate(SETS["cifar10"], size, 1000) for size in (1000, 2000))
    assert np.array_equal(small.train_x, large.train_x[:1000]) and np.array_equal(small.test_x, large.test_x)
    assert not np.array_equal(small.train_x, small.test_x) and not np.array_equal(
        large.train_x[1000:], small.train_x
    )


def test_it_takes_a_few_seconds_and_no_global_chance():
    before, began = np.random.get_state()[1].copy(), time.process_time()
    standin.generate(SETS["cifar10"], 2000, 1000)
    assert time.process_time() - began < 3  # three of the twelve thousand that a chapter takes
    assert np.array_equal(np.random.get_state()[1], before)


def test_a_linear_model_on_pixels_stays_far_below_30_percent(images):
    """Ridge regression in closed form, for the best of several penalties."""
    x, t = (images.normalize(x).flatten(1) for x in (images.train_x, images.test_x))
    targets = torch.eye(10)[images.train_y]
    kernel = x @ x.T
    accuracy = [
        (
            (t @ x.T @ torch.linalg.solve(kernel + penalty * torch.eye(len(x)), targets)).argmax(1)
            == images.test_y
        )
        .float()
        .mean()
        .item()
        for penalty in (1e4, 1e6)
    ]
    assert max(accuracy) < 0.2


def test_the_glyphs_tell_the_class():
    """A template matcher that knows the glyphs finds the pair where nothing else is in the way."""
    shapes = standin._shapes(5)
    assert len(np.unique(shapes.reshape(5, -1), axis=0)) == 5 and (shapes.sum((1, 2)) == 12).all()
    assert not shapes[:, -1].any() and not shapes[:, :, -1].any()
    masks = standin._masks(shapes.repeat(200, axis=0), np.random.default_rng(0))
    share = masks.reshape(5, 200, -1).mean((1, 2)) * 32 * 32 / (12.5**2 * 12 / 25)
    assert (abs(share - 1) < 0.1).all()
