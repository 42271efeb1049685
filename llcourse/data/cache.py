"""Decoded images as .npy files: made once, memory-mapped ever after."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .. import paths
from . import contents
from .building import building, sweep
from .errors import room_for
from .images import Source

ARRAYS = ("train_x", "train_y", "test_x", "test_y")


@dataclass
class Decoded:
    """A whole image set: uint8 (N, H, W, 3) and int64 (N,) NumPy arrays, and where they are from."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    kind: str
    where: str

    @cached_property
    def sha256(self):
        """Of what the arrays hold, whatever a file says that they should."""
        digest = hashlib.sha256()
        for name in ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, name)).data)
        return digest.hexdigest()

    @property
    def source(self):
        return Source(self.kind, self.where, self.sha256)


def find(root, key, image_set):
    """The Decoded kept under `key` for the data folder `root`, memory-mapped; None if none is whole.

    Whole: arrays of the set's own shapes, types and labels, with the contents that were kept. To read them all takes a
    fifth of a second for CIFAR-10.
    """
    for folder in _places(root, key):
        sweep(folder.parent)
        if decoded := _read(folder, image_set):
            return decoded
    return None


def keep(root, key, image_set, decoded):
    """Write `decoded` below `root`, or in the user's cache where that cannot be; return it memory-mapped.

    Says so where that place is not below `root`, or where there is none: `decoded` itself is returned then. Raises
    DataError for a full disk.
    """
    refused = []
    for folder in _places(root, key):
        reason = "what was written there reads otherwise"
        try:
            _write(folder, image_set, decoded)
        except OSError as error:
            reason = error.strerror or error
        if kept := _read(folder, image_set):  # also where another process was faster
            break
        refused.append(f"{folder} ({reason})")
    if refused:
        where = folder if kept else "memory only, and are decoded again at the next start"
        print(f"decoded images cannot be kept in {' or '.join(refused)}; they are in {where}")
    return kept or decoded


def _read(folder, image_set):
    try:
        record = json.loads((folder / "source.json").read_text())
        arrays = (np.lib.format.open_memmap(folder / f"{name}.npy", mode="r") for name in ARRAYS)
        decoded = Decoded(*arrays, record["kind"], record["where"])
        side = (image_set.side, image_set.side)
        contents.check("train", decoded.train_x, decoded.train_y, len(image_set.classes), side)
        contents.check("test", decoded.test_x, decoded.test_y, len(image_set.classes), side)
        return decoded if decoded.sha256 == record["sha256"] else None
    except (OSError, ValueError, TypeError, KeyError):  # absent, or damaged: decode again
        return None


def _write(folder, image_set, decoded):
    size = sum(getattr(decoded, name).nbytes for name in ARRAYS)
    with room_for(size, folder.parent, "The decoded images were not kept; their source is untouched."):
        with building(folder) as part:
            for name in ARRAYS:
                _save(part / f"{name}.npy", getattr(decoded, name))
            record = {"kind": decoded.kind, "where": decoded.where, "sha256": decoded.sha256}
            (part / "source.json").write_text(json.dumps(record))
            if _read(folder, image_set) is None:  # what is there, if anything is, is damaged
                _remove(folder)


def _save(file, array):
    """As numpy.save does, whose error names no reason where the disk is full."""
    with open(file, "wb") as out:
        np.lib.format.write_array_header_1_0(out, np.lib.format.header_data_from_array_1_0(array))
        out.write(np.ascontiguousarray(array).data)


def _remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _places(root, key):
    return Path(root) / ".cache" / key, paths.user_cache() / key
