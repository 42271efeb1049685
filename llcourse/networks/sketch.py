"""Tiny networks of any wiring."""

import torch
from torch import nn

from ..local import LocalNetwork
from ..wiring import IMAGE


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
