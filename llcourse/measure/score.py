"""How well every head does."""

import torch

from ..arguments import several
from ..objectives import predicting


@torch.no_grad()
def score(net, data, heads=None, predict=None):
    """The data's score (of images test accuracy in percent, of a text bits per byte) of every head, from one pass: a
    list, one a head.

    heads: indices to measure (default: those that are trained); the others are None, and so are heads whose
    outputs are no logits (objectives.Contrast).   predict: a function (x, heads) -> {head: logits}, where part of the
    network is elsewhere (default: net.logits).
    """
    modes = {module: module.training for module in net.modules()}
    heads = net.losses if heads is None else several("heads", heads)
    heads = predicting(net.objectives, heads)
    total, seen = {i: 0.0 for i in heads}, 0
    try:
        net.eval()
        for x, y in data.test_batches():
            seen += y.numel()
            for i, logits in (predict or net.logits)(x, heads).items():
                total[i] = total[i] + data.score(logits, y).sum()
    finally:
        for module, mode in modes.items():
            module.training = mode
    return [float(total[i]) / seen if i in heads else None for i in range(len(net.heads))]
