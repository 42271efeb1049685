"""Finding an image set: decoded before, on disk, by download, and only then generated."""

import os
from pathlib import Path

import torch

from .. import paths
from ..arguments import whole
from . import cache, fetch, folder, official, standin
from .errors import DataError, Unavailable, readable
from .images import Images
from .sets import named
from .subset import stratified

_standin_loaded = False
_unreachable = {}  # (set, folder) -> why its download failed: asked once a process, not at every load


def load(name="cifar10", train=None, test=None, seed=0, device="cpu", root=None):
    """An image set as Images on `device`: a subset of `train` and `test` images (None: all), stratified, and the same
    for the same `seed`, a whole number from 0 on.

    name: cifar10, cifar100, svhn or stl10. root: the data folder (default $LLCOURSE_DATA, else data/ in the
    checkout). Takes, in this order: the decoded cache; the official archive in root; an ImageFolder copy in
    root; the official archive by download (not with LLCOURSE_OFFLINE=1); a generated stand-in, which says so.
    Raises DataError for data that is there but damaged, for an empty or missing folder that was named, for a full
    disk and for more images than there are; ValueError for a size, seed or device that cannot be.

    >>> images = load("cifar10", train=200, test=100)
    >>> images.shape, images.train_size, len(images.classes)
    ((3, 32, 32), 200, 10)
    """
    global _standin_loaded
    image_set, folder_named = named(name), _named_folder(root)
    train, test = (size if size is None else whole(split, size, least=1)
                   for split, size in (("train", train), ("test", test)))
    seed, device = whole("seed", seed), usable(device)
    try:
        decoded = find(image_set, folder_named)
    except Unavailable as why:
        decoded = standin.generate(image_set, train, test, str(why))
        _announce(image_set, why)
    _standin_loaded = decoded.kind == "standin"
    chosen = (stratified(decoded.train_y, train, seed, "training images"),
              stratified(decoded.test_y, test, seed, "test images"))
    arrays = (array[rows] for rows, pair in zip(chosen, ((decoded.train_x, decoded.train_y),
                                                         (decoded.test_x, decoded.test_y))) for array in pair)
    tensors = [torch.from_numpy(array).to(device) for array in arrays]
    return Images(name, *tensors, image_set.classes, decoded.source, image_set.mean, image_set.std,
                  flip=image_set.flips)


def find(image_set, root):
    """The whole set as a cache.Decoded, in the order that `load` gives. Raises Unavailable for none, DataError for what
    is there and cannot be used."""
    with readable(root):
        return _find(image_set, root)


def _find(image_set, root):
    official_key = f"{image_set.name}-official"
    if decoded := cache.find(root, official_key, image_set):
        return decoded
    if not official.present(image_set, root):
        if copy := folder.find(image_set, root):
            copy_key = folder.key(image_set, copy)
            return (cache.find(root, copy_key, image_set)
                    or cache.keep(root, copy_key, image_set, folder.decode(image_set, copy)))
        if os.environ.get("LLCOURSE_OFFLINE") == "1":
            raise Unavailable(f"{image_set.title} is not in {root}, and LLCOURSE_OFFLINE=1 forbids downloads")
        _fetch_once(image_set, root)
    return cache.keep(root, official_key, image_set, official.decode(image_set, root))


def _fetch_once(image_set, root):
    key = image_set.name, root
    if key in _unreachable:
        raise Unavailable(_unreachable[key])
    try:
        fetch.fetch(image_set, root)
    except Unavailable as why:
        _unreachable[key] = str(why)
        raise


def on_disk(name="cifar10", root=None):
    """True if `load` would find real images without a download. Looks, and decodes nothing.

    Raises DataError, as `load` does, for an empty or missing folder that was named.
    """
    image_set, root = named(name), _named_folder(root)
    with readable(root):
        return root.is_dir() and bool(cache.find(root, f"{name}-official", image_set)
                                      or official.present(image_set, root) or folder.find(image_set, root))


def standin_in_use():
    """True if the images that this process loaded last are a stand-in: figures say so."""
    return _standin_loaded


def usable(device):
    """The torch.device of that name, if this machine has it."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:  # torch's words where it is not there, or not known
        raise ValueError(f"device is {device!r}, which this machine has not: {str(error).splitlines()[0]}") from None


def _named_folder(root):
    """The data folder. One that was named must have something in it: an empty one is a slip, not a wish."""
    named_it = root is not None or os.environ.get("LLCOURSE_DATA")
    try:
        root = paths.data() if root is None else Path(root).expanduser()
    except (TypeError, RuntimeError) as error:  # no path, or no such user's home
        raise ValueError(f"root is {root!r}; it is the path of a folder ({error})") from None
    if named_it:
        try:
            empty = not any(root.iterdir())
        except OSError as error:
            raise DataError(f"the data folder {root} cannot be read ({error.strerror}); check its name, or "
                            "leave LLCOURSE_DATA and root unset to use data/ in the checkout") from error
        if empty:
            raise DataError(f"the data folder {root} is empty; to download into it, run: "
                            f"LLCOURSE_DATA={root} python -m llcourse data")
    return root


def _announce(image_set, why):
    line = "!" * 100
    print(f"{line}\nSTAND-IN: these are generated images, NOT {image_set.title}. No number below means "
          f"anything about {image_set.title}.\nWhy:  {why}\nMend: python -m llcourse data {image_set.name}   "
          f"(with a network; or see data/README.md for a copy by hand)\n{line}")
