"""Grouped layers, and the ways to compute them: the same numbers, not the same time.

Adding a way is writing a function (x, weight, stride, padding, groups) and naming it in KERNELS.
"""

import torch
import torch.nn.functional as F
from torch import nn


def grouped(x, weight, stride, padding, groups):
    """The library's own grouped convolution."""
    return F.conv2d(x, weight, None, stride, padding, 1, groups)


def dense(x, weight, stride, padding, groups):
    """A dense convolution with zeros between the groups: G times the work, in the library's best kernels."""
    return F.conv2d(x, block_diagonal(weight, groups), None, stride, padding)


def loop(x, weight, stride, padding, groups):
    """One dense convolution a group, side by side."""
    parts = zip(x.chunk(groups, dim=1), weight.chunk(groups))
    return torch.cat([F.conv2d(part, w, None, stride, padding) for part, w in parts], dim=1)


def products(x, weight, stride, padding, groups):
    """Patches unfolded, and one batched matrix product over the groups."""
    sides = zip(x.shape[2:], padding, weight.shape[2:], stride)
    batch, map_ = len(x), [(n + 2 * p - k) // s + 1 for n, p, k, s in sides]
    patches = F.unfold(x, weight.shape[2:], padding=padding, stride=stride).unflatten(1, (groups, -1))
    return (weight.flatten(1).unflatten(0, (groups, -1)) @ patches).view(batch, len(weight), *map_)


def vmapped(x, weight, stride, padding, groups):
    """torch.func.vmap of a dense convolution over the groups."""
    one = torch.func.vmap(lambda x, w: F.conv2d(x, w, None, stride, padding), in_dims=(1, 0), out_dims=1)
    return one(x.unflatten(1, (groups, -1)), weight.unflatten(0, (groups, -1))).flatten(1, 2)


KERNELS = {"grouped": grouped, "dense": dense, "loop": loop, "products": products, "vmap": vmapped}


def fastest(device, channels):
    """The kernel to take for so many channels a group, by `bench groups` (3x3 convolutions of CIFAR ResNets).

    The library's own won everywhere but at 2 channels a group on a CPU, where zeros cost less. On an H200 it won
    throughout in float32, at 128 images a step; at 1024 in bfloat16 it is slow (a step of groups takes twice that of
    backprop), and what the other kernels take there is not measured yet: `bench groups --device cuda`.
    """
    return "dense" if channels < 4 and torch.device(device).type == "cpu" else "grouped"


def block_diagonal(weight, groups):
    """(Cout, Cin / groups, k, k) -> (Cout, Cin, k, k), zero where the group of input and output differ.

    >>> block_diagonal(torch.ones(2, 1, 1, 1), groups=2).flatten(1).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    same = torch.eye(groups, dtype=weight.dtype, device=weight.device)[:, None, :, None, None, None]
    return (weight.unflatten(0, (groups, -1)).unsqueeze(2) * same).flatten(2, 3).flatten(0, 1)


class GroupedConv2d(nn.Conv2d):
    """nn.Conv2d without bias, in groups, by one of KERNELS (`kernel`, a name): the fastest on its device unless set."""

    kernel = None

    def __init__(self, cin, cout, kernel_size, stride=1, padding=0, groups=1):
        super().__init__(cin, cout, kernel_size, stride, padding, groups=groups, bias=False)

    def forward(self, x):
        kernel = self.kernel or fastest(x.device, self.in_channels // self.groups)
        return KERNELS[kernel](x, self.weight, self.stride, self.padding, self.groups)


class GroupedLinear(nn.Module):
    """G linear layers side by side: (batch, G * inputs) -> (batch, G * outputs). weight: (G * outputs, inputs)."""

    def __init__(self, inputs, outputs, groups, bias=True):
        super().__init__()
        self.groups = groups
        layers = [nn.Linear(inputs, outputs, bias) for _ in range(groups)]  # each starts as PyTorch's own
        self.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.cat([layer.bias.detach() for layer in layers])) if bias else None

    def forward(self, x):
        weight = self.weight.unflatten(0, (self.groups, -1))
        out = torch.einsum("bgi,goi->bgo", x.unflatten(1, (self.groups, -1)), weight).flatten(1)
        return out if self.bias is None else out + self.bias

    def extra_repr(self):
        return f"{self.weight.shape[1]} -> {len(self.weight) // self.groups}, groups={self.groups}"
