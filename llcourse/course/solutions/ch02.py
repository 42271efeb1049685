"""Solutions of chapter 02."""

import torch
from torch import nn

SOLUTIONS = {"2.1": "linear_head", "2.2": "frozen_forward", "2.3": "forward_epochs"}


def linear_head(shape, classes):
    C, _, _ = shape
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(C, classes))


def frozen_forward(modules, x):
    with torch.no_grad():  # no graph is built
        for module in modules:
            x = module.eval()(x)  # BatchNorm uses its running averages and leaves them alone
    return x


def forward_epochs(K, epochs):
    return epochs * K * (K + 1) // 2, epochs * K
