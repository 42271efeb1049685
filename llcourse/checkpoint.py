"""Checkpoints: tensors and a JSON record in one safetensors file, written so that a crash leaves the old file whole."""

import json
from hashlib import sha256

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .atomic import replacing


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be read or belongs to another run; the message says which and what to do."""


def save(path, tensors, record):
    """Write {name: tensor} and a JSON-able dict to `path`, atomically; missing folders are made."""
    with replacing(path) as partial:
        save_file({name: t.contiguous() for name, t in tensors.items()}, partial, {"record": json.dumps(record)})


def load(path, device):
    """Return (tensors, record) of a file that `save` wrote. Raises CheckpointError if it is not one."""
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            record = json.loads(file.metadata()["record"])
            return {name: file.get_tensor(name) for name in file.keys()}, record
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is not a whole checkpoint of this package ({error}); "
                              "move it away to start the run afresh") from error


def digest(net):
    """Changes with all that a network is made of but its weights: layers, settings, wiring, parameters' shapes."""
    parts = [repr(net), repr(net.wiring), repr(net.weights)]
    for name, module in net.named_modules():
        settings = {k: v for k, v in vars(module).items() if k[0] != "_" and k != "training" and _plain(v)}
        parts.append(f"{name} {type(module).__name__} {sorted(settings.items())}")
    parts += [f"{name} {tuple(p.shape)} {p.dtype} {p.requires_grad}" for name, p in net.named_parameters()]
    return sha256("\n".join(parts).encode()).hexdigest()[:12]


def _plain(value):
    """Whether this may be a setting: a number, a text, None, or a collection of them."""
    if isinstance(value, dict):
        return all(map(_plain, [*value, *value.values()]))
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
