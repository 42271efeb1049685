"""Image classifiers as explicit chains of named blocks, and cutting a chain into K modules.

A block is the smallest unit that can be a module of its own. `Network.cut` joins blocks into modules and gives each
module a head. Convolutions start as He et al. (2015) propose, fan-out mode, or as INITIALISATIONS says; linear layers
as PyTorch's own, so that untrained logits are small and the first loss is near the logarithm of the number of classes.
"""

from functools import partial

import torch
from torch import nn

from . import groups as in_groups
from . import heads, objectives, partition
from . import reach as reaches
from . import wiring as wirings
from .cost import count
from .heads import conv
from .local import LocalNetwork
from .wiring import IMAGE


def _he(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


INITIALISATIONS = {  # of a module that PyTorch has just made
    "he": _he,
    "pytorch": lambda module: None,
}


class Network(nn.Module):
    """A chain of named blocks and a classifier.

    name: for figures and records.   blocks: {name: nn.Module} in order.   classifier: nn.Module from the last block's
    output to logits.   shape: of one image, (3, H, W).   published: {K: names of the blocks before the K - 1 borders}
    where the literature fixed them.   initialisation: a name in INITIALISATIONS, for the heads of its cuts too; raises
    ValueError for any other.   remake: a function (groups, opened) -> the same network in groups, with those of its
    blocks, by name, whose first layer reads all groups; None where it has no such form.
    """

    def __init__(self, name, blocks, classifier, classes, shape=(3, 32, 32), published=None, initialisation="he",
                 remake=None):
        super().__init__()
        if initialisation not in INITIALISATIONS:
            raise ValueError(f"initialisation is {initialisation!r}; it is one of {', '.join(INITIALISATIONS)}")
        self.name, self.classes, self.shape = name, classes, tuple(shape)
        self.block_names, self.published = list(blocks), published or {}
        self.blocks, self.classifier = nn.ModuleList(blocks.values()), classifier
        self.initialisation, self.remake = initialisation, remake
        self.apply(INITIALISATIONS[initialisation])

    def forward(self, x):
        """x: (batch, 3, H, W) -> logits (batch, classes)."""
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)

    def borders(self, K):
        """Names of the blocks before the K - 1 borders: the published ones if there are, else balanced in MACs."""
        if K in self.published:
            return self.published[K]
        if not 1 <= K <= len(self.blocks):
            raise ValueError(f"{self.name} has {len(self.blocks)} blocks and cannot be cut into K = {K} modules; "
                             f"choose K from 1 to {len(self.blocks)}")
        shape, macs = self.shape, []
        for block in self.blocks:
            cost = count(block, shape)
            macs.append(cost.macs)
            shape = cost.shape
        return [self.block_names[end - 1] for end in partition.balanced(macs, K)[:-1]]

    def cut(self, K, head="1c2f", reach=None, objective="cross-entropy", groups=1, share=1.0, diversity="none"):
        """Cut into K modules: a LocalNetwork that shares this network's parameters.

        head: the kind of auxiliary head of modules 1 to K - 1 (see heads.HEADS); the last module keeps the network's
        own classifier.   reach: default is local, every module its own loss.   objective: what the local losses of
        modules 1 to K - 1 are made of (see objectives.OBJECTIVES); the last has cross-entropy.
        groups: split each module into so many groups too, each with a head of its own at the end of every module, the
        last included, and a final head on top of all: neuron groups (Patel et al. 2023). The blocks are then made anew;
        share, diversity: what their heads see of each other (groups.Exchange), and a name in groups.PRESETS.
        Raises ValueError if K exceeds the number of blocks, or the groups divide the channels of some block not.

        >>> net = resnet(20).cut(4, head="mlp")
        >>> net.K, len(net.body[0]), net.reach.diagonal().tolist()
        (4, 3, [1, 1, 1, 1])
        """
        ends = [self.block_names.index(name) + 1 for name in self.borders(K)] + [len(self.blocks)]
        if groups > 1:
            return self._in_groups(ends, groups, head, reach, share, diversity)
        body = [nn.Sequential(*self.blocks[start:end]) for start, end in zip([0, *ends], ends)]
        shape, auxiliary, local = self.shape, [], []
        for module in body[:-1]:
            shape = count(module, shape).shape
            auxiliary.append(self._started(heads.make(head, shape, self.classes)))
            local.append(self._started(objectives.make(objective, shape, self.shape, self.classes)))
        return LocalNetwork(body, [*auxiliary, self.classifier], reach, [*local, objectives.CrossEntropy()])

    def _in_groups(self, ends, G, head, reach, share, preset):
        if self.remake is None:
            raise ValueError(f"{self.name} has no form in groups")
        K, opened = len(ends), [self.block_names[end] for end in ends[:-1]]
        blocks, shape, made = self.remake(groups=G, opened=opened).blocks, self.shape, []
        body = [in_groups.Grouped(*blocks[start:end], G=G) for start, end in zip([0, *ends], ends)]
        for module in body:
            shape = count(module, shape).shape
            exchange = in_groups.Exchange(shape[0], G, share)
            several = [self._started(heads.make(head, (exchange.n, *shape[1:]), self.classes)) for _ in range(G)]
            made.append(nn.Sequential(exchange, *in_groups.stack(several)))
        final = self._started(heads.make(head, shape, self.classes))
        losses = [*(in_groups.GroupLosses(G, preset) for _ in range(K)), objectives.CrossEntropy()]
        net = LocalNetwork(body, [*made, final], reaches.local(K, K + 1) if reach is None else reach, losses,
                           wirings.chain(K, K + 1))
        like = next(self.parameters())
        return net.to(like.device, like.dtype)

    def _started(self, part):
        """A part made for this network: it starts as its layers do, where they are."""
        like = next(self.parameters())
        return part.apply(INITIALISATIONS[self.initialisation]).to(like.device, like.dtype)


class Joined(nn.Module):
    """A linear cell on all that it reads, side by side: of images the mean over positions. Tensors of (batch,
    width)."""

    def __init__(self, inputs, width):
        super().__init__()
        self.linear = nn.Linear(inputs, width)

    def forward(self, *read):
        return self.linear(torch.cat([x.flatten(2).mean(dim=2) if x.dim() > 2 else x for x in read], dim=1)).tanh()


def sketch(wiring, width=6, classes=10, channels=3):
    """A tiny LocalNetwork of any wiring, every cell and head linear: to try a wiring, a reach or a border on."""
    inputs = [sum(channels if s == IMAGE else width for s in sources) for sources in wiring.cells]
    return LocalNetwork([Joined(n, width) for n in inputs],
                        [Joined(width * len(read), classes) for read in wiring.heads], wiring=wiring)


def _conv(cin, cout, groups=1, kernel=3, stride=1):
    """Convolution, in groups if there are several, BatchNorm, ReLU."""
    if groups == 1:
        return conv(cin, cout, kernel, stride)
    return [in_groups.GroupedConv2d(cin, cout, kernel, stride, kernel // 2, groups), *conv(1, cout)[1:]]


def _divides(groups, channels):
    """Refuse a number of groups that does not divide the channels of some stage, {stage's name: channels}."""
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"groups is {groups!r}; it is a whole number from 1 on")
    for stage, n in channels.items():
        if n % groups:
            fit = [G for G in range(1, n + 1) if all(m % G == 0 for m in channels.values())]
            raise ValueError(f"{stage} has {n} channels, which do not divide into G = {groups} groups; "
                             f"G = {', '.join(map(str, fit))} fit")


class ResidualBlock(nn.Module):
    """The basic block of He et al. (2016): two 3x3 convolutions around which the input is added back.

    groups: of all convolutions; opened: those that read the block's input have one group, and read all channels.
    """

    def __init__(self, cin, cout, stride, groups=1, opened=False):
        super().__init__()
        first = 1 if opened else groups
        self.residual = nn.Sequential(*_conv(cin, cout, first, stride=stride), *_conv(cout, cout, groups)[:-1])
        same = stride == 1 and cin == cout
        self.shortcut = nn.Identity() if same else nn.Sequential(*_conv(cin, cout, first, 1, stride)[:-1])
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
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        raise ValueError(f"a CIFAR ResNet has depth 6 n + 2 (8, 14, 20, 32, 56, 110 ...); got {depth}")
    _divides(groups, {f"stage {stage}": width * 2 ** (stage - 1) for stage in (1, 2, 3)})
    blocks, channels = {"stem": nn.Sequential(*conv(shape[0], width))}, width
    for stage in range(3):
        for b in range(n):
            out = width * 2**stage
            name = f"{stage + 1}.{b}"
            blocks[name] = ResidualBlock(channels, out, 2 if stage and not b else 1, groups, name in opened)
            channels = out
    classifier = nn.Sequential(*heads.linear(channels, None, classes))
    return Network(f"ResNet-{depth}", blocks, classifier, classes, shape,
                   partition.RESNET32 if depth == 32 else None, remake=partial(resnet, depth, width, classes, shape))


def vgg6a(classes=10, shape=(3, 32, 32), groups=1, opened=()):
    """VGG6a of Nokland and Eidnes (2019): four 3x3 convolutions of 128-256-512-512 filters and one hidden layer.

    groups, opened: as of `resnet`; the hidden layer is in groups too.
    """
    _divides(groups, {"block 1": 128, "block 2": 256, "block 3": 512, "the hidden layer": 1024})
    side, of = shape[1] // 8, {name: 1 if name in opened else groups for name in ("2", "3", "4", "5")}
    hidden = (nn.Linear(512 * side * side, 1024, bias=False) if of["5"] == 1 else
              in_groups.GroupedLinear(512 * side * side // groups, 1024 // groups, groups, bias=False))
    blocks = {
        "1": nn.Sequential(*conv(shape[0], 128), nn.MaxPool2d(2)),
        "2": nn.Sequential(*_conv(128, 256, of["2"]), nn.MaxPool2d(2)),
        "3": nn.Sequential(*_conv(256, 512, of["3"]), nn.MaxPool2d(2)),
        "4": nn.Sequential(*_conv(512, 512, of["4"])),
        "5": nn.Sequential(nn.Flatten(), hidden, nn.BatchNorm1d(1024), nn.ReLU(inplace=True),
                           nn.Unflatten(1, (1024, 1, 1))),
    }
    return Network("VGG6a", blocks, nn.Sequential(nn.Flatten(), nn.Linear(1024, classes)), classes, shape,
                   remake=partial(vgg6a, classes, shape))


def cnn6(width=128, classes=10, shape=(3, 32, 32), initialisation="he"):
    """The 6-layer CNN of DGL's head study (Belilovsky et al. 2020, section 5.1): width 1-2-2-4-4-4 times `width`.

    Each block is a 3x3 convolution, BatchNorm and ReLU; blocks 2 and 4 begin with 2x2 max-pooling. The classifier
    pools to 2 x 2 and has two hidden layers. The study's code starts all layers as PyTorch does, initialisation
    "pytorch", and its convolutions have biases, which the BatchNorm behind them cancels.
    """
    blocks, channels = {}, shape[0]
    for b, factor in enumerate((1, 2, 2, 4, 4, 4), start=1):
        pool = [nn.MaxPool2d(2)] if b in (2, 4) else []
        blocks[str(b)] = nn.Sequential(*pool, *conv(channels, factor * width))
        channels = factor * width
    classifier = nn.Sequential(*heads.mlp(channels, shape[1] // 4, classes, layers=2))
    return Network("CNN-6", blocks, classifier, classes, shape, initialisation=initialisation)
