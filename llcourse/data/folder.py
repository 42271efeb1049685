"""An ImageFolder copy of a set: <split>/<class>/<image file>, one folder a class."""

import hashlib
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..progress import progress
from .cache import Decoded
from .errors import DataError, there
from .sets import SETS

FORMATS = "JPEG", "PNG", "BMP", "WEBP"  # told by a file's first bytes; Pillow gives others, such as EPS, to programs


def find(image_set, root):
    """The folder below `root` that holds a copy of `image_set`, or None.

    It is the first sub-folder called by the set's name (cifar10, cifar10-jpeg, ...) that has a train or a
    test folder in it; or `root` itself, if the class folders in it look more like this set's than like any
    other's.
    """
    if not root.is_dir():
        return None
    own_name = re.compile(rf"{image_set.name}([-_.].*)?")
    for folder in sorted(_entries(root)):
        if own_name.fullmatch(folder.name) and stat.S_ISDIR(folder.stat().st_mode) and _is_copy(folder):
            return folder
    if _is_copy(root):
        splits = [root / split for split in ("train", "test") if (root / split).is_dir()]
        classes = {f.name for split in splits for f in _folders(split)}
        best = max(SETS.values(), key=lambda s: len(classes & set(s.classes)) / len(classes | set(s.classes)))
        if best is image_set:
            return root
    return None


def key(image_set, copy):
    """Names the state of a copy without reading an image: where it is, and every file's name, size and times.

    The time of change (ctime) is among them: files that rsync or cp restore have their old times otherwise.
    """
    state = hashlib.sha256(os.fsencode(copy.resolve()))
    for split in ("train", "test"):
        for folder in sorted(_folders(copy / split)) if (copy / split).is_dir() else ():
            state.update(os.fsencode(f"{split}/{folder.name}\n"))
            for file in sorted(os.scandir(folder), key=lambda file: file.name):
                if not file.name.startswith("."):
                    now = file.stat()
                    state.update(os.fsencode(f"{file.name} {now.st_size} {now.st_mtime_ns} {now.st_ctime_ns}\n"))
    return f"{image_set.name}-folder-{state.hexdigest()[:16]}"


def decode(image_set, copy):
    """Read every image of a copy. Raises DataError for a class folder or an image that is not right."""
    files, labels = {}, {}
    for split in ("train", "test"):
        listed = list(_listing(image_set, copy / split))
        files[split] = [file for file, _ in listed]
        labels[split] = np.array([label for _, label in listed])
    workers = ThreadPoolExecutor(min(8, os.cpu_count()))
    pixels = {split: np.empty((len(names), image_set.side, image_set.side, 3), np.uint8)
              for split, names in files.items()}
    try:
        with progress(total=sum(map(len, files.values())), label=f"decoding {image_set.title}") as bar:
            for split, names in files.items():
                for row, image in enumerate(workers.map(lambda file: _read(image_set, file), names)):
                    pixels[split][row] = image
                    bar.update()
    finally:
        workers.shutdown(cancel_futures=True)
    return Decoded(pixels["train"], labels["train"], pixels["test"], labels["test"], "imagefolder", str(copy))


def _listing(image_set, split):
    """(file, label) of every image of one split, class after class. Labels follow the set's own order."""
    there = {f.name for f in _folders(split)} if split.is_dir() else set()
    missing, unknown = sorted(set(image_set.classes) - there), sorted(there - set(image_set.classes))
    if missing or unknown:
        raise DataError(f"{split} should hold one folder for each of {image_set.title}'s "
                        f"{len(image_set.classes)} classes; missing: {', '.join(missing) or 'none'}; "
                        f"unknown: {', '.join(unknown) or 'none'}. Copy it again, or move it away.")
    for label, name in enumerate(image_set.classes):
        images = sorted(file for file in _entries(split / name) if not file.name.startswith("."))
        if not images:
            raise DataError(f"{split / name} holds no images; copy that class again")
        yield from ((image, label) for image in images)


def _read(image_set, file):
    from PIL import Image

    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.size != (image_set.side, image_set.side):
                raise DataError(f"{file} is {image.width}x{image.height} pixels; {image_set.title}'s images "
                                f"are {image_set.side}x{image_set.side}. Replace or remove it.")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be read as an image ({error}); it may be a {', '.join(FORMATS)}: replace or "
                        "remove it") from error


def _is_copy(folder):
    splits = folder / "train", folder / "test"
    return any(there(split) and stat.S_ISDIR(split.stat().st_mode) for split in splits)


def _folders(folder):
    return [f for f in _entries(folder) if f.is_dir() and not f.name.startswith(".")]


def _entries(folder):
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error
