"""Recipes: the hyper-parameters of a training run."""

import math
from dataclasses import dataclass

import numpy as np
import torch

PRECISIONS = {"auto": None, "float32": None, "bfloat16": torch.bfloat16}  # the dtype to autocast to


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters: SGD with momentum, a linear warm-up and a cosine to zero (both per step).

    batch: images a step.   lr: peak learning rate.   warmup: epochs of warm-up from warmup_lr.
    drops: shares of the epochs, such as (0.5, 0.75), after which lr falls to a fifth; they replace the cosine.
    precision: "float32", "bfloat16" (autocast), or "auto": bfloat16 where the hardware computes in it.
    """

    batch: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    warmup: float = 1.0
    warmup_lr: float = 0.01
    drops: tuple = ()
    augment: bool = True
    precision: str = "auto"

    def __post_init__(self):
        for name, value in vars(self).items():
            if isinstance(value, np.generic):  # a sweep over np.arange
                object.__setattr__(self, name, value.item())
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}; it is one of {', '.join(PRECISIONS)}")
        if self.batch < 2:
            raise ValueError(f"batch is {self.batch}; BatchNorm needs at least 2 images")

    def lr_at(self, epoch, epochs):
        """Learning rate `epoch` (a float) into a phase of `epochs`."""
        warmup = min(self.warmup, epochs / 2)
        if epoch < warmup:
            return self.warmup_lr + (self.lr - self.warmup_lr) * epoch / warmup
        if self.drops:
            return self.lr * 0.2 ** sum(epoch >= share * epochs for share in self.drops)
        return self.lr * (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup))) / 2

    def dtype(self, device):
        """The dtype to autocast to on this device, or None for float32."""
        if self.precision == "auto":
            return torch.bfloat16 if fast_bfloat16(device) else None
        return PRECISIONS[self.precision]


def fast_bfloat16(device):
    """Whether this device computes in bfloat16 rather than emulating it."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)  # private: where it has gone, float32 is safe
    return torch.device(device).type == "cpu" and supported()
