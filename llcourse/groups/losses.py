"""The losses of a depth: cross-entropy for each group, and a term that keeps the groups apart."""

from collections import namedtuple

import torch
import torch.nn.functional as F
from torch import nn

from ..arguments import number

Preset = namedtuple("Preset", "weight temperature")
PRESETS = {  # of the diversity term
    "none": Preset(0.0, 1.0),
    "paper": Preset(0.5, 3.0),  # the published runs
    "authors' default": Preset(1.0, 1.0),  # what their script takes where nothing is said
}


def diversity(logits, y, temperature=3.0):
    """How alike the groups are wrong: the mean cosine between the groups' probabilities of the wrong classes, 0 to 1.

    logits: (batch, G, classes); y: (batch,). Probabilities at `temperature`; that of the true class is set to zero, the
    rest made to sum to 1; pairs of different groups are averaged (Patel et al. 2023, section 3.3). 0 for one group.

    >>> alike = torch.tensor([[[0.0, 1.0, 2.0], [5.0, 1.0, 2.0]]])
    >>> round(diversity(alike, torch.tensor([0])).item(), 6)
    1.0
    """
    return _pairs(_wrong(logits, y, temperature))


def _wrong(logits, y, temperature):
    """Unit vectors of the probabilities of the wrong classes: (batch, G, classes)."""
    true = y.view(-1, 1, 1).expand(-1, logits.shape[1], 1)
    return F.normalize((logits / temperature).scatter(-1, true, -torch.inf).softmax(dim=-1), dim=-1)


def _pairs(p):
    G = p.shape[1]
    if G == 1:
        return p.new_zeros(())
    return (p.sum(dim=1).square().sum() - p.square().sum()) / (len(p) * G * (G - 1))


class GroupLosses(nn.Module):
    """Of a depth's logits, (batch, G, classes): the sum of the groups' cross-entropies, plus `weight` times their
    diversity. No gradient mixes the groups: logits of group g depend on its own cell alone.

    preset: a name in PRESETS, or a Preset. `summands()` gives the groups' losses one by one.
    """

    def __init__(self, G, preset="none"):
        super().__init__()
        if not isinstance(preset, Preset) and not (isinstance(preset, str) and preset in PRESETS):
            raise ValueError(f"no preset is called {preset!r}; there are {', '.join(PRESETS)}")
        weight, temperature = PRESETS[preset] if isinstance(preset, str) else preset
        self.G, self.weight = G, number("the weight of diversity", weight)
        self.temperature = number("the temperature of diversity", temperature, above=0)

    def forward(self, logits, record):
        loss = F.cross_entropy(logits.transpose(1, 2), record.y.unsqueeze(1).expand(-1, self.G)) * self.G
        return loss + self.weight * diversity(logits, record.y, self.temperature) if self.weight else loss

    def summands(self):
        """For each group an objective with the same gradient for its cell, and none for the others."""
        return [OneGroup(self, g) for g in range(self.G)]

    def extra_repr(self):
        return f"G={self.G}, weight={self.weight}, temperature={self.temperature}"


class OneGroup(nn.Module):
    """A depth's loss as one group sees it: the others' logits are constants, so that their cells get no gradient."""

    def __init__(self, losses, g):
        super().__init__()
        self.losses, self.g = losses, g

    def forward(self, logits, record):
        mine = torch.zeros(logits.shape[1], dtype=torch.bool, device=logits.device)
        mine[self.g] = True
        alone = torch.where(mine.view(1, -1, 1), logits, logits.detach())
        return self.losses(alone, record)
