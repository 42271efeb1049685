"""Chapter 02: a head, one phase, what one module after the other costs, and a better head."""

import torch

from . import Wrong, exercise, trial
from .logits import one_image, tried
from .phase import phase_right


@exercise("2.1", title="A linear head", dots=1, minutes=5,
          why="Any network can learn locally once its features have a way to the labels.",
          hints=["The head sees (batch, C, H, W) and returns (batch, classes). Which two dimensions must go?",
                 "Average over the last two dimensions, then one nn.Linear(C, classes). nn.AdaptiveAvgPool2d(1) and "
                 "nn.Flatten() do the first part inside nn.Sequential."])
def linear_head(answer):
    shape, classes = (6, 5, 4), 3
    head = answer(shape, classes)
    x, logits = tried(head, shape, classes)
    parameters, expected = sum(p.numel() for p in head.parameters()), shape[0] * classes + classes
    if parameters == expected - classes:
        raise Wrong(f"the weights are there, the bias is not: one number a class, {expected} parameters in all")
    if parameters != expected:
        averaged = torch.allclose(head(x.mean(dim=(2, 3), keepdim=True).expand_as(x)), logits, atol=1e-4)
        first = ("it averages over the positions, but more follows than one linear layer" if averaged else
                 "average over all positions first")
        raise Wrong(f"{first}: C x classes weights and one bias a class make {expected} parameters here; yours has "
                    f"{parameters}")
    _compare_logits(head, x, logits, shape[0], classes)
    one_image(head, shape, classes)


def _compare_logits(head, x, logits, C, classes):
    if torch.allclose(logits.sum(dim=1), torch.ones(8)) and (logits >= 0).all():
        raise Wrong("the loss takes logits and applies the softmax itself; leave it out of the head")
    weight, bias = (p.detach() for p in sorted(head.parameters(), key=lambda p: -p.numel()))
    weight = weight if weight.shape == (C, classes) else weight.reshape(classes, C).T
    if torch.allclose(logits, x.sum(dim=(2, 3)) @ weight + bias, atol=1e-4):
        raise Wrong("the logits come from the sum over the positions, and so grow with the map: take the average")
    if not torch.allclose(logits, x.mean(dim=(2, 3)) @ weight + bias, atol=1e-5):
        raise Wrong("the logits are not linear in the average over the positions: average pooling, "
                    "then one linear layer, nothing between or behind")


@exercise("2.2", title="One phase", dots=2, minutes=12, acts=True,
          why="A prefix that still moves is the commonest error in greedy code, and nothing reports it.",
          hints=["Only module j and head j learn, so the optimizer gets their parameters alone. Two things must stop "
                 "in the modules before: autograd, and BatchNorm's running averages. One switch does not stop both.",
                 "Call eval() on the modules before j and train() on module j and head j, whatever they were before. "
                 "Run the former under torch.no_grad().",
                 "For each batch: the frozen modules, zero_grad(), cross-entropy of head j's logits, backward, step. "
                 "The modules behind j are never called."])
def train_phase(answer):
    phase_right(answer)


@exercise("2.3", title="What waiting costs", dots=1, minutes=5, numbers=True,
          why="The schedule alone decides this bill; the reach is the same.",
          hints=["While module j trains, which modules run forward on every batch?",
                 "Phase j runs j modules forward for `epochs` epochs: add j from 1 to K."])
def forward_epochs(answer):
    for K, epochs in ((1, 5), (4, 3), (16, 10)):
        given, expected = answer(K, epochs), (epochs * K * (K + 1) // 2, epochs * K)
        if not isinstance(given, list) or len(given) != 2:
            raise Wrong("return two numbers: (one after the other, all at once)")
        sequential, together = given
        if together != expected[1]:
            raise Wrong(f"all at once, K = {K}: each of {epochs} epochs runs every module forward once, "
                        f"{expected[1]} in all; got {together}")
        if sequential == epochs * K and K > 1:
            raise Wrong("one after the other, you count the trained modules only; "
                        "the frozen ones before them run forward too")
        if sequential == epochs * K * K and K > 1:
            raise Wrong("one after the other, the modules behind the trained one do not run at all")
        if sequential != expected[0]:
            raise Wrong(f"one after the other, K = {K}, {epochs} epochs a module: got {sequential}. "
                        "Phase j runs modules 1 to j forward, the trained one included")


@exercise("2.4", title="Design a head", dots=3, minutes=15,
          why="Labels reach a module through its head alone: what the head cannot see, the module cannot learn.",
          hints=["What does the linear head throw away first? Where a feature was found. Keep a coarse grid: pool to "
                 "4 x 4 instead of 1 x 1, and flatten.",
                 "A 3x3 convolution is cheap on a small map: at 8 x 8 it costs a sixteenth of what it does at 32 x 32. "
                 "ll.cost.count(head, (16, 32, 32)) tells MACs and parameters.",
                 "Pool to 8 x 8, one convolution with BatchNorm and ReLU, pool to 4 x 4, flatten, one linear layer. "
                 "Then compare average pooling with max pooling, at both places."])
def my_head(answer):
    trial.within(answer)
    return trial.told(answer)
