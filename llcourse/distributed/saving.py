"""Checkpoints of workers: each its own file, all at the same steps, so that they can agree on the newest."""

import re
import struct
from pathlib import Path

from .. import checkpoint as checkpoints


def owned(net, number, names):
    """Those of `names`, in the network's state, that are this worker's: module, heads, objectives; of the borders a
    codec where it encodes, and what one holds where its reader is."""
    mine, heads = [], range(number, len(net.heads) if number == net.K - 1 else number + 1)
    for name in names:
        part, at, rest = (*name.split(".", 2), "", "")[:3]
        if part == "borders":
            held = net.borders[int(at)].holds and not rest.startswith("codec.")
            owner = int(at) + held
        else:
            owner = number if part in ("heads", "objectives") and int(at) in heads else (
                int(at) if part == "body" else None)
        if owner == number:
            mine.append(name)
    return mine


def file(folder, number, step):
    return Path(folder) / f"worker-{number + 1}.{step:09d}.safetensors"


def steps(folder, number):
    """The steps at which this worker has files, the newest first."""
    found = (re.fullmatch(rf"worker-{number + 1}\.(\d+)\.safetensors", path.name) for path in Path(folder).iterdir())
    return sorted((int(match[1]) for match in found if match), reverse=True)


def whole(folder, number):
    """Those of `steps` whose files are whole."""
    good = []
    for step in steps(folder, number):
        try:
            checkpoints.load(file(folder, number, step), "cpu")
        except checkpoints.CheckpointError:
            continue
        good.append(step)
    return good


def save(folder, number, step, tensors, record):
    """Write the file of this step. Raises NotWritten."""
    checkpoints.save(file(folder, number, step), tensors, record)


def forget(folder, number, common):
    """Remove the files that no restart needs, when all workers have one of step `common` or of a later one."""
    for step in steps(folder, number):
        if step < common:
            file(folder, number, step).unlink(missing_ok=True)


def done(folder, number):
    """How many steps a worker has done, as far as it has said so; None where this host does not see its file."""
    path = Path(folder) / f"worker-{number + 1}.steps"
    found = path.read_bytes() if path.exists() else b""
    return struct.unpack("<q", found)[0] if len(found) == 8 else None


class Progress:
    """How many steps a worker has done, in a file that outlives it: what it did and had not saved is known then."""

    def __init__(self, folder, number):
        self._folder, self._number, path = folder, number, Path(folder) / f"worker-{number + 1}.steps"
        self._file = open(path, "r+b" if path.exists() else "w+b", buffering=0)

    @property
    def done(self):
        return done(self._folder, self._number) or 0

    @done.setter
    def done(self, step):
        self._file.seek(0)
        self._file.write(struct.pack("<q", step))

    def close(self):
        self._file.close()
