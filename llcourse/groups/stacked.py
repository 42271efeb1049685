"""Several heads of one make as one: no loop over them.

A kind of layer that is not here is one more line in STACKED.
"""

import torch
from torch import nn

from ..heads import GlobalAverage
from .exchange import Exchange
from .kernels import GroupedConv2d, GroupedLinear
from .ownership import Grouped
from .shared import SharedConv2d

POOLS = GlobalAverage, nn.AdaptiveAvgPool2d  # channel by channel: before the exchange they do the same to fewer maps


def group_heads(C, G, share, make):
    """The heads of a depth's G groups as one: (batch, C, H, W) -> (batch, G, classes), exchange included.

    make: a function of the channels that a head sees -> nn.Sequential; called G times.
    """
    exchange = Exchange(C, G, share)
    several = [make(exchange.n) for _ in range(G)]
    if share == 1 and type(several[0][0]) is nn.Conv2d:
        _refuse_unknown(several[0][0])
        return Grouped(SharedConv2d([head[0] for head in several]), *stack([head[1:] for head in several]), G=G)
    layers = stack(several)
    if type(several[0][0]) in POOLS:
        return Grouped(layers[0], exchange, *layers[1:], G=G)
    return Grouped(exchange, *layers, G=G)


def stack(heads):
    """G heads (nn.Sequential of the same layers) as one: (batch, G * n, H, W) -> (batch, G, classes).

    Group g's n channels go through head g's layers alone. Weights are copied. Raises TypeError for a layer that has no
    stacked form.
    """
    layers = []
    for several in zip(*heads, strict=True):
        kind = type(several[0])
        if kind not in STACKED:
            raise TypeError(f"a head with a {kind.__name__} cannot be stacked; there are forms of "
                            f"{', '.join(known.__name__ for known in STACKED)}")
        layers.append(STACKED[kind](several))
    return nn.Sequential(*layers, nn.Unflatten(1, (len(heads), -1)))


def _refuse_unknown(convolution):
    c = convolution
    if (c.bias is not None or c.groups != 1 or c.padding_mode != "zeros" or isinstance(c.padding, str)
            or set(c.dilation) != {1}):
        raise TypeError(f"a head with {c} cannot be stacked; a convolution has bias=False, numbers for padding, and "
                        "no dilation, groups or padding_mode")


def _convolution(several):
    first, G = several[0], len(several)
    _refuse_unknown(first)
    return _filled(GroupedConv2d(G * first.in_channels, G * first.out_channels, first.kernel_size, first.stride,
                                 first.padding, G), several)


def _linear(several):
    first = several[0]
    return _filled(GroupedLinear(first.in_features, first.out_features, len(several), first.bias is not None), several)


def _norm(several):
    first = several[0]
    return _filled(type(first)(len(several) * first.num_features, first.eps, first.momentum, first.affine,
                                first.track_running_stats), several)


def _filled(made, several):
    """The layer with all its tensors side by side, group by group; numbers that all share stay as they are."""
    state = {name: [layer.state_dict()[name] for layer in several] for name in several[0].state_dict()}
    made.load_state_dict({name: torch.cat(each) if each[0].dim() else each[0] for name, each in state.items()})
    return made


def _same(several):
    return several[0]


STACKED = {nn.Conv2d: _convolution, nn.Linear: _linear, nn.BatchNorm2d: _norm, nn.BatchNorm1d: _norm, nn.ReLU: _same,
           nn.AdaptiveAvgPool2d: _same, nn.Flatten: _same, GlobalAverage: _same}
