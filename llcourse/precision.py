"""Precision: what a run computes in, and how much faster bfloat16 is on a device, which is measured, not believed."""

import time
from collections import namedtuple
from functools import cache

import torch
import torch.nn.functional as F

Precision = namedtuple("Precision", "dtype why")  # dtype to autocast to, None for float32

PRECISIONS = ("auto", "float32", "bfloat16")


def choose(name, device):
    """The Precision called `name` on this device: "float32", "bfloat16", or "auto", the faster of the two there."""
    if name != "auto":
        return Precision(torch.bfloat16 if name == "bfloat16" else None, "named by the recipe")
    ratio = bfloat16_ratio(str(device))
    return Precision(torch.bfloat16 if ratio < 1 else None,
                     f"measured: a convolution's step in bfloat16 takes {ratio:.2f} of its time in float32")


@cache
def bfloat16_ratio(device):
    """Time of a convolution block's training step in bfloat16 over that in float32, taken in turn; once a process and
    device.

    A ResNet-32's second stage at batch 128: 3x3 convolution of 32 channels at 16 x 16, BatchNorm, ReLU, channels_last.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        x = torch.randn(128, 32, 16, 16).to(device).contiguous(memory_format=torch.channels_last)
        block = torch.nn.Sequential(*(layer for _ in range(3) for layer in (
            torch.nn.Conv2d(32, 32, 3, padding=1, bias=False), torch.nn.BatchNorm2d(32), torch.nn.ReLU()))).to(
            device, memory_format=torch.channels_last)

    def step(dtype):
        began = time.perf_counter()
        with torch.enable_grad(), torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=dtype is not None):
            out = F.relu(block(x)).float().sum()
        out.backward()
        if x.device.type != "cpu":
            torch.accelerator.synchronize(x.device)
        return time.perf_counter() - began

    low, full = zip(*((step(torch.bfloat16), step(None)) for _ in range(10)))
    return min(low) / min(full)  # the least disturbed of each
