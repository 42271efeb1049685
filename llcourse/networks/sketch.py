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


class Twice(nn.Module):
    """A cell whose own input, joined of all that it reads, is read further up too: (output, input)."""

    def __init__(self, inputs, width):
        super().__init__()
        self.supply, self.joined = Joined(inputs, width), Joined(width, width)

    def forward(self, *read):
        given = self.supply(*read)
        return self.joined(given), given


def sketch(wiring, width=6, classes=10, channels=3):
    """A tiny LocalNetwork of any wiring, every cell and head linear: to try a wiring, a reach or a border on."""
    inputs = [sum(channels if s == IMAGE else width for s in sources) + width * len(context)
              for sources, context in zip(wiring.cells, wiring.context)]
    body = [Twice(n, width) if j in wiring.carried[j] else Joined(n, width) for j, n in enumerate(inputs)]
    return LocalNetwork(body,
                        [Joined(width * len(read), classes) for read in wiring.heads], wiring=wiring)
