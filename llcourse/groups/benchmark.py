"""`python -m llcourse bench groups`: grouped convolutions by each kernel, beside the dense convolution of as many
channels, in one run."""

from functools import partial

import torch
from torch import nn

from ..tables import Table
from ..timing import round_robin
from .kernels import KERNELS, GroupedConv2d, fastest

SHAPES = ((16, 32), (32, 16), (64, 8))  # channels and side of the maps: the stages of CIFAR ResNets


def rows(device="cpu", batch=128, rounds=9, groups=(2, 4, 8), shapes=SHAPES):
    """Time of forward and backward pass of a 3x3 convolution over that of a dense one; one dict a shape and G. `taken`
    is the kernel that networks take. On a GPU in bfloat16, as its steps are timed."""
    steps, found = [], []
    for C, side in shapes:
        x = torch.randn(batch, C, side, side, device=device).contiguous(memory_format=torch.channels_last)
        dense = nn.Conv2d(C, C, 3, padding=1, bias=False).to(device, memory_format=torch.channels_last)
        steps.append(partial(_there_and_back, dense, x))
        for G in groups:
            found.append({"C": C, "map": side, "G": G})
            for kernel in KERNELS:
                layer = GroupedConv2d(C, C, 3, padding=1, groups=G).to(device, memory_format=torch.channels_last)
                layer.kernel = kernel
                steps.append(partial(_there_and_back, layer, x))
    seconds = iter(round_robin(steps, rounds, device))
    for n, row in enumerate(found):
        if n % len(groups) == 0:
            plain = next(seconds)
        row |= {kernel: next(seconds) / plain for kernel in KERNELS} | {"taken": fastest(device, row["C"] // row["G"])}
    return found


def _there_and_back(layer, x):
    with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
        out = layer(x.detach().requires_grad_())
    out.backward(x.to(out.dtype))  # as many channels go in as come out: x stands for a gradient
    layer.weight.grad = None


def table(rows, title=""):
    return Table(rows, title)


def bench(args):
    """What `--json` prints, and the table."""
    found = rows(args.device, args.batch or (1024 if torch.device(args.device).type == "cuda" else 128),
                 args.rounds or 15)
    return found, table(found, "time over that of a dense convolution")
