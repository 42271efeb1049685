"""Losses that a learner returns by name."""

import torch

from . import Wrong


def named_losses(given, names):
    """The learner's {name: loss} in the order of `names`; Wrong unless each is a scalar tensor with a graph."""
    if not isinstance(given, dict) or set(given) != set(names):
        raise Wrong(f"return a dict with the keys {', '.join(map(repr, names))}; got {str(given)[:80]}")
    for name in names:
        loss = given[name]
        if not isinstance(loss, torch.Tensor):
            raise Wrong(f"{name} is no tensor but a {type(loss).__name__}: item() and numpy leave the graph behind, so "
                        "return the loss itself")
        if loss.dim():
            raise Wrong(f"{name} is no scalar: its shape is {tuple(loss.shape)}, and one number is asked for")
        if not loss.requires_grad:
            raise Wrong(f"{name} has no graph at all and trains nothing: cut what a module reads, never the loss or "
                        "all that it is computed from")
    return {name: given[name] for name in names}
