"""Recipes: the hyper-parameters of a training run."""

from dataclasses import dataclass

import numpy as np

from .curves import CURVES
from .optimizers import OPTIMIZERS
from .precision import PRECISIONS


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters: an optimizer, a learning rate with its curve over the epochs, a batch.

    batch: images a step.   lr: peak learning rate.   optimizer: "sgd" (momentum, nesterov) or "adamw", which reads
    neither of the two.   warmup: epochs of warm-up from warmup_lr.   curve: "cosine" to zero, "steps" or "infopro" (see
    curves.py).   drops: for "steps", shares of the epochs, such as (0.5, 0.75), after which lr falls to a fifth.
    precision: "float32", "bfloat16" (autocast), or "auto": the faster of the two on the device at hand, which is
    measured; results then depend on the device. Raises ValueError for settings that cannot be.

    >>> Recipe(lr=0.4, warmup=0).lr_at(10, epochs=20)
    0.2
    """

    batch: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    warmup: float = 1.0
    warmup_lr: float = 0.01
    curve: str = "cosine"
    drops: tuple = ()
    augment: bool = True
    precision: str = "float32"
    optimizer: str = "sgd"

    def __post_init__(self):
        for name, value in vars(self).items():
            if isinstance(value, np.generic):  # a sweep over np.arange
                object.__setattr__(self, name, value.item())
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}; it is one of {', '.join(PRECISIONS)}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer is {self.optimizer!r}; it is one of {', '.join(OPTIMIZERS)}")
        if self.curve not in CURVES:
            raise ValueError(f"curve is {self.curve!r}; it is one of {', '.join(CURVES)}")
        if bool(self.drops) != (self.curve == "steps"):
            raise ValueError(f"curve is {self.curve!r} and drops are {self.drops}; \"steps\" has drops, no other has")
        if self.batch < 2:
            raise ValueError(f"batch is {self.batch}; BatchNorm needs at least 2 images")

    def lr_at(self, epoch, epochs):
        """Learning rate `epoch` (a float) into a phase of `epochs`."""
        return CURVES[self.curve](self, epoch, epochs)
