"""Decoded images as .npy files: made once, memory-mapped ever after."""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from .. import paths
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
    sha256: str = ""

    def __post_init__(self):
        if not self.sha256:
            digest = hashlib.sha256()
            for name in ARRAYS:
                digest.update(np.ascontiguousarray(getattr(self, name)).data)
            self.sha256 = digest.hexdigest()

    @property
    def source(self):
        return Source(self.kind, self.where, self.sha256)


def find(root, key):
    """The Decoded kept under `key` for the data folder `root`, memory-mapped; None if none is whole."""
    for folder in _places(root, key):
        try:
            record = json.loads((folder / "source.json").read_text())
            return Decoded(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS), **record)
        except (OSError, EOFError, ValueError, TypeError):  # absent, or damaged: decode again
            continue
    return None


def keep(root, key, decoded):
    """Write `decoded` below `root`, or in the user's cache if that is read-only; return it memory-mapped."""
    for folder in _places(root, key):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{key}."))
        except OSError:
            continue
        try:
            _write(temporary, decoded)
            with FileLock(folder.parent / f"{key}.lock"):
                if find(root, key) is None:  # another process may have finished first
                    shutil.rmtree(folder, ignore_errors=True)  # a damaged one
                    temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return find(root, key)
    return decoded


def _write(folder, decoded):
    size = sum(getattr(decoded, name).nbytes for name in ARRAYS)
    with room_for(size, folder.parent, "The decoded images were not kept; their source is untouched."):
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(decoded, name))
        record = {"kind": decoded.kind, "where": decoded.where, "sha256": decoded.sha256}
        (folder / "source.json").write_text(json.dumps(record))
    os.chmod(folder, 0o755)  # mkdtemp's folders are private; others may share the data folder


def _places(root, key):
    return Path(root) / ".cache" / key, paths.user_cache() / key
