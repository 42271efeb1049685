"""Where borders may stand: features of different images never meet, and what a border learns is trained by somebody."""

from torch import nn

from .. import reach
from ..wiring import IMAGE
from .border import Border


def each(given, K):
    """A list of K, a Border or None, from one or from a list of up to K. ValueError if they are none."""
    every = list(given) if isinstance(given, (list, tuple, nn.ModuleList)) else [given]
    every += [None] * (K - len(every))
    if len(every) != K or not all(isinstance(border, Border | None) for border in every):
        raise ValueError(f"borders are a list of up to {K}, a borders.Border or None above each module; got {given!r}")
    return every


def held_back(wiring, borders):
    """For each cell the borders that hold batches on its way from the image, as a frozenset of the cells below them.

    borders: a Border or None above each cell. Raises ValueError where a cell or a head would read features that have
    passed different ones, where a border that holds batches has several readers, and where a border has parameters.
    """
    for j, border in enumerate(borders):
        if border is not None and any(True for _ in border.parameters()):
            raise ValueError(f"the border above module {j + 1} has parameters, and no loss trains them: keep what it "
                             "learns in buffers")
    for j, border in enumerate(borders):
        below = {id(part) for other in borders[:j] if other is not None for part in other.modules()}
        if border is not None and (shared := [p for p in border.modules() if id(p) in below and _remembers(p)]):
            raise ValueError(f"the border above module {j + 1} stands above another module too, and what it keeps "
                             f"would mix: make a {type(shared[0]).__name__} for each")
    passed = []
    for j, sources in enumerate(wiring.cells):
        ways = {s: passed[s] | ({s} if _holds(borders[s]) else set()) for s in sources if s != IMAGE}
        passed.append(_shared(f"module {j + 1}", ways))
    for i, read in enumerate(wiring.heads):
        _shared(f"head {i + 1}", {s: passed[s] for s in read})
    for j, border in enumerate(borders):
        readers = sum(j in sources for sources in wiring.cells)
        if _holds(border) and readers != 1:
            raise ValueError(f"the border above module {j + 1} holds batches for one reader; it has {readers}")
    return passed


def refuse_crossing(R, wiring, borders):
    """ReachError where a gradient would have to come back through a border."""
    for j, crossed in enumerate(reach.crossed(R, wiring)):
        if crossed and borders[j] is not None:
            raise reach.ReachError(
                f"a gradient would cross the border above module {j + 1}, a {type(borders[j]).__name__}, and meet "
                "other features than those that it belongs to; such borders take reaches that stop there, such as "
                f"reach.local({len(borders)})")


def _holds(border):
    return border is not None and border.holds


def _remembers(part):
    return getattr(part, "holds", False) or getattr(part, "shaped_by_batch", ()) or any(True for _ in part.buffers())


def _shared(reader, ways):
    """The borders that all `ways`, {cell read: borders on its way}, have passed."""
    first, *others = ways.values() or [frozenset()]
    if any(way != first for way in others):
        raise ValueError(f"{reader} reads modules {[s + 1 for s in ways]}, and a border that holds batches stands on "
                         "the way of some only: features of different images would meet")
    return frozenset(first)
