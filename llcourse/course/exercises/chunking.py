"""Exercise 8.4: contiguous chunks of blocks that fit their workers: few, then even."""

from itertools import combinations
from math import prod

from . import Wrong

CASES = [  # (times, kept, head, room, workers): some at the very room, some without an answer
    ([3, 3, 3, 3, 3, 3, 3, 3], [10] * 8, 5, 47, 4),
    ([3, 3, 3, 3, 3, 3], [10] * 6, 0, 20, 8),
    ([1, 1, 1, 1, 8, 8], [6, 5, 5, 2, 2, 2], 2, 20, 3),
    ([8, 8, 1, 1, 1, 1], [2, 2, 2, 5, 5, 6], 2, 20, 3),
    ([2, 2, 2, 2, 2, 2], [9, 9, 3, 3, 3, 3], 6, 24, 2),
    ([2, 2, 2, 2, 2, 2], [9, 9, 3, 3, 3, 3], 6, 23, 2),
    ([5, 1, 4, 2, 3, 6, 2, 1], [6, 2, 3, 7, 2, 4, 5, 1], 3, 16, 4),
    ([5, 1, 4, 2, 3, 6, 2, 1], [6, 2, 3, 7, 2, 4, 5, 1], 3, 16, 2),
    ([7, 2, 2], [20, 3, 3], 4, 24, 3),
    ([7, 2, 2], [20, 3, 3], 5, 24, 3),
    ([1, 9, 1], [3, 22, 3], 3, 24, 3),
    ([4, 4, 4, 4], [5, 5, 5, 5], 30, 50, 4),
    ([4, 4, 4, 4], [5, 5, 5, 5], 30, 49, 4),
    ([4, 1, 1, 1, 1, 4], [1, 5, 5, 5, 5, 1], 2, 13, 6),
    ([6, 7, 2, 2, 4, 8], [8, 4, 4, 6, 5, 8], 3, 20, 4),
    ([2, 5, 2, 4], [6, 6, 6, 6], 1, 11, 4), ([6], [8], 2, 10, 1), ([6], [8], 2, 9, 5),
    ([2, 3, 1, 2, 5, 1, 1, 4, 2, 2, 1, 3], [12, 10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 5], 11, 60, 4),
    ([2, 3, 1, 2, 5, 1, 1, 4, 2, 2, 1, 3], [12, 10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 5], 11, 43, 4),
    ([2, 3, 1, 2, 5, 1, 1, 4, 2, 2, 1, 3], [5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 12], 0, 40, 3),
]


def _cut(values, sizes):
    """Sums over the chunks."""
    ends = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    return [sum(values[a:b]) for a, b in zip(ends, ends[1:])]


def _fit(kept, head, room, sizes):
    return max(_cut(kept, sizes)) + head <= room


def _every(L, K):
    for ends in combinations(range(1, L), K - 1):
        yield [b - a for a, b in zip((0, *ends), (*ends, L))]


def best(times, kept, head, room, workers):
    """(fewest chunks, their smallest longest step), or None. By trying all."""
    for K in range(1, min(workers, len(times)) + 1):
        steps = [max(_cut(times, sizes)) for sizes in _every(len(times), K) if _fit(kept, head, room, sizes)]
        if steps:
            return K, min(steps)
    return None


def chunks_right(answer):
    """Wrong unless answer(times, kept, head, room, workers) are the sizes of the fewest chunks that fit with their
    heads, of all such with the smallest longest step; None where there are none."""
    answered = False
    for case in CASES:
        times, kept, head, room, workers = case
        right, given = best(*case), (list(times), list(kept))
        sizes = answer(*given, head, room, workers)
        if given != (times, kept):
            raise Wrong(_named(case) + "times or kept changed in place: work on copies")
        if sizes is None and right and not answered:
            raise Wrong(_named(case) + f"you return None, and {right[0]} of the {workers} workers are enough: does "
                                       "your last line begin with `return`?")
        answered = answered or sizes is not None
        if fault := _fault(sizes, right, *case):
            raise Wrong(_named(case) + fault)


def _named(case):
    times, kept, head, room, workers = case
    return (f"times {times}, kept {kept}, head {head}, room {room}, {workers} worker{'s' * (workers > 1)}: ")


def _fault(sizes, right, times, kept, head, room, workers):
    L = len(times)
    if sizes is None:
        return None if right is None else _none(right, kept, head, room, workers)
    if fault := _malformed(sizes, L):
        return fault if right else f"{fault}. Here nothing fits: return None"
    sizes = [int(n) for n in sizes]
    said = f"you say {sizes}. "
    for n, (size, sum_kept) in enumerate(zip(sizes, _cut(kept, sizes)), 1):
        if sum_kept + head > room:
            also = "" if sum_kept > room else f"; its blocks alone keep {sum_kept}"
            return (said + f"Chunk {n}, of {size} block{'s' * (size > 1)}, keeps {sum_kept + head} with its head, more "
                           f"than the room, {room}{also}" + (". Nothing fits: return None" if right is None else ""))
    if len(sizes) > workers:
        return said + f"These are {len(sizes)} chunks for {workers} worker{'s' * (workers > 1)}" + (
            ": nothing fits, return None" if right is None else "")
    fewest, shortest = right
    if len(sizes) > fewest:
        few = f"{fewest} chunks fit" if fewest > 1 else "1 chunk fits"
        return said + f"All fit; but {few} as well, in place of {len(sizes)}" + (
            ": few modules come first, short steps second" if max(_cut(times, sizes)) < shortest else "") + (
            _exactly(fewest, kept, head, room))
    longest = max(_cut(times, sizes))
    if longest > shortest:
        return said + f"All fit, none are fewer; their longest step takes {longest}, and {shortest} can be had" + (
            _even(sizes, times, kept, head, room))
    return None


def _none(right, kept, head, room, workers):
    return (f"you say None, and {right[0]} chunk{'s' * (right[0] > 1)} fit" + (
        ". Every worker may have one" if right[0] == workers else "") + _exactly(right[0], kept, head, room))


def _exactly(K, kept, head, room):
    """What to say where so few chunks fill the room to the last byte."""
    tight = not any(_fit(kept, head, room - 1, sizes) for sizes in _every(len(kept), K))
    return ". What fills the room exactly, fits" if tight else ""


def _even(sizes, times, kept, head, room):
    """What else these chunks may have been chosen for."""
    K = len(sizes)
    fit = [other for other in _every(len(times), K) if _fit(kept, head, room, other)]
    if sizes == max(fit):
        return ". You fill each chunk from the first block on, and the last has what is left"
    if sizes == min(fit):
        return ". You fill each chunk from the last block on, and the first has what is left"
    if max(_cut(kept, sizes)) == min(max(_cut(kept, other)) for other in fit):
        return ". You make even what the chunks keep; it is their times that are to be even"
    if max(sizes) == min(map(max, fit)):
        return ". You make their numbers of blocks even; it is their times that are to be even"
    steps, every = _cut(times, sizes), [_cut(times, other) for other in fit]
    measures = (lambda each: max(each) - min(each), lambda each: sum(t * t for t in each), lambda each: -prod(each))
    if any(of(steps) == min(map(of, every)) for of in measures):
        return ". You make all steps even, by a difference, a sum or a product; the longest alone counts"
    return ""


def _malformed(sizes, L):
    if not isinstance(sizes, list) or not all(isinstance(n, (int, float)) and not isinstance(n, bool) and n == n // 1
                                              for n in sizes):
        return f"return a list of whole numbers, how many blocks each chunk has, or None; got {str(sizes)[:60]}"
    shown = f"you say {[int(n) for n in sizes]}. "
    if not sizes:
        return f"you say []. All {L} blocks are to be in some chunk"
    if any(n < 0 for n in sizes):
        return shown + "A chunk cannot have fewer blocks than none"
    if sizes == sorted(sizes) and sum(sizes) != L and (sizes[0] == 0 or sizes != [L] and sizes[-1] in (L, L - 1)):
        return shown + "Are these places where chunks end or begin? Return how many blocks each has"
    if any(n == 0 for n in sizes):
        return shown + "A chunk of no blocks needs no worker: leave it out"
    if sum(sizes) != L:
        return shown + f"These are {sum(sizes):g} blocks, and there are {L}"
    return None
