"""Wiring: what each cell reads, and so which loss may train which cell.

A cell is a module with its head and objective: one of K in a chain, one of K x G in a grid of neuron groups. Cells are
numbered such that each reads only lower numbers. Loss i sits on the output of cell i; losses beyond the last cell are
heads alone.
"""

from dataclasses import dataclass, field

from .arguments import flag, whole

IMAGE = -1  # as a source: what the network itself is given


@dataclass(frozen=True)
class Wiring:
    """Who reads what.

    cells: for each cell what its module is called with, a tuple of lower cells' numbers and IMAGE.
    heads: for each loss the cells whose outputs its head is called with; loss i's first is cell i, as far as there are
    cells.   context: for each cell of a chain the lower cells whose own input it reads too, detached (see context/);
    () where there is none. The rest is derived: `below`, of each cell all that it depends on; `level`, the longest way
    from the image; `carried`, the cells whose input goes with the output of each, to be read further up.

    >>> chain(3).cells
    ((-1,), (0,), (1,))
    """

    cells: tuple
    heads: tuple
    context: tuple = field(default=(), repr=False)
    below: tuple = field(init=False, compare=False, repr=False)
    level: tuple = field(init=False, compare=False, repr=False)
    carried: tuple = field(init=False, compare=False, repr=False)

    def __post_init__(self):
        if not self.cells or len(self.heads) < len(self.cells):
            raise ValueError("a wiring has cells, and a head for each; "
                             f"got {len(self.cells)} cells and {len(self.heads)} heads")
        object.__setattr__(self, "cells", tuple(map(tuple, self.cells)))
        object.__setattr__(self, "heads", tuple(map(tuple, self.heads)))
        below, level = [], []
        for j, sources in enumerate(self.cells):
            if not sources or len(set(sources)) < len(sources) or not all(IMAGE <= s < j for s in sources):
                raise ValueError(f"cell {j + 1} reads {sources}: each of IMAGE (-1) and the cells before it "
                                 f"(0 ... {j - 1}) at most once, and one at least")
            own = [s for s in sources if s != IMAGE]
            below.append(frozenset(own).union(*(below[s] for s in own)))
            level.append(1 + max((level[s] for s in own), default=-1))
        for i, read in enumerate(self.heads):
            own = i < len(self.cells)
            if not read or len(set(read)) < len(read) or not set(read) <= set(range(len(self.cells))) or (
                    own and read[0] != i):
                raise ValueError(f"head {i + 1} reads {read}: first the cell that it sits on, then others, each once")
        object.__setattr__(self, "below", tuple(below))
        object.__setattr__(self, "level", tuple(level))
        self._check_context()

    def _check_context(self):
        read = tuple(map(tuple, self.context)) or ((),) * len(self.cells)
        if len(read) != len(self.cells):
            raise ValueError(f"context has an entry a cell, {len(self.cells)}; got {len(read)}")
        for j, cells in enumerate(read):
            if len(set(cells)) < len(cells) or not all(0 <= c < j for c in cells):
                raise ValueError(f"cell {j + 1} reads the input of {cells}: of cells before it (0 ... {j - 1}), each "
                                 "once")
        if any(read) and any(set(sources) - {IMAGE} != ({j - 1} if j else set()) for j, sources in
                             enumerate(self.cells)):
            raise ValueError("context goes along a chain: there each cell reads the one before it, and no other")
        carried = [frozenset(c for above in read[j + 1:] for c in above if c <= j) for j in range(len(read))]
        object.__setattr__(self, "context", read)
        object.__setattr__(self, "carried", tuple(carried))

    def may_train(self, i, j):
        """Whether a path leads from cell j's output into loss i."""
        return any(j == s or j in self.below[s] for s in self.heads[i])

    def height(self, i):
        """The level at which loss i is taken: that of the highest cell that its head reads."""
        return max(self.level[s] for s in self.heads[i])

    def peers(self, i):
        """The losses on the other cells of loss i's level: the groups beside it. Empty for a head alone."""
        cells = range(len(self.cells))
        return [k for k in cells if k != i and self.level[k] == self.level[i]] if i in cells else []


def chain(K, losses=None):
    """Each cell reads the one before; losses (default K) beyond the K-th are heads alone on the last cell's output."""
    K = whole("K", K, 1)
    return Wiring(tuple((j - 1,) for j in range(K)),
                  tuple((min(i, K - 1),) for i in range(K if losses is None else whole("losses", losses, K))))


def groups(K, G):
    """K x G neuron groups (Patel et al. 2023): a cell reads all groups of the depth below, and so does a final head.

    Cell (k, g) is number k * G + g.
    """
    K, G = whole("K", K, 1), whole("G", G, 1)
    depths = [tuple(range(k * G, (k + 1) * G)) for k in range(K)]
    return Wiring(tuple((IMAGE,) if k == 0 else depths[k - 1] for k in range(K) for _ in range(G)),
                  tuple((j,) for j in range(K * G)) + (depths[-1],))


def context(K, back=1, image=True):
    """A chain in which borders supply context (Yu et al. 2023): module k + 1 also reads the image, if `image`, and what
    the last `back` modules were given. What module 1 was given is the image; it stands in where `image` is False.

    >>> context(4, back=1, image=False)
    Wiring(cells=((-1,), (0, -1), (1,), (2,)), heads=((0,), (1,), (2,), (3,)))
    >>> context(4, back=1, image=False).context
    ((), (), (1,), (2,))
    """
    K, back, image = whole("K", K, 1), whole("back", back), flag("image", image)
    cells = tuple((j - 1, IMAGE) if j and (image or back >= j) else (j - 1,) for j in range(K))
    return Wiring(cells, chain(K).heads, tuple(tuple(range(j - 1, max(0, j - 1 - back), -1)) for j in range(K)))


def visits(R, wiring, i):
    """The cells that loss i's gradient passes through or trains, a frozenset: all on a path to a cell that it
    trains."""
    trained = set(R[i].nonzero()[0].tolist())
    reached = set().union(*({s} | wiring.below[s] for s in wiring.heads[i]))
    return frozenset(j for j in reached if j in trained or wiring.below[j] & trained)
