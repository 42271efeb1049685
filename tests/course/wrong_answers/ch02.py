"""Answers to the exercises of chapter 02 that a learner might give, and words that the message must hold."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from llcourse import heads
from llcourse.course.solutions.ch02 import linear_head


def every_position(shape, classes):
    C, H, W = shape
    return nn.Sequential(nn.Flatten(), nn.Linear(C * H * W, classes))


def largest_position(shape, classes):
    return nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(shape[0], classes))


def softmax_too(shape, classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(shape[0], classes), nn.Softmax(dim=1))


def no_module(shape, classes):
    linear = nn.Linear(shape[0], classes)
    return lambda x: linear(x.mean(dim=(2, 3)))


def not_pooled(shape, classes):
    return nn.Sequential(nn.Flatten(2), nn.Linear(shape[1] * shape[2], classes))


def detached(shape, classes):
    return Through(lambda x: x.detach(), shape, classes)


def without_bias(shape, classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(shape[0], classes, bias=False))


def two_layers(shape, classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(shape[0], 8), nn.Linear(8, classes))


def normalised(shape, classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(shape[0]), nn.Linear(shape[0], classes))


def squeezed(shape, classes):
    return Through(lambda x: x, shape, classes, last=torch.squeeze)


class Listed(nn.Module):
    """Layers in a plain Python list, where no optimizer finds them."""

    def __init__(self, shape, classes):
        super().__init__()
        self.layers = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(shape[0], classes)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def summed(shape, classes):
    return Through(lambda x: x * x.shape[2] * x.shape[3], shape, classes)


class Through(nn.Module):
    """The linear head behind something that is done to the features."""

    def __init__(self, first, shape, classes, last=lambda x: x):
        super().__init__()
        self.first, self.last, self.linear = first, last, nn.Linear(shape[0], classes)

    def forward(self, x):
        return self.last(self.linear(self.first(x).mean(dim=(2, 3))))


def phase(body, heads, j, batches, prefix="eval", own="train", graph=False, late=False, learns="both", zero=True,
          behind=False, passes=1, lr=0.1):
    """One phase, with whatever fault the options say."""
    for module in body[:j]:
        module.train(prefix == "train")
    body[j].train(own == "train"), heads[j].train(own == "train")
    learning = {"both": [body[j], heads[j]], "module": [body[j]], "head": [heads[j]], "all": [*body, *heads]}[learns]
    optimizer = torch.optim.SGD([p for part in learning for p in part.parameters()], lr=lr)
    for x, y in batches * passes:
        with torch.set_grad_enabled(graph):
            for module in body[:j]:
                x = module(x)
        x = x.detach() if late else x
        if zero:
            optimizer.zero_grad()
        h = body[j](x)
        if behind and j + 1 < len(body):
            body[j + 1](h)
        F.cross_entropy(heads[j](h.detach() if learns == "head" else h), y).backward()
        optimizer.step()


def phase_with(**fault):
    return lambda *given: phase(*given, **fault)


def prefix_heads_run(body, heads, j, batches):
    for x, _ in batches:
        with torch.no_grad():
            for module, head in zip(body[:j].eval(), heads):
                x = module(x)
                head.train()(x)
    phase(body, heads, j, batches)


def counted_from_1(body, heads, j, batches):
    phase(body, heads, max(0, j - 1), batches)


def modes_left(body, heads, j, batches):
    """Right where all is in train mode before: it never calls train() itself."""
    for module in body[:j]:
        module.eval()
    optimizer = torch.optim.SGD([*body[j].parameters(), *heads[j].parameters()], lr=0.1)
    for x, y in batches:
        with torch.no_grad():
            for module in body[:j]:
                x = module(x)
        optimizer.zero_grad()
        F.cross_entropy(heads[j](body[j](x)), y).backward()
        optimizer.step()


def zeroed_once(body, heads, j, batches):
    body.zero_grad(), heads.zero_grad()
    phase(body, heads, j, batches, zero=False)


def zeroed_behind(body, heads, j, batches):
    for batch in batches:
        phase(body, heads, j, [batch], zero=False)
        body.zero_grad(), heads.zero_grad()


def pooled_by_one(shape, classes):
    return nn.Sequential(nn.MaxPool2d(32), nn.Flatten(), nn.Linear(shape[0], classes))


WRONG = {
    "2.1": [(every_position, "average over all positions"), (largest_position, "not linear in the average"),
            (softmax_too, "softmax"), (no_module, "nn.Module"), (not_pooled, "logits of shape (8, 3)"),
            (detached, "would never learn"), (without_bias, "the bias is not"), (summed, "from the sum"),
            (two_layers, "more follows than one linear layer"), (normalised, "more follows than one linear layer"),
            (Listed, "a plain Python list"), (squeezed, "one image, in eval mode")],
    "2.2": [(phase_with(prefix="train"), "running averages"), (phase_with(graph=True, late=True), "built a graph"),
            (phase_with(graph=True), "built a graph"), (phase_with(own="eval"), "ran in eval mode"),
            (modes_left, "whatever mode it was left in"), (zeroed_once, "before every backward()"),
            (phase_with(zero=False), "before every backward()"), (phase_with(learns="module"), "head 3 did not learn"),
            (phase_with(learns="head"), "module 3 did not learn"), (phase_with(behind=True), "module 4 ran"),
            (phase_with(learns="all", graph=True, late=False), "give the optimizer their parameters"),
            (phase_with(passes=2), "one pass over them"), (phase_with(lr=0.01), "lr = 0.1"),
            (zeroed_behind, "the first included"), (counted_from_1, "only module j and head j"),
            (prefix_heads_run, "because head 1 ran")],
    "2.3": [(lambda K, e: (K * e, K * e), "run forward too"), (lambda K, e: (K * K * e, K * e), "do not run at all"),
            (lambda K, e: torch.tensor([e * K * (K - 1) // 2, K * e]), "the trained one included"),
            (lambda K, e: np.array([e * K * (K + 1) // 2, e]), "all at once"), (lambda K, e: 3 * K * e, "two numbers")],
    "2.4": [(every_position, "163,850 parameters; at most 6,000"),
            (lambda shape, classes: heads.make("cnn", shape, classes), "MACs an image; at most 500,000"),
            (linear_head, "what does averaging over all positions throw away"),
            (pooled_by_one, "Beat it by"), (not_pooled, "logits of shape (8, 10)"),
            (lambda *given: "1c2f", "nn.Module"),
            (detached, "would never learn"), (Listed, "a plain Python list"), (squeezed, "one image, in eval mode")],
}
