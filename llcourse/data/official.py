"""The sets' official archives: on disk, checked and decoded by torchvision's own classes.

Torchvision carries the checksums and refuses to unpickle a file that does not match, so nothing is read here
by any other way. It is imported late: a broken torchvision must not keep the rest of the package from
starting.
"""

import hashlib
import tarfile
from typing import NamedTuple

import numpy as np

from .building import building
from .cache import Decoded
from .errors import DataError, room_for, there


class File(NamedTuple):
    """One file of a set as its host publishes it."""

    url: str
    name: str
    md5: str
    size: int


def files(image_set):
    """What to download for a set, with torchvision's checksums."""
    cls = _dataset(image_set)
    if image_set.unpacked:
        return [File(cls.url, cls.filename, cls.tgz_md5, *image_set.sizes)]
    return [File(*cls.split_list[split], size) for split, size in zip(("train", "test"), image_set.sizes)]


def present(image_set, root):
    """True if a set's files, or the folder they unpack to, are in `root`, whole or not."""
    unpacked = image_set.unpacked is not None and there(root / image_set.unpacked)
    return unpacked or all(there(root / name) for name in image_set.files)


def matches(path, md5):
    """True if the file has that checksum."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest() == md5


def decode(image_set, root):
    """Check, unpack if need be, and read a set that is `present`. Raises DataError naming a damaged file."""
    if image_set.unpacked and not there(root / image_set.unpacked):
        _unpack(image_set, root)
    cls = _dataset(image_set)
    splits = ("train", "test") if hasattr(cls, "split_list") or hasattr(cls, "splits") else (True, False)
    try:
        train, test = (cls(root, split) for split in splits)
    except (RuntimeError, OSError) as error:  # torchvision's word for a missing or damaged file
        damage = _damage(image_set, root)
        raise DataError(damage or f"{image_set.title} in {root} cannot be read: {error}") from error
    return Decoded(*_arrays(train), *_arrays(test), "official", ", ".join(image_set.files))


def _dataset(image_set):
    try:
        import torchvision.datasets
    except Exception as error:  # of another build than torch it raises whatever its loader says
        raise DataError(f"torchvision, which checks and reads {image_set.title}, does not start ({error}); "
                        "what to do says: python -m llcourse doctor") from error
    return getattr(torchvision.datasets, image_set.dataset)


def _arrays(dataset):
    x = dataset.data if dataset.data.shape[-1] == 3 else dataset.data.transpose(0, 2, 3, 1)
    y = dataset.targets if hasattr(dataset, "targets") else dataset.labels
    return np.ascontiguousarray(x), np.asarray(y, np.int64)


def _unpack(image_set, root):
    """Extract an archive whose checksum holds; its folder appears only when whole."""
    (file,) = files(image_set)
    archive, folder = root / file.name, root / image_set.unpacked
    if not matches(archive, file.md5):
        raise DataError(_unlike(archive, file.md5, image_set))
    try:
        with room_for(2 * archive.stat().st_size, root, f"{file.name} is whole and stays."), building(folder) as part:
            with tarfile.open(archive) as tar:
                tar.extractall(part, filter="data")
            for entry in (part / folder.name).iterdir():  # the archive brings a folder of its own
                entry.replace(part / entry.name)
            (part / folder.name).rmdir()
    except OSError as error:
        if folder.is_dir():  # another process was faster
            return
        raise DataError(f"{archive} cannot be unpacked beside itself ({error}); unpack it by hand, or "
                        "copy it to a folder of your own and name that in LLCOURSE_DATA") from error


def _damage(image_set, root):
    """Which of a set's files torchvision refuses, and why; None if they all are as published."""
    cls = _dataset(image_set)
    if image_set.unpacked:
        meta = [[cls.meta["filename"], cls.meta["md5"]]] if hasattr(cls, "meta") else []
        listed = cls.train_list + cls.test_list + meta
        published = [(root / image_set.unpacked / name, md5) for name, md5 in listed]
    else:
        published = [(root / file.name, file.md5) for file in files(image_set)]
    for path, md5 in published:
        if not path.is_file():
            return (f"{path} is missing, so {image_set.title} there is not whole; move {path.parent} away "
                    f"and run: python -m llcourse data {image_set.name}")
        if not matches(path, md5):
            return _unlike(path, md5, image_set)


def _unlike(path, md5, image_set):
    return (f"{path} ({path.stat().st_size:,} bytes) is truncated or damaged: its md5 should be {md5}. "
            f"Nothing was read from it. Move it away and run: python -m llcourse data {image_set.name}")
