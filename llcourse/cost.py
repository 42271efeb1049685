"""What a network costs: multiply-accumulates (MACs) and parameters, counted the same way for bodies and heads."""

from collections import namedtuple
from copy import deepcopy

import torch
from torch.utils.flop_counter import FlopCounterMode

Cost = namedtuple("Cost", "macs parameters shape")


def count(module, shape):
    """MACs of one image's forward pass, parameters, and the output's shape.

    shape: of one input without the batch, such as (3, 32, 32). Convolutions and matrix products are counted, as the
    papers do; normalisation and pooling are not. Returns Cost(macs, parameters, shape).
    """
    shadow = deepcopy(module).to("meta").eval()  # shapes only: nothing is computed, nothing of the module changes
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        out = shadow(torch.empty(1, *shape, device="meta"))
    return Cost(counter.get_total_flops() // 2, sum(p.numel() for p in module.parameters()), tuple(out.shape[1:]))


def modules(net, shape):
    """[(cost of module j, cost of head j), ...] for the K modules of a LocalNetwork on inputs of `shape`."""
    rows = []
    for body, head in zip(net.body, net.heads):
        cost = count(body, shape)
        shape = cost.shape
        rows.append((cost, count(head, shape)))
    return rows


def training_macs(net, shape):
    """MACs of one image's training step: 1 unit forward, 1 per input-VJP, 1 per weight gradient.

    A loss sends its gradient from its head down to the lowest module it trains, an input-VJP each; the modules that
    R names pay a weight gradient too. A module's first layer needs no input-VJP when nothing below it is reached;
    that saving, 16 % of ResNet-32's MACs at K = 16, is left out, as in the literature: a real step computes less.
    """
    rows, R = modules(net, shape), net.reach
    last = max(net.losses)
    total = sum(body.macs for body, _ in rows[: last + 1])
    for i in net.losses:
        lowest = R[i].nonzero()[0].min()
        total += 3 * rows[i][1].macs
        total += sum((1 + R[i, j]) * rows[j][0].macs for j in range(lowest, i + 1))
    return int(total)
