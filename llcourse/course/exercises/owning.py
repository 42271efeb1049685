"""Exercise 10.1: which group owns an entry of a parameter, as autograd measures it."""

import torch
from torch import nn

from ...heads import conv
from ...networks import ResidualBlock
from . import Wrong


def _blocks():
    """(what it is, G, channels that it reads, the block): widths differ, so that no number of rows is always right."""
    biased = nn.Sequential(nn.Conv2d(6, 12, 3, padding=1, groups=3), nn.ReLU())
    module = nn.Sequential(ResidualBlock(12, 12, 1, groups=3, opened=True), ResidualBlock(12, 24, 2, groups=3))
    blocks = [("a block in groups", 2, 24, ResidualBlock(24, 24, 1, groups=2)),
              ("a block whose first layers read all channels", 4, 12, ResidualBlock(12, 24, 2, groups=4, opened=True)),
              ("a stem", 4, 3, nn.Sequential(*conv(3, 16))),
              ("a convolution with a bias", 3, 6, biased),
              ("a module of two blocks, the first opened", 3, 12, module),
              ("a block of one group", 1, 6, ResidualBlock(6, 6, 1))]
    return [(what, G, channels, block.double()) for what, G, channels, block in blocks]


def measured(block, G, channels):
    """{parameter's name: number of the group whose output channels send a gradient into each entry}; AssertionError
    unless one does. In train mode, where BatchNorm leaves no channel without a pixel above 0."""
    out, named = block(torch.randn(6, channels, 8, 8, dtype=torch.float64)), dict(block.named_parameters())
    sums = out.unflatten(1, (G, -1)).sum(dim=(0, 2, 3, 4))
    came = [torch.autograd.grad(total, list(named.values()), retain_graph=True) for total in sums]
    reached = {name: torch.stack(each) != 0 for name, *each in zip(named, *came)}
    assert all((groups.sum(dim=0) == 1).all() for groups in reached.values())
    return {name: groups.int().argmax(dim=0) for name, groups in reached.items()}


def owners_right(answer):
    """Wrong unless answer(block, G) names the owner of every entry; else how many entries there were."""
    entries, blocks = 0, _blocks()
    for what, G, channels, block in blocks:
        right, layers = measured(block, G, channels), dict(block.named_modules())
        where, given = f"{what}, G = {G}: ", answer(block, G)
        if not isinstance(given, dict):
            raise Wrong(where + f"return a dictionary {{name: owners}}; this is a {type(given).__name__}")
        kinds = {name: f"{name!r}, of a {type(layers[name.rpartition('.')[0]]).__name__}" for name in right}
        for name in given:
            if name not in right:
                raise Wrong(where + f"there is no parameter {name!r}: the keys are the names that "
                                    "block.named_parameters() gives")
        for name in right:
            if name not in given:
                raise Wrong(where + f"{kinds[name]}, is missing: whatever a loss trains has an owner")
        for name, p in block.named_parameters():
            _each_right(where + kinds[name] + ": ", given[name], right[name], p, G)
        entries += sum(owner.numel() for owner in right.values())
    return f"{entries:,} entries of {len(blocks)} blocks, each the group's whose loss reaches it"


def _each_right(where, given, right, p, G):
    if not isinstance(given, torch.Tensor):
        raise Wrong(where + f"a tensor of owners is asked for, one number an entry; this is a {type(given).__name__}")
    if given.shape != p.shape:
        raise Wrong(where + f"its shape is {tuple(p.shape)}, and so is its owners'; this has {tuple(given.shape)}" + (
            ". One number a row is the right idea: .view(-1, 1, 1, 1).expand_as(p) gives it to each entry"
            if given.shape == p.shape[:1] else ""))
    if given.dtype == torch.bool or given.is_floating_point() or given.is_complex():
        raise Wrong(where + f"owners are numbers of groups, integers; this is {given.dtype}")
    given = given.detach().cpu().long().contiguous()
    if not torch.equal(given, right):
        raise Wrong(where + _slip(given, right, G))


def _slip(given, right, G):
    n, rows, first = len(right), torch.arange(len(right)), given.view(len(right), -1)[:, 0]
    if (given < 0).any():
        return ("a number below 0 is no group. No entry is nobody's or everybody's, also where the layer reads all "
                "channels: the one that it writes is some group's")
    if torch.equal(given - 1, right):
        return f"you count groups from 1; they are 0 to {G - 1}"
    if (given.view(n, -1) != first[:, None]).any():
        return ("entries of one row have different owners. A row writes one channel, and the group of that channel "
                "owns all of it; the second dimension is what it reads")
    if G > 1 and (first == first[0]).all():
        return (f"you give all of it to group {first[0]}. This layer, too, writes {n} channels, and each group has "
                f"{n // G} of them")
    if torch.equal(first, rows % G):
        return (f"you deal the rows out in turn, 0, 1, 2 ...; channels of a group stand together: the first {n // G} "
                "are group 0's")
    if torch.equal(G - 1 - given, right):
        return "you count from the last: the first channels are group 0's"
    each = int((first == first[0]).sum())
    if each != n // G and torch.equal(first, (rows // each).clamp(max=int(first.max()))):
        return f"you give {each} rows to a group. There are {n} for {G} groups: {n // G} each, counted from p itself"
    if (given >= G).any():
        return f"there is a group {int(given.max())} in it; groups are 0 to {G - 1}"
    owner = right.view(n, -1)[:, 0]
    row = int((first != owner).nonzero()[0])
    return (f"you give row {row} to group {first[row]}; the gradient that autograd sends there comes from the channels "
            f"of group {owner[row]}")
