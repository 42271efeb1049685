"""Context supply: what a border gives the module above it beside the features of the module below.

Behind border k module k + 1 works on s_k = h_k + E_k(image) + R_k(s_{k-1}) + ..., where h_k is the output of module k
and s_{k-1} what module k was given itself: all detached, so the reach stays what it is. E_k and R_k belong to module
k + 1, are trained by its loss, and stay at inference (ContSup, Yu et al. 2023; encoders and modes as in the authors'
code).
"""

import re
from dataclasses import dataclass

from torch import nn

from .. import wiring as wirings
from .encoders import ENCODERS, shortcut


@dataclass(frozen=True)
class Mode:
    """What borders supply: an encoded image, if `encoder` is a letter of ENCODERS, and what the last `back` modules
    were given. Without an encoder what module 1 was given, the image, is read in its turn.

    >>> named("R1E", 4)
    Mode(name='R1E', back=1, encoder='E')
    """

    name: str
    back: int
    encoder: str

    def wiring(self, K):
        return wirings.context(K, self.back, bool(self.encoder))


def named(name, K):
    """The Mode called R0, E, R1, R1E and so on. ValueError for anything else, and for more steps back than K modules
    have."""
    letters = "".join(ENCODERS)
    found = re.fullmatch(f"(?:R([0-9]+))?([{letters}]?)", name, re.ASCII) if isinstance(name, str) and name else None
    if not found:
        raise ValueError(f"context is {name!r}; it is R0, R1, R2 ... (what so many modules below were given), "
                         f"{', '.join(ENCODERS)} (the image, encoded), or both, as R1E")
    back = int(found[1] or 0)
    if back and back >= K:
        raise ValueError(f"context {name!r} reads {back} modules back, and K = {K} modules have at most {K - 1}")
    return Mode(name, back, found[2])


class Supplied(nn.Module):
    """A module with the supply at its lower border: called with the features below, then with what else it reads.

    blocks: nn.Module.   supply: {name: nn.Module} that makes features of each of the rest, in that order.   shows:
    return (output, what the blocks were given), for modules that read that too.
    """

    def __init__(self, blocks, supply, shows):
        super().__init__()
        self.supply, self.blocks, self.shows = nn.ModuleDict(supply), blocks, shows

    def forward(self, h, *read):
        given = h
        for part, x in zip(self.supply.values(), read, strict=True):
            given = given + part(x)  # a new tensor: others read h
        version = given._version
        out = self.blocks(given)
        if self.shows and given._version != version:
            raise ValueError(f"a {type(self.blocks).__name__} changes its input in place, which modules above read "
                             "too: let it work on a copy (layers such as nn.ReLU: inplace=False)")
        return (out, given) if self.shows else out

    def extra_repr(self):
        return f"shows={self.shows}"


def supplied(body, mode, image, shapes, started):
    """The modules of a chain with their supplies, and the wiring that says what each reads.

    body: K nn.Modules.   mode: a Mode.   image: shape of an image.   shapes: those of the outputs of modules 1 to
    K - 1, to which supplies are added.   started: a function that initialises a part and returns it.
    """
    wiring, made = mode.wiring(len(body)), []
    for j, blocks in enumerate(body):
        supply = {name: started(nn.Sequential(*make(source, shapes[j - 1])))
                  for name, (make, source) in supplies(mode, wiring, j, image, shapes).items()}
        shows = j in wiring.carried[j]
        made.append(Supplied(blocks, supply, shows) if supply or shows else blocks)
    return made, wiring


def supplies(mode, wiring, j, image, shapes):
    """{name: (a function (source shape, feature shape) -> layers, shape of its source)} of what cell j is supplied
    with; mode, image and shapes as in `supplied`."""
    found = {}
    if wirings.IMAGE in wiring.cells[j][1:]:
        found["image"] = ENCODERS[mode.encoder] if mode.encoder else shortcut, image
    return found | {f"input {c + 1}": (shortcut, shapes[c - 1]) for c in wiring.context[j]}


def parts(net):
    """{"module 1": ..., "supply 2": ..., "module 2": ..., ...}: a network's modules with their supplies apart, as
    measure.reach(net, batch, parts=parts(net)) takes them."""
    apart = {}
    for j, module in enumerate(net.body, start=1):
        if isinstance(module, Supplied) and len(module.supply):
            apart |= {f"supply {j}": module.supply, f"module {j}": module.blocks}
        else:
            apart[f"module {j}"] = module
    return apart
