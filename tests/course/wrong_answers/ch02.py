"""Answers to the exercises of chapter 02 that a learner might give, and words that the message must hold."""

import torch
from torch import nn


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


def only_requires_grad(modules, x):
    for module in modules:
        x = module.requires_grad_(False)(x)
    return x


def only_eval(modules, x):
    for module in modules:
        x = module.eval()(x)
    return x


def only_no_grad(modules, x):
    with torch.no_grad():
        for module in modules:
            x = module(x)
    return x


def detached_late(modules, x):
    return only_eval(modules, x).detach()


def first_alone(modules, x):
    with torch.no_grad():
        return modules[0].eval()(x)


WRONG = {
    "2.1": [(every_position, "average over all positions"), (largest_position, "not linear in the average"),
            (softmax_too, "softmax"), (no_module, "nn.Module"), (not_pooled, "logits of shape (8, 3)")],
    "2.2": [(only_requires_grad, "running averages"), (only_eval, "still carry a graph"),
            (only_no_grad, "running averages"), (detached_late, "built a graph"), (first_alone, "values differ")],
    "2.3": [(lambda K, e: (K * e, K * e), "run forward too"), (lambda K, e: (K * K * e, K * e), "do not run at all"),
            (lambda K, e: (e * K * (K - 1) // 2, K * e), "the trained one included"),
            (lambda K, e: (e * K * (K + 1) // 2, e), "all at once"), (lambda K, e: 3 * K * e, "two numbers")],
}
