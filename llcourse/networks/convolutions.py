"""What convolutional networks of the literature are made of: layers in groups or not."""

from ..arguments import whole
from ..groups import GroupedConv2d
from ..heads import conv


def convolution(cin, cout, groups=1, kernel=3, stride=1):
    """Convolution, in groups if there are several, BatchNorm, ReLU."""
    if groups == 1:
        return conv(cin, cout, kernel, stride)
    return [GroupedConv2d(cin, cout, kernel, stride, kernel // 2, groups), *conv(1, cout)[1:]]


def divides(groups, channels):
    """Refuse a number of groups that does not divide the channels of some stage, {stage's name: channels}."""
    groups = whole("groups", groups, 1)
    for stage, n in channels.items():
        if n % groups:
            fit = [G for G in range(1, n + 1) if all(m % G == 0 for m in channels.values())]
            raise ValueError(f"{stage} has {n} channels, which do not divide into G = {groups} groups; "
                             f"G = {', '.join(map(str, fit))} fit")
