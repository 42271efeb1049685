"""Residual networks for images of CIFAR's size."""

from functools import partial

from torch import nn

from .. import heads, partition
from ..arguments import whole
from ..heads import conv
from .convolutions import convolution, divides, sized
from .network import Network


class ResidualBlock(nn.Module):
    """The basic block of He et al. (2016): two 3x3 convolutions around which the input is added back.

    groups: of all convolutions; opened: those that read the block's input have one group, and read all channels.
    """

    def __init__(self, cin, cout, stride, groups=1, opened=False):
        super().__init__()
        first = 1 if opened else groups
        self.residual = nn.Sequential(*convolution(cin, cout, first, stride=stride),
                                      *convolution(cout, cout, groups)[:-1])
        same = stride == 1 and cin == cout
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(cin, cout, first, 1, stride)[:-1])
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.residual(x) + self.shortcut(x))


def resnet(depth=32, width=16, classes=10, shape=(3, 32, 32), groups=1, opened=()):
    """CIFAR ResNet (He et al. 2016, section 4.2): depth = 6 n + 2, stages of width, 2 width and 4 width channels.

    Blocks: "stem", "1.0" ... "3.{n-1}". Shortcuts that change shape are 1x1 convolutions, as in InfoPro's ResNet-32
    (0.467 M parameters, 69.1 MMAC), whose published borders are used for depth 32.   groups: of every convolution
    behind the stem, a number that divides `width`; blocks named in `opened` read all groups (`cut(K, groups=G)` opens
    those behind a border). Raises ValueError for other depths and groups.

    >>> net = resnet(20)
    >>> net.name, len(net.blocks), net.borders(2)
    ('ResNet-20', 10, ['2.0'])
    """
    depth, width, (classes, shape) = whole("depth", depth), whole("width", width, 1), sized(classes, shape)
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        raise ValueError(f"a CIFAR ResNet has depth 6 n + 2 (8, 14, 20, 32, 56, 110 ...); got {depth}")
    divides(groups, {f"stage {stage}": width * 2 ** (stage - 1) for stage in (1, 2, 3)})
    blocks, channels = {"stem": nn.Sequential(*conv(shape[0], width))}, width
    for stage in range(3):
        for b in range(n):
            out = width * 2**stage
            name = f"{stage + 1}.{b}"
            blocks[name] = ResidualBlock(channels, out, 2 if stage and not b else 1, groups, name in opened)
            channels = out
    classifier = nn.Sequential(*heads.linear(channels, None, classes))
    return Network(f"ResNet-{depth}", blocks, classifier, classes, shape,
                   partition.RESNET32 if depth == 32 else None, groups=groups,
                   remake=partial(resnet, depth, width, classes, shape))
