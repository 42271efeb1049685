"""Solutions of chapter 03."""

from itertools import combinations

import torch.nn.functional as F

SOLUTIONS = {"3.1": "dgl_step", "3.2": "borders", "3.3": "utilisation"}


def dgl_step(body, heads, optimizers, x, y):
    for module, head, optimizer in zip(body, heads, optimizers):
        optimizer.zero_grad()
        x = module(x)
        F.cross_entropy(head(x), y).backward()  # into this module and its head; its graph is free now
        optimizer.step()
        x = x.detach()  # the border: computed before the step, cut from its graph


def borders(n, K, worker):
    best = None
    for cut in combinations(range(1, n), K - 1):
        ends = [0, *cut, n]
        shares, kept = zip(*(worker(first, end) for first, end in zip(ends, ends[1:])))
        if max(kept) <= 30 and (best is None or max(shares) < best[0]):
            best = max(shares), cut
    return best[1]


def utilisation(K, batches):
    return 3 * batches / (3 * batches + K - 1)
