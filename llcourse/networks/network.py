"""A network as an explicit chain of named blocks, and cutting the chain into K modules.

A block is the smallest unit that can be a module of its own. `Network.cut` joins blocks into modules and gives each
module a head. Convolutions start as He et al. (2015) propose, fan-out mode (all outputs count, also of one in groups,
as in the code of neuron groups), or as INITIALISATIONS says; linear layers as PyTorch's own, so that untrained logits
are small and the first loss is near the logarithm of the number of classes.
"""

from torch import nn

from .. import context as contexts
from .. import groups as in_groups
from .. import heads, objectives, partition
from .. import reach as reaches
from .. import wiring as wirings
from ..arguments import number, one_of, whole
from ..cost import count
from ..local import LocalNetwork


def _he(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _gpt2(module):
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02 * getattr(module, "starts", 1.0))


INITIALISATIONS = {  # of a module that PyTorch has just made
    "he": _he,
    "pytorch": lambda module: None,
    "gpt-2": _gpt2,
}


class Network(nn.Module):
    """A chain of named blocks and a classifier.

    name: for figures and records.   blocks: {name: nn.Module} in order.   classifier: nn.Module from the last block's
    output to logits.   shape: of one image, (3, H, W).   published: {K: names of the blocks before the K - 1 borders}
    where the literature fixed them.   initialisation: a name in INITIALISATIONS, for the heads of its cuts too; raises
    ValueError for any other.   remake: a function (groups, opened) -> the same network in groups, with those of its
    blocks, by name, whose first layer reads all groups; None where it has no such form.   groups: that it is in now.
    """

    def __init__(self, name, blocks, classifier, classes, shape=(3, 32, 32), published=None, initialisation="he",
                 remake=None, groups=1):
        super().__init__()
        one_of("initialisation", initialisation, INITIALISATIONS)
        self.name, self.classes, self.shape = name, classes, tuple(shape)
        self.block_names, self.published = list(blocks), published or {}
        self.blocks, self.classifier = nn.ModuleList(blocks.values()), classifier
        self.initialisation, self.remake, self.groups = initialisation, remake, groups
        self.apply(INITIALISATIONS[initialisation])

    def forward(self, x):
        """x: (batch, 3, H, W) -> logits (batch, classes)."""
        for block in self.blocks:
            x = block(x)
        return self.classifier(x)

    def borders(self, K):
        """Names of the blocks before the K - 1 borders: the published ones if there are, else balanced in MACs."""
        K = whole("K", K, 1)
        if K in self.published:
            return list(self.published[K])  # a caller's own
        if not 1 <= K <= len(self.blocks):
            raise ValueError(f"{self.name} has {len(self.blocks)} blocks and cannot be cut into K = {K} modules; "
                             f"choose K from 1 to {len(self.blocks)}")
        shape, macs = self.shape, []
        for block in self.blocks:
            cost = count(block, shape)
            macs.append(cost.macs)
            shape = cost.shape
        return [self.block_names[end - 1] for end in partition.balanced(macs, K)[:-1]]

    def cut(self, K, head="1c2f", reach=None, objective="cross-entropy", context="R0", groups=1, share=1.0,
            diversity="none"):
        """Cut into K modules: a LocalNetwork that shares this network's parameters.

        head: the kind of auxiliary head of modules 1 to K - 1 (see heads.HEADS); the last module keeps the network's
        own classifier.   reach: default is local, every module its own loss.   objective: what the local losses of
        modules 1 to K - 1 are made of (a name in objectives.OBJECTIVES, or objectives.InfoPro(...)); the last
        has cross-entropy.   context: what borders
        supply the modules above them with (see context.Mode): "R0" nothing, "E" the encoded image, "R1" what the module
        below was given, "R1E" both; R2 and on reach further back. Encoders are parts of the modules that they feed.
        groups: split each module into so many groups too, each with a head of its own at the end of every module, the
        last included, and a final head on top of all: neuron groups (Patel et al. 2023). The blocks are then made anew;
        share, diversity: what their heads see of each other (groups.Exchange), and a name in groups.PRESETS.
        Raises ValueError if K exceeds the number of blocks, the groups divide the channels of some block not, or what
        belongs to groups is asked for without them, or the other way round.

        >>> from llcourse import networks
        >>> net = networks.resnet(20).cut(4, head="mlp")
        >>> net.K, len(net.body[0]), net.reach.diagonal().tolist()
        (4, 3, [1, 1, 1, 1])
        """
        ends = [self.block_names.index(name) + 1 for name in self.borders(K)] + [len(self.blocks)]
        groups, share = whole("groups", groups, 1), number("share", share, most=1)
        mode = contexts.named(context, len(ends))
        if self.groups not in (1, groups) and (K, groups) != (1, 1):
            raise ValueError(f"this {self.name} is in {self.groups} groups: cut it with groups={self.groups}, or in "
                             f"one piece; got K = {K} and groups={groups}")
        if groups != 1:
            if mode.name != "R0":
                raise ValueError(f"groups read all groups below them and nothing else; context is {context!r}")
            if objective != "cross-entropy":
                raise ValueError(f"groups have cross-entropy and diversity; objective is {objective!r}")
            return self._in_groups(ends, groups, head, reach, share, diversity)
        if share != 1 or not isinstance(diversity, str) or diversity != "none":
            raise ValueError(f"share and diversity are between groups, and groups is 1; got {share} and {diversity!r}")
        body = [nn.Sequential(*self.blocks[start:end]) for start, end in zip([0, *ends], ends)]
        shape, shapes, auxiliary, local = self.shape, [], [], []
        for module in body[:-1]:
            shape = count(module, shape).shape
            shapes.append(shape)
            place = objectives.Place(shape, self.shape, self.classes, len(shapes), len(body))
            local.append(self._started(objectives.make(objective, place)))
            outputs = getattr(local[-1], "outputs", self.classes)
            auxiliary.append(self._started(self.make_head(head, shape, outputs)))
        body, wiring = contexts.supplied(body, mode, self.shape, shapes, self._started)
        return LocalNetwork(body, [*auxiliary, self.classifier], reach, [*local, objectives.CrossEntropy()], wiring)

    def _in_groups(self, ends, G, head, reach, share, preset):
        if self.remake is None:
            raise ValueError(f"{self.name} has no form in groups")
        K, opened = len(ends), [self.block_names[end] for end in ends[:-1]]
        blocks, shape, made = self.remake(groups=G, opened=opened).blocks, self.shape, []
        body = [in_groups.Grouped(*blocks[start:end], G=G) for start, end in zip([0, *ends], ends)]
        for module in body:
            shape = count(module, shape).shape
            made.append(in_groups.group_heads(shape[0], G, share, lambda n, side=shape[1:]: self._started(
                self.make_head(head, (n, *side), self.classes))))
        final = self._started(self.make_head(head, shape, self.classes))
        losses = [*(in_groups.GroupLosses(G, preset) for _ in range(K)), objectives.CrossEntropy()]
        net = LocalNetwork(body, [*made, final], reaches.local(K, K + 1) if reach is None else reach, losses,
                           wirings.chain(K, K + 1))
        like = next(self.parameters())
        return net.to(like.device, like.dtype)

    def make_head(self, kind, shape, outputs):
        """A head of a kind that `cut` takes, on features of this shape."""
        return heads.make(kind, shape, outputs)

    def _started(self, part):
        """A part made for this network: it starts as its layers do, where they are."""
        like = next(self.parameters())
        return part.apply(INITIALISATIONS[self.initialisation]).to(like.device, like.dtype)
