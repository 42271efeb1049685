"""What convolutional networks of the literature are made of: layers in groups or not."""

from ..arguments import several, whole
from ..groups import GroupedConv2d
from ..heads import conv


def convolution(cin, cout, groups=1, kernel=3, stride=1):
    """Convolution, in groups if there are several, BatchNorm, ReLU."""
    if groups == 1:
        return conv(cin, cout, kernel, stride)
    return [GroupedConv2d(cin, cout, kernel, stride, kernel // 2, groups), *conv(1, cout)[1:]]


def sized(classes, shape, least=1):
    """Classes and the shape of an image as whole numbers; least: the pixels of a side that leave a map at the end."""
    shape = several("shape", shape)
    if len(shape) != 3:
        raise ValueError(f"shape is {shape}; an image has (channels, height, width)")
    channels, sides = whole("channels", shape[0], 1), (whole("a side", n, least) for n in shape[1:])
    return whole("classes", classes, 1), (channels, *sides)


def divides(groups, channels):
    """Refuse a number of groups that does not divide the channels of some stage, {stage's name: channels}."""
    groups = whole("groups", groups, 1)
    for stage, n in channels.items():
        if n % groups:
            fit = [G for G in range(1, n + 1) if all(m % G == 0 for m in channels.values())]
            raise ValueError(f"{stage} has {n} channels, which do not divide into G = {groups} groups; "
                             f"G = {', '.join(map(str, fit))} fit")
