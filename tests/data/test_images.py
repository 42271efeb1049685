import math

import numpy as np
import pytest
import torch

from llcourse import data
from llcourse.data.images import Images, Source
from llcourse.data.sets import SETS
from llcourse.data.subset import stratified


def made(train=1000, test=30, side=32):
    generator = torch.Generator().manual_seed(5)
    x = torch.randint(0, 256, (train + test, side, side, 3), dtype=torch.uint8, generator=generator)
    x[:, 0, 0, 0], x[:, 0, 0, 1] = torch.arange(train + test) % 256, torch.arange(train + test) // 256
    y = torch.arange(train + test)  # a label that names the image
    s = SETS["cifar10"]
    return Images(
        "cifar10",
        x[:train],
        y[:train],
        x[train:],
        y[train:],
        range(train + test),
        Source("imagefolder", "", ""),
        s.mean,
        s.std,
    )


def test_normalize_is_the_textbook_formula_in_channels_last():
    images = made()
    mean, std = (torch.tensor(c, dtype=torch.float64)[:, None, None] for c in (images.mean, images.std))
    expected = (images.train_x[:50].permute(0, 3, 1, 2).double() / 255 - mean) / std
    x = images.normalize(images.train_x[:50])
    torch.testing.assert_close(x.double(), expected, rtol=0, atol=1e-6)
    assert x.dtype == torch.float32 and x.shape == (50, *images.shape)
    assert x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size, sizes", [(1000, [128] * 7 + [104]), (897, [128] * 7), (898, [128] * 7 + [2])])
def test_an_epoch_gives_each_image_once_and_drops_only_a_single_one(size, sizes):
    batches = list(made(train=size).batches(128, torch.Generator().manual_seed(0)))
    assert [len(x) for x, _ in batches] == [len(y) for _, y in batches] == sizes
    seen = torch.cat([y for _, y in batches])
    assert len(seen.unique()) == len(seen) and not torch.equal(seen, seen.sort().values)


def test_labels_stay_with_their_images():
    images = made()
    for x, y in images.batches(100, torch.Generator().manual_seed(1), augment=False):
        assert torch.equal(x, images.normalize(images.train_x[y]))
    x, y = zip(*images.test_batches(7))
    assert torch.equal(torch.cat(y), images.test_y) and torch.equal(
        torch.cat(x), images.normalize(images.test_x)
    )


def test_batches_follow_the_generator_and_touch_no_global_one():
    images, before, numpy_before = made(), torch.get_rng_state(), np.random.get_state()[1].copy()
    a, b, c = (list(images.batches(128, torch.Generator().manual_seed(seed))) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before) and np.array_equal(
        np.random.get_state()[1], numpy_before
    )
    assert all(torch.equal(p, q) for one, other in zip(a, b) for p, q in zip(one, other))
    assert not torch.equal(a[0][1], c[0][1])
    plain = next(iter(images.batches(128, torch.Generator().manual_seed(1), augment=False)))
    assert torch.equal(a[0][1], plain[1]) and not torch.equal(a[0][0], plain[0])


def test_prepared_otherwise_are_the_same_images_under_other_constants():
    images = made()
    other = images.prepared(std=(0.2, 0.1, 0.3), padding="zeros")
    assert other.train_x is images.train_x and (other.mean, images.padding) == (images.mean, "reflect")
    assert images.prepared().digest() == images.digest()
    assert len({images.prepared(**change).digest() for change in (
        {}, {"std": (0.2, 0.1, 0.3)}, {"mean": (0.2, 0.1, 0.3)}, {"padding": "zeros"})}) == 4
    x, y = next(other.batches(200, torch.Generator().manual_seed(1)))
    same, labels = next(images.batches(200, torch.Generator().manual_seed(1)))
    back = x * torch.tensor(other.std)[:, None, None] + torch.tensor(other.mean)[:, None, None]
    reflected = same * torch.tensor(images.std)[:, None, None] + torch.tensor(images.mean)[:, None, None]
    inner = (slice(None), slice(None), slice(4, 28), slice(4, 28))  # no crop reaches the border from there
    assert torch.equal(y, labels) and torch.allclose(back[inner], reflected[inner], atol=1e-6)
    black = (back.abs() < 1e-6).all(dim=1).flatten(1).sum(dim=1)
    assert (black > 0).float().mean() > 0.9 and not torch.allclose(back, reflected, atol=1e-2)


def test_a_padding_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="'edge'; it is one of reflect, zeros"):
        made().prepared(padding="edge")


def given(**change):
    """Six images and three others, with what a test changes."""
    x, y = torch.randint(0, 256, (9, 8, 8, 3), dtype=torch.uint8), torch.arange(9) % 3
    arguments = {"name": "small", "train_x": x[:6], "train_y": y[:6], "test_x": x[6:], "test_y": y[6:],
                 "classes": "abc", "source": Source("standin", "a test", "0"), "mean": [0.5] * 3, "std": [0.2] * 3}
    return Images(**arguments | change)


@pytest.mark.parametrize("change, message", [
    ({"train_x": torch.linspace(0, 1, 6 * 192).view(6, 8, 8, 3)},
     r"train_x is float32 from 0 to 1; images are uint8 from 0 to 255"),
    ({"test_x": torch.full((3, 8, 8, 3), math.nan)}, "test_x is float32 from nan to nan; images are uint8"),
    ({"train_x": torch.zeros(6, 8, 8, 3, dtype=torch.complex64)}, "train_x is complex64; images are uint8"),
    ({"train_x": torch.zeros(6, 3, 8, 8, dtype=torch.uint8)}, r"shape \(6, 3, 8, 8\); it is \(N, H, W, 3\)"),
    ({"test_x": torch.zeros(3, 8, 9, 3, dtype=torch.uint8)}, r"shape \(3, 8, 9, 3\); it is \(N, 8, 8, 3\)"),
    ({"train_x": np.zeros((6, 8, 8, 3), np.uint8)}, "train_x is a ndarray; all four are dense tensors on one"),
    ({"test_y": torch.zeros(3, dtype=torch.int64, device="meta")}, "test_y is a Tensor, torch.strided on meta; all"),
    ({"train_x": torch.zeros(6, 8, 8, 3).to_sparse()}, "train_x is a Tensor, torch.sparse_coo on cpu; all four are"),
    ({"train_y": torch.arange(3)}, r"train_y has the shape \(3,\) beside 6 images"),
    ({"test_x": torch.zeros(0, 8, 8, 3, dtype=torch.uint8), "test_y": torch.arange(0)}, "beside 0 images"),
    ({"train_y": torch.full((6,), -100)}, "train_y is int64 from -100 to -100; labels are int64 from 0 to 2"),
    ({"test_y": torch.tensor([0, 1, 3])}, "test_y is int64 from 0 to 3; labels are int64 from 0 to 2"),
    ({"train_y": torch.zeros(6)}, "train_y is float32 from 0 to 0; labels are int64"),
    ({"classes": 3}, "classes is 3; it is a list"),
    ({"mean": 0.5}, "mean is 0.5; it is a list"),
    ({"mean": [0.5] * 2}, r"mean is \[0.5, 0.5\] and std is .*; each is three numbers"),
    ({"std": [0.2, 0.0, 0.2]}, "std is 0.0; it is a number above 0"),
    ({"mean": [0.2, math.nan, 0.2]}, "mean is nan; it is a number"),
    ({"padding": "edge"}, "padding is 'edge'; it is one of reflect, zeros"),
    ({"flip": "no"}, "flip is 'no'; it is True or False"),
    ({"source": "my folder"}, "source is 'my folder'; it is a data.Source"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_what_is_no_image_set_is_refused_with_what_was_given(change, message):
    assert given().train_size == 6 and given(mean=np.float32([0.5] * 3)).mean == (0.5,) * 3
    with pytest.raises(ValueError, match=message):
        given(**change)


@pytest.mark.parametrize("change, message", [
    ({"batch": 2.5}, "batch is 2.5; it is a whole number from 2 on"),
    ({"batch": 1}, "batch is 1; it is a whole number from 2 on"),
    ({"augment": "no"}, "augment is 'no'; it is True or False"),
    ({"generator": None}, "generator is None; it is a torch.Generator on cpu"),
    ({"generator": 3}, "generator is 3; it is a torch.Generator"),
], ids=str)
def test_an_epoch_that_cannot_be_is_refused(change, message):
    arguments = {"batch": np.int64(4), "generator": torch.Generator(), "augment": np.bool_(True)}
    assert [len(y) for _, y in given().batches(**arguments)] == [4, 2]
    with pytest.raises(ValueError, match=message):
        next(given().batches(**arguments | change))


def test_the_other_arguments_of_images_are_checked_too():
    one = given(train_x=given().train_x[:1], train_y=given().train_y[:1])
    with pytest.raises(ValueError, match="training images of an epoch is 1; it is a whole number from 2 on"):
        next(one.batches(4, torch.Generator()))
    with pytest.raises(ValueError, match="batch is 0; it is a whole number from 1 on"):
        next(given().test_batches(0))
    for seed in (1.7, None, -1):
        with pytest.raises(ValueError, match=f"seed is {seed}; it is a whole number from 0 on"):
            given().random_labels(seed)
        with pytest.raises(ValueError, match=f"seed is {seed}; it is a whole number from 0 on"):
            stratified(np.zeros(100, int), 5, seed)


def test_images_that_must_not_be_mirrored_are_cropped_only():
    plain, mirrored = given(flip=False), given()
    assert plain.digest() != mirrored.digest()
    assert not plain.prepared(padding="zeros").flip and not plain.random_labels(0).flip
    x, y = torch.zeros(100, 32, 32, 3, dtype=torch.uint8), torch.zeros(100, dtype=torch.int64)
    x[:, :, :16] = 200  # the left half is bright, and a crop moves it by 4 columns at most
    for flip in (False, True):
        images = given(train_x=x, train_y=y, test_x=x, test_y=y, flip=flip)
        batch, _ = next(images.batches(100, torch.Generator().manual_seed(0)))
        assert (batch[:, :, 16, 24] > 0).any() == flip and (batch[:, :, 16, 8] > 0).any()


def test_random_labels_are_the_same_labels_dealt_anew_and_the_training_images_are_the_test():
    images = made(train=200).prepared(padding="zeros")
    dealt = images.random_labels(1)
    assert torch.equal(dealt.train_x, images.train_x) and torch.equal(dealt.test_x, images.train_x)
    assert torch.equal(dealt.test_y, dealt.train_y) and dealt.padding == "zeros"
    assert sorted(dealt.train_y.tolist()) == images.train_y.tolist()
    assert (dealt.train_y == images.train_y).float().mean() < 0.1
    assert torch.equal(dealt.train_y, images.random_labels(1).train_y)
    assert not torch.equal(dealt.train_y, images.random_labels(2).train_y)


def test_subsets_are_seeded_stratified_and_nested():
    labels = np.repeat(np.arange(10), 500)
    small, large = stratified(labels, 1000, seed=3), stratified(labels, 2000, seed=3)
    assert (np.bincount(labels[small]) == 100).all() and len(set(small)) == 1000
    assert set(small) < set(large)
    assert np.array_equal(small, stratified(labels, 1000, seed=3))
    assert set(small) != set(stratified(labels, 1000, seed=4))
    assert (
        np.abs(np.bincount(labels[small[:200]], minlength=10) - 20).max() < 20
    )  # shuffled, not class after class


def test_shares_of_unbalanced_classes_are_rounded_and_add_up():
    labels = np.repeat(np.arange(3), [70, 20, 10])
    assert np.bincount(labels[stratified(labels, 50, 0)]).tolist() == [35, 10, 5]
    assert sorted(np.bincount(labels[stratified(labels, 7, 0)], minlength=3).tolist()) == [1, 1, 5]
    assert np.array_equal(np.sort(stratified(labels, None, 0)), np.arange(100))


@pytest.mark.parametrize("size", [0, -1, 101])
def test_a_subset_that_cannot_be_names_both_numbers(size):
    with pytest.raises(data.DataError, match=rf"{size} training images.*there are 100"):
        stratified(np.zeros(100, int), size, 0, "training images")
