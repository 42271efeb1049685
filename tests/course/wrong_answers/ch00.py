"""Answers to the exercises of chapter 00 that a learner might give, and words that the message must hold."""

import torch.nn.functional as F

from llcourse import reach


def leaking(model, x, y):
    h = F.relu(model.stem(x))
    return {"loss 1": F.cross_entropy(model.head_1(h), y),
            "loss 2": F.cross_entropy(model.head_2(model.top(h.detach()) + h), y)}


def cut_too_early(model, x, y):
    h = F.relu(model.stem(x)).detach()
    return {"loss 1": F.cross_entropy(model.head_1(h), y),
            "loss 2": F.cross_entropy(model.head_2(model.top(h) + h), y)}


def skip_removed(model, x, y):
    h = F.relu(model.stem(x))
    return {"loss 1": F.cross_entropy(model.head_1(h), y),
            "loss 2": F.cross_entropy(model.head_2(model.top(h.detach())), y)}


def loss_detached(model, x, y):
    return {name: loss.detach() if name == "loss 2" else loss for name, loss in leaking(model, x, y).items()}


def unnamed(model, x, y):
    return list(leaking(model, x, y).values())


UPSIDE_DOWN = [[1, 1, 1, 0, 0, 0], *[[0] * 6] * 4, [0, 0, 0, 1, 1, 1]]
FULL_LAST_ROW = [[0] * 6, [0] * 6, [1, 1, 1, 0, 0, 0], [0] * 6, [0] * 6, [1] * 6]
UNEVEN = [[0] * 6, [0] * 6, [1, 1, 0, 0, 0, 0], [0] * 6, [0] * 6, [0, 0, 1, 1, 1, 1]]

WRONG = {
    "0.1": [({1}, "counts modules from 1"), ({2, 3}, "overlapping"), ({3}, "local"), ({1, 2}, "row 3"), (2, "a set")],
    "0.2": [(UPSIDE_DOWN, "lower triangular"), (reach.chunked(6, 2), "modules 3 and 6"), (FULL_LAST_ROW, "two losses"),
            (UNEVEN, "three modules that end at module 3"), (reach.chunked(7, 3), "6 rows")],
    "0.3": [(leaking, "loss 2 leaks into stem through weight, bias"), (cut_too_early, "loss 1 does not reach stem"),
            (skip_removed, "value of loss 2 changed"), (loss_detached, "no graph"), (unnamed, "keys")],
}
