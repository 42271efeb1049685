"""What the head of a group sees: its own channels, and of the others' as many as the groups exchange."""

import torch
from torch import nn

from ..arguments import number, whole


class Exchange(nn.Module):
    """(batch, C, H, W) -> (batch, G * n, H, W): for each group first its own C / G channels, with gradient, then the
    first `share` of each other group's, detached (Patel et al. 2023, section 3.2).

    share: 0 (none: n = C / G) to 1 (all: n = C); of C / G channels int(share * C / G) are taken. In the authors' code
    the own slice is cut out with indices that the loop over the others has overwritten, so that for any share between 0
    and 1 the gradient of every group but the first lands in the one before it; here it stays. Raises ValueError if G
    does not divide C.

    >>> exchange = Exchange(C=4, G=2, share=0.5)
    >>> exchange(torch.arange(4.0).view(1, 4, 1, 1)).flatten().tolist()
    [0.0, 1.0, 2.0, 2.0, 3.0, 0.0]
    """

    def __init__(self, C, G, share=1.0):
        super().__init__()
        C, G, share = whole("C", C, 1), whole("G", G, 1), number("share", share, most=1)
        if C % G:
            raise ValueError(f"{C} channels do not divide into G = {G} groups")
        self.G, self.share, own = G, share, C // G
        taken = int(share * own)
        others = [[h * own + c for h in range(G) if h != g for c in range(taken)] for g in range(G)]
        self.register_buffer("others", torch.tensor(others, dtype=torch.long).flatten(), persistent=False)
        self.n = own + (G - 1) * taken

    def forward(self, h):
        own = h.unflatten(1, (self.G, -1))
        if not len(self.others):
            return h
        others = h.detach().index_select(1, self.others).unflatten(1, (self.G, -1))
        return torch.cat([own, others], dim=2).flatten(1, 2)

    def extra_repr(self):
        return f"G={self.G}, share={self.share}"
