"""Which group owns which slice of a tensor that holds all of them."""

from torch import nn


def owned(module, G):
    """{group: [(parameter, slice of its first dimension), ...]}: every layer writes its output group by group, so the
    g-th part of each parameter's rows belongs to group g, also where the layer reads all channels."""
    for name, p in module.named_parameters():
        if len(p) % G:
            raise ValueError(f"{name} has {len(p)} rows, which do not divide into G = {G} groups")
    return {g: [(p, slice(g * len(p) // G, (g + 1) * len(p) // G)) for p in module.parameters()] for g in range(G)}


class Grouped(nn.Sequential):
    """A module, or the heads, of G groups: `parts()` says which slices are whose."""

    def __init__(self, *blocks, G):
        super().__init__(*blocks)
        self.G = G

    def parts(self):
        return owned(self, self.G)
