"""Solutions of chapter 03."""

import torch.nn.functional as F

SOLUTIONS = {"3.1": "local_losses", "3.2": "workers_needed", "3.3": "utilisation"}


def local_losses(body, heads, x, y):
    losses = []
    for module, head in zip(body, heads):
        x = module(x.detach())
        losses.append(F.cross_entropy(head(x), y))
    return losses


def workers_needed(costs, budget):
    workers, load = 1, 0
    for cost in costs:
        if load + cost > budget:
            workers, load = workers + 1, 0
        load += cost
    return workers


def utilisation(K, batches):
    return 3 * batches / (3 * batches + K - 1)
