"""Solutions of chapter 00."""

import torch.nn.functional as F

SOLUTIONS = {"0.1": "trained_by_loss_3", "0.2": "chunks_of_three", "0.3": "sealed_losses"}

trained_by_loss_3 = {2}  # row 3 of ll.reach.interlocking(4, 2) is 0 1 0 0

chunks_of_three = [
    [0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [1, 1, 1, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
    [0, 0, 0, 1, 1, 1],
]


def sealed_losses(model, x, y):
    h = F.relu(model.stem(x))
    cut = h.detach()  # the border: both paths into loss 2 start here
    return {"loss 1": F.cross_entropy(model.head_1(h), y),
            "loss 2": F.cross_entropy(model.head_2(model.top(cut) + cut), y)}
