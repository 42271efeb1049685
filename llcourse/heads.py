"""Auxiliary heads: small networks that turn a module's output into logits, so that it can have a loss of its own.

A head is made for one feature shape (C, H, W). Adding one is writing a function and naming it in HEADS.
Sources: DGL (Belilovsky et al. 2020, section 4.1) for linear, mlp, mlp-sr and cnn; InfoPro (Wang et al. 2021,
appendix) for 1c2f; the code of neuron groups (Patel et al. 2023) for 1c2f-s2.
"""

import math

from torch import nn


def conv(cin, cout, kernel=3, stride=1):
    """Convolution, BatchNorm, ReLU."""
    return [nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)]


class GlobalAverage(nn.Module):
    """Average over all positions: (batch, C, H, W) -> (batch, C).

    As a sum, divided: its gradient is one number a channel, which autograd writes out once, in the features' own memory
    layout. nn.AdaptiveAvgPool2d(1) writes it several times: 5.1 ms instead of 0.6 there and back on 128 maps of
    16 x 32 x 32 (two cores), 7 % of a step of ResNet-32 at K = 16 with linear heads.
    """

    def forward(self, x):
        return x.sum(dim=(2, 3)) / (x.shape[2] * x.shape[3])


def perceptron(width, hidden, layers, classes):
    """`layers` hidden layers of `hidden` units with BatchNorm and ReLU, then the classifier."""
    parts = []
    for _ in range(layers):
        parts += [nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True)]
        width = hidden
    return [*parts, nn.Linear(width, classes)]


def pooled(C, size):
    """Average pooling to at most 2 x 2, flattened; returns the layers and the width 4C (C where size is 1)."""
    side = min(2, size)
    return [nn.AdaptiveAvgPool2d(side), nn.Flatten()], C * side * side


def linear(C, size, classes):
    """Global average pooling and one linear layer: no hidden layer at all."""
    return [GlobalAverage(), nn.Linear(C, classes)]


def mlp(C, size, classes, layers=3):
    """Pooled to 2 x 2, three hidden layers of 4C: few MACs, many parameters."""
    pool, width = pooled(C, size)
    return [*pool, *perceptron(width, width, layers, classes)]


def mlp_sr(C, size, classes):
    """Spatially reduced: pooled to a quarter of the resolution, three 1x1 convolutions, then the mlp."""
    convs = [layer for _ in range(3) for layer in conv(C, C, kernel=1)]
    return [nn.AdaptiveAvgPool2d(math.ceil(size / 4)), *convs, *mlp(C, math.ceil(size / 4), classes)]


def cnn(C, size, classes):
    """Two 3x3 convolutions at full resolution: the best and by far the dearest."""
    pool, width = pooled(C, size)
    return [*conv(C, C), *conv(C, C), pool[0], nn.BatchNorm2d(C), pool[1], nn.Linear(width, classes)]


def one_conv_two_fc(C, size, classes):
    """One 3x3 convolution and two linear layers. 2C filters at stride 2; C at stride 1 once maps are 8 x 8 or less."""
    return _conv_and_fc(C, *((2 * C, 2) if size > 8 else (C, 1)), classes)


def one_conv_two_fc_s2(C, size, classes):
    """1c2f with 2C filters at stride 2 on maps of any size."""
    return _conv_and_fc(C, 2 * C, 2, classes)


def _conv_and_fc(C, width, stride, classes):
    return [nn.Conv2d(C, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            GlobalAverage(), nn.Linear(width, 128), nn.ReLU(inplace=True), nn.Linear(128, classes)]


HEADS = {"linear": linear, "mlp": mlp, "mlp-sr": mlp_sr, "cnn": cnn, "1c2f": one_conv_two_fc,
         "1c2f-s2": one_conv_two_fc_s2}


def make(kind, shape, classes):
    """The head `kind` for features of shape (C, H, W), as nn.Sequential: logits (batch, classes).

    Raises ValueError for a kind that is not in HEADS.
    """
    if not isinstance(kind, str) or kind not in HEADS:
        raise ValueError(f"no head is called {kind!r}; there are {', '.join(HEADS)}")
    if len(shape) != 3:
        raise ValueError(f"the heads here are for maps, features of shape (C, H, W); these have shape {tuple(shape)}: "
                         "give a LocalNetwork heads of your own")
    C, size, _ = shape
    return nn.Sequential(*HEADS[kind](C, size, classes))
