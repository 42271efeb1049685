"""Wrong answers to exercise 11.3, and right ones in other styles."""

import math
from fractions import Fraction

import numpy as np
import torch

from llcourse.course.solutions.ch11 import queue_length


def length(wait=lambda n, M, takes, ends: ends[n - M - 1] if n > M else 0.0, least=0, near=1e-6, limit=None,
           start=lambda finished, put: put, most=None, number=int):
    """The solution with one of its choices made otherwise. start: when the producer begins the next batch."""
    def seconds(produce, consume, M):
        free, puts, takes, ends = 0.0, [], [], []
        for n, (p, c) in enumerate(zip(produce, consume)):
            finished = free + p
            puts.append(max(finished, wait(n, M, takes, ends)))
            takes.append(max(puts[-1], ends[-1] if ends else 0.0))
            ends.append(takes[-1] + c)
            free = start(finished, puts[-1])
        return ends[-1]

    def answer(produce, consume):
        n = len(produce)
        bound = limit(produce, consume) if limit else seconds(produce, consume, n)
        return number(next((M for M in range(least, n) if seconds(produce, consume, M) <= bound + near), n))
    return answer


def by_taking(n, M, takes, ends):
    """Where M is above 0: the place of the batch that was taken."""
    return (takes[n - M] if n >= M else 0.0) if M else (ends[-1] if ends else 0.0)


def by_halves(produce, consume):
    """Right: exact, of fractions, by halving."""
    produce, consume = ([Fraction(t).limit_denominator(10**6) for t in times] for times in (produce, consume))

    def seconds(M):
        put, ends = Fraction(0), []
        for n, (p, c) in enumerate(zip(produce, consume)):
            put = max(put + p, ends[n - M - 1] if n > M else 0)
            ends.append(max(put, ends[-1] if ends else 0) + c)
        return ends[-1]

    low, high = 0, len(produce) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if seconds(middle) == seconds(len(produce)) else (middle + 1, high)
    return low


def by_ticks(produce, consume):
    """Right: two workers moved on in ticks of a twentieth of a second."""
    produce, consume = ([round(20 * t) for t in times] for times in (produce, consume))

    def ticks(M):
        made = taken = done = t = 0
        working, rest, queue = produce[0], 0, 0
        holding = False
        while done < len(produce):
            moved = True
            while moved:
                moved = False
                if not holding and made < len(produce) and working == 0:
                    holding, moved = True, True
                if taken > done and rest == 0:
                    done, moved = done + 1, True
                if taken == done and queue:
                    queue, rest, taken, moved = queue - 1, consume[taken], taken + 1, True
                elif taken == done and holding:
                    rest, taken, made, holding, moved = consume[taken], taken + 1, made + 1, False, True
                    working = produce[made] if made < len(produce) else 0
                elif holding and queue < M:
                    queue, made, holding, moved = queue + 1, made + 1, False, True
                    working = produce[made] if made < len(produce) else 0
            if done < len(produce):
                t, working, rest = t + 1, max(0, working - 1), max(0, rest - 1)
        return t

    M = 0
    while ticks(M) > ticks(len(produce)):
        M += 1
    return M


RIGHT = [length(), length(by_taking), by_halves, by_ticks, lambda *given: torch.tensor(queue_length(*given)),
         lambda *given: np.float64(queue_length(*given)), lambda *given: np.array([queue_length(*given)])[0]]


def fullest(produce, consume, most=max):
    """The most batches in an endless queue."""
    puts, takes, ends = np.cumsum(produce), [], []
    for put, c in zip(puts, consume):
        takes.append(max(put, ends[-1] if ends else 0.0))
        ends.append(takes[-1] + c)
    return most(sum(a <= t < b - 1e-6 for a, b in zip(puts, takes)) for t in puts)


def in_place(produce, consume):
    """Reads lists that it empties; they are its own."""
    best = queue_length(produce, consume)
    produce.clear()
    return best + 1


WRONG = [(length(lambda n, M, takes, ends: ends[n - M] if n >= M > 0 else 0.0), "run takes"),
         (length(lambda n, M, takes, ends: ends[n - M] if n >= M else 0.0, least=1), "on which the consumer works"),
         (lambda *given: queue_length(*given) + 1, "on which the consumer works"), (in_place, "the consumer works"),
         (lambda *given: max(1, queue_length(*given)), "A queue of 0 is one too"),
         (length(by_taking, least=1), "A queue of 0 is one too"),
         (length(lambda n, M, takes, ends: ends[n - M - 2] if n > M + 1 else 0.0), "begins the next"),
         (length(start=lambda finished, put: finished), "begins no other before it has its place"),
         (length(near=0.0), "you compare them exactly"), (fullest, "how full an endless queue ever gets"),
         (length(limit=lambda p, c: max(p[0] + sum(c), sum(p) + c[-1])), "the slower of the two needs alone"),
         (length(limit=lambda p, c: max(sum(p), sum(c))), "What do you compare with"),
         (lambda p, c: len(p), "always suffices"), (lambda p, c: len(p) - 1, "always suffices"),
         (lambda p, c: math.ceil(sum(c) / sum(p) - 1e-9), "the order in which slow batches come"),
         (lambda p, c: round(sum(c) / sum(p)), "the run takes"), (lambda p, c: max(c) / min(p), "so as well"),
         (lambda p, c: int(max(c) // min(p)), "the order in which slow batches come"),
         (lambda p, c: queue_length(c, p), "have changed places"), (lambda p, c: 0, "with your M = 0 the run takes"),
         (lambda p, c: 1, "so as well"), (lambda p, c: 2, "so as well"),
         (lambda p, c: queue_length(p, c) - 1, "from 0 on"), (lambda p, c: queue_length(p, c) + 0.5, "whole number"),
         (lambda p, c: float("inf"), "whole number"), (lambda p, c: float("nan"), "whole number"),
         (lambda p, c: (queue_length(p, c), 1.0), "return one number"), (lambda p, c: True, "return one number"),
         (lambda p, c: queue_length(p[::-1], c[::-1]), "its first batch comes first"),
         (lambda p, c: queue_length(sorted(p), sorted(c)), "the run takes"),
         (lambda p, c: sum(a < b for a, b in zip(p, c)), "so as well"),
         (lambda p, c: queue_length(p[:len(p) // 2 or 1], c[:len(c) // 2 or 1]), "the run takes")]
