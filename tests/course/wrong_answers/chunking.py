"""Wrong answers to exercise 8.4, and right ones in another style."""

from itertools import accumulate, combinations
from math import prod

import numpy as np
import torch

from llcourse.course.solutions.ch08 import chunks


def cuts(L, K):
    for borders in combinations(range(1, L), K - 1):
        yield [b - a for a, b in zip((0, *borders), (*borders, L))]


def sums(values, sizes):
    values = iter(values)
    return [sum(next(values) for _ in range(size)) for size in sizes]


def longest(times, kept, sizes):
    return max(sums(times, sizes))


def search(room=lambda kept, head, room, sizes: all(k + head <= room for k in sums(kept, sizes)), best=longest,
           numbers=lambda workers, L: range(1, min(workers, L) + 1), none=None, first=True,
           shown=lambda sizes: sizes):
    """The solution of 8.4 with one of its choices made otherwise. first: the fewest come first."""
    def answer(times, kept, head, space, workers):
        found = []
        for K in numbers(workers, len(times)):
            fit = [sizes for sizes in cuts(len(times), K) if room(kept, head, space, sizes)]
            found += [(best(times, kept, sizes), sizes) for sizes in fit]
            if found and first:
                break
        return shown(min(found)[1]) if found else none
    return answer


def fitting(which):
    """Room checked for some chunks alone."""
    return lambda kept, head, room, sizes: all(k + head <= room for k in which(sums(kept, sizes)))


def heads(count):
    """Another number of heads in a chunk."""
    return lambda kept, head, room, sizes: all(
        k + count(n, len(sizes), size) * head <= room for n, (k, size) in enumerate(zip(sums(kept, sizes), sizes)))


def filled(times, kept, head, room, workers, strict=False):
    """From the first block on, as full as can be."""
    sizes, full = [], room + 1
    for k in kept:
        if k + head > room:
            return None
        if full + k + head > room - strict:
            sizes, full = [*sizes, 0], 0
        sizes[-1] += 1
        full += k
    return sizes if len(sizes) <= workers else None


def from_the_end(times, kept, head, room, workers):
    sizes = filled(times[::-1], kept[::-1], head, room, workers)
    return sizes[::-1] if sizes else None


def equal(times, kept, head, room, workers):
    """As many blocks in each, of as few as fit."""
    L = len(times)
    for K in range(1, min(workers, L) + 1):
        sizes = [(n + 1) * L // K - n * L // K for n in range(K)]
        if max(sums(kept, sizes)) + head <= room:
            return sizes
    return None


def all_workers(times, kept, head, room, workers):
    return search(numbers=lambda workers, L: [min(workers, L)])(times, kept, head, room, workers)


def emptied(times, kept, head, room, workers):
    while kept:
        kept.pop()
    return [len(times)]


def sorted_first(times, kept, head, room, workers):
    return chunks(sorted(times), sorted(kept), head, room, workers)


def by_ends(times, kept, head, room, workers):
    sizes = chunks(times, kept, head, room, workers)
    return sizes and list(accumulate(sizes))


def padded(times, kept, head, room, workers):
    sizes = chunks(times, kept, head, room, workers)
    return sizes and sizes + [0] * (workers - len(sizes))


def bounded(times, kept, head, room, workers):
    """As many chunks as the sum asks for, no more."""
    K = -(-sum(kept) // (room - head))
    return search(numbers=lambda workers, L: [K] if K <= workers else [])(times, kept, head, room, workers)


def negative(times, kept, head, room, workers):
    return [len(times) + 1, -1]


def by_halving(times, kept, head, room, workers):
    """The solution of 8.4 in another style: how many a bound on the steps takes, for every bound."""
    def fill(limit):
        sizes, full, step = [0], 0, 0
        for t, k in zip(times, kept):
            if k + head > room or t > limit:
                return None
            if full + k + head > room or step + t > limit:
                sizes, full, step = [*sizes, 0], 0, 0
            sizes[-1] += 1
            full, step = full + k, step + t
        return sizes

    loose = fill(sum(times))
    if loose is None or len(loose) > workers:
        return None
    return next(sizes for limit in range(sum(times) + 1) if (sizes := fill(limit)) and len(sizes) == len(loose))


def by_recursion(times, kept, head, room, workers):
    """And again: pairs (number, longest step) of every rest."""
    best = {len(times): (0, 0, [])}
    for a in reversed(range(len(times))):
        choices = [(1 + best[b][0], max(sum(times[a:b]), best[b][1]), [b - a, *best[b][2]])
                   for b in range(a + 1, len(times) + 1) if b in best and sum(kept[a:b]) + head <= room]
        if choices:
            best[a] = min(choices)
    return best[0][2] if 0 in best and best[0][0] <= workers else None


def last_of_equals(*case):
    return search(best=lambda times, kept, sizes: (longest(times, kept, sizes), [-n for n in sizes]))(*case)


RIGHT = [by_halving, by_recursion, last_of_equals, search(), search(shown=np.array), search(shown=torch.tensor),
         search(shown=tuple), search(shown=lambda sizes: [float(n) for n in sizes])]

WRONG = [
    (filled, "You fill each chunk from the first block on"), (from_the_end, "You fill each chunk from the last block"),
    (search(best=lambda times, kept, sizes: 0), "their longest step takes"),
    (search(best=lambda times, kept, sizes: max(sums(kept, sizes))), "even what the chunks keep"),
    (equal, "their numbers of blocks even"), (search(best=lambda times, kept, sizes: max(sizes)), "numbers of blocks"),
    (search(best=lambda times, kept, sizes: sum(sums(times, sizes)) / len(sizes)), "their longest step takes"),
    (search(best=lambda times, kept, sizes: -min(sums(times, sizes))), "their longest step takes"),
    (search(best=lambda times, kept, sizes: -longest(times, kept, sizes)), "their longest step takes"),
    (search(best=lambda times, kept, sizes: sums(times, sizes)[0]), "their longest step takes"),
    (search(best=lambda times, kept, sizes: sums(times, sizes)[-1]), "their longest step takes"),
    (search(best=lambda times, kept, sizes: sum(t * t for t in sums(times, sizes))), "You make all steps even"),
    (search(best=lambda times, kept, sizes: -prod(sums(times, sizes))), "You make all steps even"),
    (search(best=lambda times, kept, sizes: longest(times, kept, sizes) - min(sums(times, sizes))),
     "You make all steps even"),
    (search(room=heads(lambda n, K, size: 0)), "; its blocks alone keep"),
    (search(room=heads(lambda n, K, size: int(n < K - 1))), "; its blocks alone keep"),
    (search(room=heads(lambda n, K, size: int(n == K - 1))), "; its blocks alone keep"),
    (search(room=heads(lambda n, K, size: size)), "as well, in place of"),
    (search(room=heads(lambda *_: 2)), "you say"),
    (search(room=lambda kept, head, room, sizes: all(k + head < room for k in sums(kept, sizes))),
     "What fills the room exactly, fits"),
    (search(room=lambda kept, head, room, sizes: True), "more than the room"),
    (search(room=lambda kept, head, room, sizes: sum(kept) + head <= room * len(sizes)), "more than the room"),
    (search(room=lambda kept, head, room, sizes: sum(kept) / len(sizes) + head <= room), "more than the room"),
    (search(room=fitting(lambda kept: kept[:1])), "more than the room"),
    (search(room=fitting(lambda kept: kept[:-1])), "more than the room"),
    (search(room=fitting(lambda kept: [sum(kept)])), "you return None"),
    (search(first=False), "few modules come first, short steps second"), (all_workers, "as well, in place of"),
    (search(numbers=lambda workers, L: range(min(workers, L), 0, -1)), "as well, in place of"),
    (search(numbers=lambda workers, L: range(1, L + 1)), "chunks for 2 workers: nothing fits, return None"),
    (search(numbers=lambda workers, L: range(1, min(workers, L))), "Every worker may have one"),
    (search(numbers=lambda workers, L: range(2, min(workers, L) + 1)), "1 chunk fits as well"),
    (search(none=[]), "Here nothing fits: return None"), (search(none=[0]), "Here nothing fits: return None"),
    (search(none=False), "Here nothing fits: return None"), (lambda times, *_: [len(times)], "more than the room"),
    (lambda times, *_: [1] * len(times), "chunks for 4 workers"),
    (lambda *case: chunks(*case) and None, "does your last line begin with `return`?"),
    (by_ends, "Are these places where chunks end or begin?"),
    (lambda *case: [0, 4], "Are these places where chunks end or begin?"),
    (bounded, "None, and 4 chunks fit"), (padded, "A chunk of no blocks needs no worker"),
    (lambda *case: (sizes := chunks(*case)) and [[n] for n in sizes], "return a list of whole numbers"),
    (lambda *case: (sizes := chunks(*case)) and len(sizes), "return a list of whole numbers"),
    (lambda *case: (sizes := chunks(*case)) and [n + 0.5 for n in sizes], "return a list of whole numbers"),
    (lambda *case: (sizes := chunks(*case)) and sizes[:-1], "blocks, and there are 8"),
    (lambda times, kept, head, room, workers: [room], "blocks, and there are 8"), (negative, "fewer blocks than none"),
    (emptied, "changed in place"), (sorted_first, "more than the room"),
    (lambda *_: [], "All 8 blocks are to be in some chunk"), (lambda *_: "4 4", "numbers are asked for"),
]
