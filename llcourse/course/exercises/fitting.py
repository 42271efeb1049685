"""Exercise 10.4: how many modules and groups, for workers that are given in number and size."""

from functools import cache

import torch

from ... import cost, groups, heads, networks
from . import Wrong

NUMBERS = 1, 2, 4, 8  # of modules, and of groups
PAIRS = [(K, G) for G in NUMBERS for K in NUMBERS]
HEAD, CLASSES = "1c2f", 10


@cache
def _whole():
    with torch.device("meta"):  # shapes alone matter
        return networks.resnet(20)


@cache
def _blocks(G, opened):
    """What each block of ResNet-20 in G groups costs, if none but the first reads all channels, or all do."""
    names, shape, counted = _whole().block_names, (3, 32, 32), {}
    with torch.device("meta"):
        blocks = networks.resnet(20, groups=G, opened=names if opened else ()).blocks
    for name, block in zip(names, blocks):
        counted[name] = cost.count(block, shape)
        shape = counted[name].shape
    return counted


@cache
def _bodies(K, G):
    """Of ResNet-20 in K x G the MACs of each module, all groups together, and the shape of its output."""
    borders, rows = _whole().borders(K), [[]]  # names of the blocks before them
    for name, block in _blocks(G, False).items():
        rows[-1].append(_blocks(G, True)[name] if not rows[-1] else block)
        if name in borders:
            rows.append([])
    return [(sum(block.macs for block in blocks), blocks[-1].shape) for blocks in rows]


@cache
def _heads(shape, G, share):
    """MACs of G heads on features of this shape."""
    with torch.device("meta"):
        several = groups.group_heads(shape[0], G, share, lambda n: heads.make(HEAD, (n, *shape[1:]), CLASSES))
    return cost.count(several, shape).macs


def costs(K, G, share=1.0):
    """[(MACs of module j, MACs of its head), ...], all groups together, and of grouped ones (0, final head) last: those
    of cost.modules, from parts that are counted once each."""
    bodies = _bodies(K, G)
    *_, (_, last) = bodies
    if G == 1:
        return [*((macs, _heads(shape, 1, 1.0)) for macs, shape in bodies[:-1]), (bodies[-1][0], last[0] * CLASSES)]
    return [*((macs, _heads(shape, G, share)) for macs, shape in bodies), (0, _heads(last, 1, 1.0))]


def _largest(rows, G):
    return max((module + head) / (1 if G == 1 or not module else G) for module, head in rows)


def _needed(K, G):
    return K * G + (G > 1)


def _choice(budget, workers, costs, size=_largest, needed=_needed, order=PAIRS, fits=lambda a, b: a <= b):
    return next(((K, G) for K, G in order if fits(needed(K, G), workers) and fits(size(costs(K, G), G), budget)), None)


def _cases():
    """(budget, workers, costs): some at the very size of a worker, some without an answer."""
    none = lambda K, G: costs(K, G, share=0.0)  # noqa: E731
    million, exact = 1_000_000, int(_largest(costs(4, 2), 2))
    return [(10 * million, 8, costs), (10 * million, 7, costs), (6 * million, 9, costs), (6 * million, 8, costs),
            (13 * million, 100, costs), (13 * million, 3, costs), (exact, 9, costs), (exact - 1, 9, costs),
            (4_200_000, 17, costs), (4_200_000, 16, costs), (3_200_000, 64, costs),
            (int(_largest(costs(8, 8), 8)), 65, costs), (int(_largest(costs(8, 8), 8)), 64, costs),
            (50 * million, 1, costs), (40 * million, 1, costs), (2_500_000, 100, none), (2_300_000, 100, none),
            (7 * million, 20, none)]


def _mean(rows, G):
    return sum(module + head for module, head in rows) / G / len(rows)


SLIPS = {  # what it is called: the choice with one thing done otherwise
    "A worker computes its head too, not the module alone": {
        "size": lambda rows, G: _largest([(m, 0 if m else h) for m, h in rows], G)},
    "`costs` counts a depth's groups together: each worker has one G-th of it": {
        "size": lambda rows, G: max(m + h for m, h in rows)},
    "You divide by G twice. In what `costs` counts, that convolutions are in groups is done: one G is left": {
        "size": lambda rows, G: max((m + h) / (G * G if m else 1) for m, h in rows)},
    "You divide the module by G and not its heads, of which there are G as well": {
        "size": lambda rows, G: max(m / G + h for m, h in rows)},
    "You divide the heads by G and not the module, of which each worker has a group": {
        "size": lambda rows, G: max(m + h / (G if m else 1) for m, h in rows)},
    "You add up all modules; each is another worker's, and the largest counts": {
        "size": lambda rows, G: sum(m + h for m, h in rows) / G},
    "You take the mean over modules; the largest worker has to fit too": {"size": _mean},
    "You leave the final head out: it is a worker's whole task, and may be the largest": {
        "size": lambda rows, G: max((m + h) / G for m, h in rows if m)},
    "You divide the final head by G; there is one of it, on all groups, and one worker computes it": {
        "size": lambda rows, G: max((m + h) / G for m, h in rows)},
    "The final head of a grouped network needs a worker besides the K * G": {"needed": lambda K, G: K * G},
    "Without groups there is no final head: K workers are enough": {"needed": lambda K, G: K * G + 1},
    "Whatever fits exactly, fits": {"fits": lambda a, b: a < b},
    "You take the fewest cells; first comes the smallest G": {
        "order": sorted(PAIRS, key=lambda pair: (pair[0] * pair[1], pair[1]))},
    "You take the smallest K first; first comes the smallest G": {"order": sorted(PAIRS)},
    "You take the largest G; the smallest is asked for": {"order": sorted(PAIRS, key=lambda pair: (-pair[1], pair[0]))},
    "Of equal G you take the largest K; the smallest is asked for": {
        "order": sorted(PAIRS, key=lambda pair: (pair[1], -pair[0]))},
}


def cells_right(answer):
    """Wrong unless answer(budget, workers, costs) is the pair with the smallest G, then the smallest K, that fits."""
    cases = _cases()
    given = [_pair(answer(*case), case) for case in cases]
    right = [_choice(*case) for case in cases]
    for case, said, expected in zip(cases, given, right):
        if said != expected:
            raise Wrong(f"{_named(case)}: you say {said}. {_fault(case, said, expected)}"
                        + _cause([given, cases, right]))
    return "and with one worker less the 8 x 8 cells of the smallest would have no place for the final head"


def _cause(answers):
    given, cases, right = answers
    for cause, otherwise in SLIPS.items():
        wrong = [_choice(*case, **otherwise) for case in cases]
        if wrong == given and wrong != right:
            return f". {cause}"
    return ""


def _named(case):
    budget, workers, _ = case
    return f"{workers} worker{'s' if workers > 1 else ''} of {budget:,} MACs"


def _pair(given, case):
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2 or not all(number in NUMBERS for number in given):
        raise Wrong(f"{_named(case)}: return (K, G), both of {', '.join(map(str, NUMBERS))}, or None; got {given}")
    return tuple(map(int, given))


def _fault(case, said, expected):
    budget, workers, costs = case
    if said is None:
        return f"{expected} fits"
    needed, size = _needed(*said), _largest(costs(*said), said[1])
    if needed > workers:
        return f"It takes {needed} workers"
    if size > budget:
        return f"Its largest worker computes {size:,.0f} MACs"
    G, K = expected[1], expected[0]
    return f"It fits, and so does {expected}, with " + ("fewer groups" if G < said[1] else f"K = {K}")
