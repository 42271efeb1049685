"""What a ResNet in K modules is made of, heads, decoders and supplies included, and what each part computes: counted
part by part, each once, as `grid` does for groups."""

from functools import cache
from typing import NamedTuple

import torch
from torch import nn

from .. import context as contexts
from .. import cost, objectives
from .grid import _blocks, _borders, _heads, _whole


class Part(NamedTuple):
    """kind: "module", "encoder", "shortcut", "head", "decoder" or "classifier".   module: whose loss trains it, from 1
    on.   macs: of one image's forward pass.   stays: whether it is there at inference."""

    kind: str
    module: int
    macs: int

    @property
    def stays(self):
        return self.kind not in ("head", "decoder")


def ledger(K, context="R0", decoder=None, head="1c2f", depth=32, width=16):
    """The Parts of `resnet(depth, width).cut(K, head, context=context)`, from module to module.

    decoder: a name in objectives.DECODERS, of a network cut with objectives.InfoPro(decoder=decoder), or None.

    >>> sum(part.macs for part in ledger(2)), sum(part.macs for part in ledger(2) if part.stays)
    (70313856, 69124736)
    """
    mode, whole = contexts.named(context, K), _whole(depth, width)
    wiring, shapes, parts = mode.wiring(K), [], []
    for j, (macs, shape) in enumerate(_modules(depth, width, K)):
        for make, source in contexts.supplies(mode, wiring, j, whole.shape, shapes).values():
            kind = "shortcut" if make is contexts.shortcut else "encoder"
            parts.append(Part(kind, j + 1, _supply(make, source, shapes[j - 1])))
        parts.append(Part("module", j + 1, macs))
        shapes.append(shape)
        if j + 1 == K:
            parts.append(Part("classifier", K, cost.count(whole.classifier, shape).macs))
            return parts
        parts.append(Part("head", j + 1, _heads(head, shape, 1, 1.0, whole.classes)))
        if decoder is not None:
            parts.append(Part("decoder", j + 1, _decoder(decoder, shape, whole.shape)))


@cache
def _modules(depth, width, K):
    """[(MACs, shape of the output), ...] of the modules."""
    whole, rows, macs = _whole(depth, width), [], 0
    ends = {*_borders(depth, width, K), whole.block_names[-1]}
    for name, block in _blocks(depth, width, 1, False).items():
        macs += block.macs
        if name in ends:
            rows.append((macs, block.shape))
            macs = 0
    return rows


@cache
def _supply(make, source, shape):
    with torch.device("meta"):  # shapes alone matter
        return cost.count(nn.Sequential(*make(source, shape)), source).macs


@cache
def _decoder(name, features, image):
    with torch.device("meta"):
        return objectives.Reconstruction(features, image, decoder=name).macs
