"""Exercise 0.4: a densely connected model, and the count of the places at which a learner cuts its graph."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from ... import measure
from . import Wrong, watch
from .losses import named_losses

K = 4


class Dense(nn.Module):
    """A stem, and K blocks each of which reads the outputs of the stem and of all blocks before it."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(5, 6)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(6 * (j + 1), 6), nn.BatchNorm1d(6), nn.Tanh())
                                    for j in range(K))
        self.heads = nn.ModuleList(nn.Linear(6, 3) for _ in range(K))


def open_losses(model, x, y):
    """The losses of the model as it is, without a cut."""
    outputs, losses = [model.stem(x)], {}
    for j in range(K):
        outputs.append(model.blocks[j](torch.cat(outputs, 1)))
        losses[f"loss {j + 1}"] = F.cross_entropy(model.heads[j](outputs[-1]), y)
    return losses


SHAPES = "new_empty", "new_zeros", "new_ones", "new_full"  # and all of the kind of empty_like: they read no value


class Cuts(TorchFunctionMode):
    """Counts operations that read a tensor with a graph and give one without: detach(), .data, all under no_grad()."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        read = [t for t in _tensors((args, kwargs)) if t.requires_grad and t.grad_fn is not None]
        out = func(*args, **kwargs)
        given, name = args[:1] if out is None else out, getattr(func, "__name__", "")  # x[:] = h writes into x
        self.count += (bool(read) and not name.endswith("_like") and name not in SHAPES
                       and any(t.is_floating_point() and not t.requires_grad for t in _tensors(given)))
        return out


def _tensors(tree):
    return [leaf for leaf in torch.utils._pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def cuts_of(answer):
    """How many cuts `answer` makes; Wrong unless it seals the model.

    K - 1 are needed: what block j + 1 reads of block j is cut after block j ran and before block j + 1 runs, and these
    stretches of time do not overlap.
    """
    model, x, y = Dense().double(), torch.randn(8, 5, dtype=torch.float64), torch.arange(8) % 3
    reference = deepcopy(model)
    expected = open_losses(reference, x, y)
    blocks = {"stem": model.stem, **{f"block {j + 1}": block for j, block in enumerate(model.blocks)}}
    with watch.Runs(blocks) as runs, Cuts() as cuts:
        losses = answer(model, x, y)
    losses = named_losses(losses, expected)
    for name in blocks:
        if runs.count(name) != 1:
            raise Wrong(f"{name} ran {runs.count(name)} times; each part runs once, or its BatchNorm moves twice")
    if not all(run.training for run in runs):
        raise Wrong("a part runs in eval mode, in which BatchNorm ignores the batch; leave their mode alone")
    for name, loss in losses.items():
        if not torch.allclose(loss, expected[name]):
            raise Wrong(f"the value of {name} changed; a cut changes gradients, never values, so every block "
                        "still reads every earlier output")
    if watch.moved(model, watch.state(reference)):
        raise Wrong("the values are right, but the model is another than after one pass: BatchNorm's averages or "
                    "weights moved")
    parts = {"stem": model.stem} | {f"block {j + 1}": b for j, b in enumerate(model.blocks)} | {
        f"head {j + 1}": h for j, h in enumerate(model.heads)}
    eye = torch.eye(K, dtype=torch.int).tolist()
    declared = [[int(i == 0), *eye[i], *eye[i]] for i in range(K)]  # loss 1 trains the stem too
    differences = measure.reach(model, (x, y), lambda *given: named_losses(answer(*given), expected),
                                parts).differences(declared)
    if differences:
        raise Wrong(f"measured: {'; '.join(differences[:3])}")
    if cuts.count < K - 1:
        raise Wrong(f"it is sealed, but {K - 1} borders need {K - 1} cuts and {cuts.count} can be counted: features "
                    "left their graph unseen, through Python lists, numpy or a new leaf. Cut with torch's operations")
    return cuts.count
