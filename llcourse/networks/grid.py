"""What the cells of a ResNet in K modules x G groups compute, counted part by part, each part once: `cut` and
cost.modules say the same, and take longer than a reader who moves a slider waits."""

from functools import cache

import torch

from .. import cost, groups, heads
from .resnet import resnet


def grid(K, G, head="1c2f", share=1.0, depth=20, width=16):
    """[(MACs of module j, MACs of its head), ...] of `resnet(depth, width).cut(K, head, groups=G, share=share)` on an
    image, all groups of a depth together; of a network in groups (0, MACs of the final head) last.

    >>> grid(1, 1), grid(2, 4)
    ([(40812544, 640)], [(4898816, 4756480), (7405568, 9475072), (0, 2368768)])
    """
    whole, modules = _whole(depth, width), [[]]
    borders = _borders(depth, width, K)
    for name in whole.block_names:
        modules[-1].append(_blocks(depth, width, G, opened=len(modules) > 1 and not modules[-1])[name])
        if name in borders:
            modules.append([])
    rows = [(sum(block.macs for block in blocks), blocks[-1].shape) for blocks in modules]
    of_heads = [_heads(head, shape, G, share, whole.classes) for _, shape in rows]
    if G == 1:
        of_heads[-1] = cost.count(whole.classifier, rows[-1][1]).macs
    final = [(0, _heads(head, rows[-1][1], 1, 1.0, whole.classes))] if G > 1 else []
    return [*((macs, of_head) for (macs, _), of_head in zip(rows, of_heads)), *final]


@cache
def _whole(depth, width):
    with torch.device("meta"):  # shapes alone matter
        return resnet(depth, width)


@cache
def _borders(depth, width, K):
    return _whole(depth, width).borders(K)


@cache
def _blocks(depth, width, G, opened):
    """{name: what the block costs}, all of them opened or none."""
    whole = _whole(depth, width)
    with torch.device("meta"):
        blocks = whole.remake(groups=G, opened=whole.block_names if opened else ()).blocks
    shape, counted = whole.shape, {}
    for name, block in zip(whole.block_names, blocks):
        counted[name] = cost.count(block, shape)
        shape = counted[name].shape
    return counted


@cache
def _heads(head, shape, G, share, classes):
    """MACs of G heads on features of this shape."""
    with torch.device("meta"):
        made = groups.group_heads(shape[0], G, share, lambda n: heads.make(head, (n, *shape[1:]), classes))
    return cost.count(made, shape).macs
