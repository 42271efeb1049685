"""Copies of modules to measure on, so that nothing of the reader's changes."""

from copy import deepcopy

import torch
from torch.overrides import TorchFunctionMode


class _WithoutGraphs(TorchFunctionMode):
    """Tensors that a computation has left in a module (weight_norm's weight, a kept activation) are copied as values:
    PyTorch refuses to copy them with the graph behind them."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.__deepcopy__ and not args[0].is_leaf:
            tensor, known = args
            return known.setdefault(id(tensor), tensor.detach().clone())
        return function(*args, **(kwargs or {}))


def copied(x):
    """A deep copy of a module, or of a collection that holds some. ValueError, which names the module, if there is
    none."""
    try:
        with _WithoutGraphs():
            return deepcopy(x)
    except Exception as error:
        name, module = _culprit(x)
        raise ValueError(f"{name}, a {type(module).__name__}, is measured on a copy, and cannot be copied ({error}). "
                         "Keep what has no copy (a lock, a generator, an open file) outside of the module, or give it "
                         "a __deepcopy__") from error


def _culprit(x):
    """Name and module of the innermost module that cannot be copied; what was asked for if none is found."""
    for part in x if isinstance(x, (list, tuple)) else [x]:
        if isinstance(part, torch.nn.Module):
            for name, module in reversed(list(part.named_modules())):
                try:
                    with _WithoutGraphs():
                        deepcopy(module)
                except Exception:
                    return name or "the model", module
    return "what was given", x
