"""Plain stacks of convolutions."""

from functools import partial

from torch import nn

from .. import heads
from ..arguments import whole
from ..groups import GroupedLinear
from ..heads import conv
from .convolutions import convolution, divides, sized
from .network import Network


def vgg6a(classes=10, shape=(3, 32, 32), groups=1, opened=()):
    """VGG6a of Nokland and Eidnes (2019): four 3x3 convolutions of 128-256-512-512 filters and one hidden layer.

    groups, opened: as of `resnet`; the hidden layer is in groups too.
    """
    classes, shape = sized(classes, shape, least=8)
    divides(groups, {"block 1": 128, "block 2": 256, "block 3": 512, "the hidden layer": 1024})
    side, of = shape[1] // 8, {name: 1 if name in opened else groups for name in ("2", "3", "4", "5")}
    hidden = (nn.Linear(512 * side * side, 1024, bias=False) if of["5"] == 1 else
              GroupedLinear(512 * side * side // groups, 1024 // groups, groups, bias=False))
    blocks = {
        "1": nn.Sequential(*conv(shape[0], 128), nn.MaxPool2d(2)),
        "2": nn.Sequential(*convolution(128, 256, of["2"]), nn.MaxPool2d(2)),
        "3": nn.Sequential(*convolution(256, 512, of["3"]), nn.MaxPool2d(2)),
        "4": nn.Sequential(*convolution(512, 512, of["4"])),
        "5": nn.Sequential(nn.Flatten(), hidden, nn.BatchNorm1d(1024), nn.ReLU(inplace=True),
                           nn.Unflatten(1, (1024, 1, 1))),
    }
    return Network("VGG6a", blocks, nn.Sequential(nn.Flatten(), nn.Linear(1024, classes)), classes, shape,
                   groups=groups, remake=partial(vgg6a, classes, shape))


def cnn6(width=128, classes=10, shape=(3, 32, 32), initialisation="he"):
    """The 6-layer CNN of DGL's head study (Belilovsky et al. 2020, section 5.1): width 1-2-2-4-4-4 times `width`.

    Each block is a 3x3 convolution, BatchNorm and ReLU; blocks 2 and 4 begin with 2x2 max-pooling. The classifier
    pools to 2 x 2 and has two hidden layers. The study's code starts all layers as PyTorch does, initialisation
    "pytorch", and its convolutions have biases, which the BatchNorm behind them cancels.
    """
    width, (classes, shape) = whole("width", width, 1), sized(classes, shape, least=4)
    blocks, channels = {}, shape[0]
    for b, factor in enumerate((1, 2, 2, 4, 4, 4), start=1):
        pool = [nn.MaxPool2d(2)] if b in (2, 4) else []
        blocks[str(b)] = nn.Sequential(*pool, *conv(channels, factor * width))
        channels = factor * width
    classifier = nn.Sequential(*heads.mlp(channels, shape[1] // 4, classes, layers=2))
    return Network("CNN-6", blocks, classifier, classes, shape, initialisation=initialisation)
