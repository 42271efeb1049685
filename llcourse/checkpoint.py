"""Checkpoints: tensors and a JSON record in one safetensors file, written so that a crash leaves the old file whole."""

import json

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .atomic import replacing
from .identity import differences, digest


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be read or belongs to another run; the message says which and what to do."""


class NotWritten(CheckpointError, OSError):
    """A checkpoint that cannot be written where it should go."""


def save(path, tensors, record):
    """Write {name: tensor} and a JSON-able dict to `path`, atomically; missing folders are made. Raises NotWritten."""
    text = json.dumps(record)
    try:
        with replacing(path) as partial:
            save_file({name: t.contiguous() for name, t in tensors.items()}, partial,
                      {"record": text, "sha256": digest(tensors, text)})
    except (OSError, SafetensorError) as error:
        raise NotWritten(f"the checkpoint {path} cannot be written ({error}): make room or give rights there, or name "
                         "another file") from error


def load(path, device):
    """Return (tensors, record) of a file that `save` wrote. Raises CheckpointError if it is not, to the last bit."""
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            text, expected = (file.metadata()[key] for key in ("record", "sha256"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if digest(tensors, text) != expected:
            raise ValueError("its contents are not those that were written")
        if not isinstance(record := json.loads(text), dict):
            raise ValueError("its record is no object")
        return tensors, record
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is not a whole checkpoint of this package ({error}); "
                              "move it away to start the run afresh") from error


def misfits(tensors, rows, state, epochs):
    """Lines that say where a file's tensors and rows are not those of a run that has this state, of so many epochs.

    What borders hold is left out: its shapes are those of their batches.
    """
    there, here = ({name: f"{tuple(t.shape)} {t.dtype}" for name, t in held.items()
                    if not name.startswith("net.borders")} for held in (tensors, state))
    numbers = [isinstance(row, dict) and row.get("epoch") for row in rows] if isinstance(rows, list) else None
    wrong = [] if numbers in (list(range(1, n + 1)) for n in range(epochs + 1)) else [
        f"its rows are not those of up to {epochs} epochs"]
    return wrong + differences(there, here)
