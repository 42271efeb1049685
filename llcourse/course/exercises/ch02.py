"""Chapter 02: a head, a frozen prefix, and what one module after the other costs."""

import torch
from torch import nn

from . import Wrong, exercise


@exercise("2.1", title="A linear head", dots=1, minutes=5,
          why="Any network can learn locally once its features have a way to the labels.",
          hints=["The head sees (batch, C, H, W) and returns (batch, classes). Which two dimensions must go?",
                 "Average over the last two dimensions, then one nn.Linear(C, classes). nn.AdaptiveAvgPool2d(1) and "
                 "nn.Flatten() do the first part inside nn.Sequential."])
def linear_head(answer):
    shape, classes = (6, 5, 4), 3
    head = answer(shape, classes)
    if not isinstance(head, nn.Module):
        raise Wrong(f"return an nn.Module, which an optimizer can train; this is a {type(head).__name__}")
    x = torch.randn(8, *shape)
    logits = head(x)
    if logits.shape != (8, classes):
        raise Wrong(f"8 images and {classes} classes make logits of shape (8, {classes}); got {tuple(logits.shape)}")
    parameters, expected = sum(p.numel() for p in head.parameters()), shape[0] * classes + classes
    if parameters != expected:
        raise Wrong(f"average over all positions first: C x classes weights and one bias a class make {expected} "
                    f"parameters here; yours has {parameters}")
    weight, bias = sorted(head.parameters(), key=lambda p: -p.numel())
    if torch.allclose(logits.sum(dim=1), torch.ones(8)) and (logits >= 0).all():
        raise Wrong("the loss takes logits and applies the softmax itself; leave it out of the head")
    weight = weight if weight.shape == (shape[0], classes) else weight.reshape(classes, shape[0]).T
    if not torch.allclose(logits, x.mean(dim=(2, 3)) @ weight + bias, atol=1e-5):
        raise Wrong("the logits are not linear in the average over the positions: average pooling, "
                    "then one linear layer, nothing between or behind")


@exercise("2.2", title="A frozen prefix", dots=2, minutes=10,
          why="A prefix that still moves is the commonest error in greedy code, and nothing reports it.",
          hints=["Two different things must stop: autograd, and BatchNorm's running averages. "
                 "One switch does not stop both.",
                 "`eval()` on every module, then the forward pass inside `with torch.no_grad():`."])
def frozen_forward(answer):
    prefix = nn.ModuleList(nn.Sequential(nn.Conv2d(c, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
                           for c in (3, 4))
    x = 2 + 3 * torch.randn(8, 3, 6, 6)
    before = {name: tensor.clone() for name, tensor in prefix.state_dict().items()}
    kept = []

    def pack(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        features = answer(prefix, x)
    if not isinstance(features, torch.Tensor):
        raise Wrong(f"return the features behind the last frozen module, a tensor; this is a {type(features).__name__}")
    moved = [name for name, tensor in prefix.state_dict().items() if not torch.equal(tensor, before[name])]
    if moved:
        raise Wrong(f"{moved[0]} moved, {len(moved)} entries in all: in train mode BatchNorm updates "
                    "its running averages in every forward pass, whether gradients are on or off")
    if features.requires_grad:
        raise Wrong("the features still carry a graph: the next loss would send its gradient into the frozen modules")
    if kept:
        raise Wrong(f"no gradient leaves, but the forward pass built a graph and kept {len(kept)} tensors for it: "
                    "cut before the forward pass, not behind it")
    with torch.no_grad():
        expected = prefix.eval()[1](prefix[0](x))
    if not torch.allclose(features, expected):
        raise Wrong("the values differ from those of the modules in eval mode, one after the other")


@exercise("2.3", title="What waiting costs", dots=1, minutes=5,
          why="The schedule alone decides this bill; the reach is the same.",
          hints=["While module j trains, which modules run forward on every batch?",
                 "Phase j runs j modules forward for `epochs` epochs: add j from 1 to K."])
def forward_epochs(answer):
    for K, epochs in ((1, 5), (4, 3), (16, 10)):
        given, expected = answer(K, epochs), (epochs * K * (K + 1) // 2, epochs * K)
        if not isinstance(given, (tuple, list)) or len(given) != 2:
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
