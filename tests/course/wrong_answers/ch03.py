"""Wrong answers to the exercises of chapter 03, each with words that its message must hold."""

import math

import torch.nn.functional as F


def no_detach(body, heads, x, y):
    losses = []
    for module, head in zip(body, heads):
        x = module(x)
        losses.append(F.cross_entropy(head(x), y))
    return losses


def detached_for_the_head(body, heads, x, y):
    losses = []
    for module, head in zip(body, heads):
        x = module(x).detach()
        losses.append(F.cross_entropy(head(x), y))
    return losses


def summed_already(body, heads, x, y):
    return sum(no_detach(body, heads, x, y))


def only_the_last(body, heads, x, y):
    return no_detach(body, heads, x, y)[-1:]


def averaged(body, heads, x, y):
    losses = []
    for module, head in zip(body, heads):
        x = module(x.detach())
        losses.append(F.cross_entropy(head(x), y) / len(body))
    return losses


def fractions(costs, budget):
    return math.ceil(sum(costs) / budget)


def last_forgotten(costs, budget):
    workers, load = 0, 0
    for cost in costs:
        if load + cost > budget:
            workers, load = workers + 1, 0
        load += cost
    return workers


def never_full(costs, budget):
    workers, load = 1, 0
    for cost in costs:
        if load + cost >= budget:
            workers, load = workers + 1, 0
        load += cost
    return workers


def rearranged(costs, budget):
    room = []
    for cost in sorted(costs, reverse=True):
        fits = [i for i, left in enumerate(room) if left >= cost]
        if fits:
            room[fits[0]] -= cost
        else:
            room.append(budget - cost)
    return len(room)


WRONG = {
    "3.1": [(no_detach, "loss 2 leaks into module 1"), (detached_for_the_head, "no loss reaches any module"),
            (summed_already, "a list of K losses"), (only_the_last, "a list of K losses"),
            (averaged, "not the package's")],
    "3.2": [(fractions, "cannot be split"), (last_forgotten, "cannot be split"), (rearranged, "moved"),
            (never_full, "up to the budget")],
    "3.3": [(lambda K, batches: 1 / K, "the simulator finds"),
            (lambda K, batches: batches / (batches + K - 1), "the simulator finds"),
            (lambda K, batches: 3 * batches / (3 * batches + K), "the simulator finds")],
}
