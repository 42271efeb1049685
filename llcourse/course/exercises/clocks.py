"""Exercise 4.3: where a slow worker and scarce memory do least harm."""

from itertools import product

import torch

from ...schedules import Asynchronous
from ...timeline import asynchronous
from . import Wrong

K, S, ROUNDS, SEEDS = 4, 3, 300, 3
MIB, ROOM, PASS = (8, 4, 2), 64, 54  # a batch at each border; all buffers together; % of the batches


def diversity(slow, sizes):
    """Different batches that modules 2 to 4 see, in % of the rounds: their mean, over three orders of turns."""
    slowdown, seen = [S if k + 1 == slow else 1 for k in range(K)], 0
    for seed in range(SEEDS):
        turns = Asynchronous(slowdown).turns(range(K), ROUNDS, torch.Generator().manual_seed(seed))
        tasks, _ = asynchronous(turns, K, sizes)
        seen += len({(task.worker, task.batch) for task in tasks if task.worker})
    return 100 * seen / (SEEDS * ROUNDS * (K - 1))


def plan_score(answer):
    """The diversity of a plan, (slow, [M1, M2, M3]); Wrong if there is no such plan, or a better one is easily had."""
    if not isinstance(answer, list) or len(answer) != 2 or not isinstance(answer[1], list) or len(answer[1]) != K - 1:
        raise Wrong(f"a plan is (slow, [M1, M2, M3]): the module on the slow machine, 1 to 4, and batches at each "
                    f"border; got {answer}")
    slow, sizes = answer
    if slow not in range(1, K + 1):
        raise Wrong(f"the slow machine runs one of the modules 1 to {K}; got {slow}")
    if any(size != int(size) or size < 1 for size in sizes):
        raise Wrong(f"every buffer holds M = 1 batch or more, a whole number; got {sizes}")
    sizes = [int(size) for size in sizes]
    taken = sum(size * mib for size, mib in zip(sizes, MIB))
    if taken > ROOM:
        raise Wrong(f"{sizes} batches of {MIB} MiB take {taken} MiB; there is room for {ROOM}")
    score = diversity(int(slow), sizes)
    if score < PASS:
        raise Wrong(f"your score: {score:.1f} % at {taken} of {ROOM} MiB; pass at {PASS} %. " + (
            "Who reads what the slow module writes sees each of its batches again and again: who reads nothing of it?"
            if slow != K else "The slow module is well placed. " + (
                "There is room left" if taken < ROOM - min(MIB) else
                "Before a slow reader a buffer overwrites most batches unread at any size, so that little room is "
                "enough there; what border 1 loses, nobody above ever sees")))
    return score


def best():
    """(score, sizes) of the best plan, by trying all that fill the room."""
    every = product(range(1, ROOM // MIB[0] + 1), range(1, ROOM // MIB[1] + 1), range(1, ROOM // MIB[2] + 1))
    return max((diversity(K, sizes), sizes) for sizes in every
               if ROOM - 2 < sum(size * mib for size, mib in zip(sizes, MIB)) <= ROOM)
