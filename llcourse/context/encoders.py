"""What makes context of an image, or of what a module was given: encoders and shortcuts, as lists of layers.

Adding an encoder is writing a function and giving it a letter in ENCODERS. Sources: ContSup (Yu et al. 2023), layers as
in the authors' code.
"""

from torch import nn

from ..heads import conv
from .pooled import Pooled

HIDDEN = 12  # channels between an encoder's two convolutions


def encoder(image, features):
    """Two 3x3 convolutions at the image's resolution, pooled to the features': for 64 x 8 x 8 dearer than a residual
    block."""
    last, pool = conv(HIDDEN, features[0]), pooling(image, features)
    return [*conv(image[0], HIDDEN), *([Pooled(*last, *pool)] if pool and type(pool[0]) is nn.AvgPool2d else
                                       [*last, *pool])]


def small_encoder(image, features):
    """The same behind the pooling: the features' resolution is all that it sees. Ours."""
    return [*pooling(image, features), *conv(image[0], HIDDEN), *conv(HIDDEN, features[0])]


ENCODERS = {"E": encoder, "e": small_encoder}  # functions (image shape, feature shape) -> layers, by their letter


def shortcut(source, features):
    """Around the modules between: a 1x1 convolution at the source's resolution, pooled to the features'."""
    return [*conv(source[0], features[0], kernel=1), *pooling(source, features)]


def pooling(source, features):
    """Average pooling from one map's size to another's: no layer where they are the same."""
    before, after = source[1:], features[1:]
    if before == after:
        return []
    if all(b % a == 0 for b, a in zip(before, after)):  # the same sums as adaptive pooling's, in half its time
        return [nn.AvgPool2d([b // a for b, a in zip(before, after)])]
    return [nn.AdaptiveAvgPool2d(after)]
