"""Recipes: the hyper-parameters of a training run."""

from dataclasses import dataclass

from .arguments import flag, number, one_of, several, whole
from .curves import CURVES
from .optimizers import OPTIMIZERS
from .precision import PRECISIONS


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters: an optimizer, a learning rate with its curve over the epochs, a batch.

    batch: images a step.   lr: peak learning rate.   optimizer: "sgd" (momentum, nesterov) or "adamw", which reads
    neither of the two.   warmup: epochs of warm-up from warmup_lr, at most lr (None: 0.01, but a tenth of lr where that
    is no higher, as AdamW's rates are).   curve: "cosine" to zero, "steps" or "infopro" (see curves.py).   drops: for
    "steps", shares of the epochs, such as (0.5, 0.75), after which lr falls to a fifth.
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
    warmup_lr: float | None = None
    curve: str = "cosine"
    drops: tuple = ()
    augment: bool = True
    precision: str = "float32"
    optimizer: str = "sgd"

    def __post_init__(self):
        checked = {
            "batch": whole("batch", self.batch, 2),  # BatchNorm needs two images
            "lr": number("lr", self.lr, above=0), "momentum": number("momentum", self.momentum, below=1),
            **{name: number(name, getattr(self, name)) for name in ("weight_decay", "warmup")},
            **{name: flag(name, getattr(self, name)) for name in ("nesterov", "augment")},
            "drops": tuple(number("a drop", share, above=0, most=1) for share in several("drops", self.drops)),
            "precision": one_of("precision", self.precision, PRECISIONS),
            "optimizer": one_of("optimizer", self.optimizer, OPTIMIZERS),
            "curve": one_of("curve", self.curve, CURVES)}
        usual = 0.01 if checked["lr"] > 0.01 else checked["lr"] / 10
        checked["warmup_lr"] = usual if self.warmup_lr is None else number("warmup_lr", self.warmup_lr)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.warmup_lr > self.lr:
            raise ValueError(f"warmup_lr is {self.warmup_lr!r} and lr is {self.lr!r}: a warm-up leads up; name a lower "
                             "warmup_lr, or none")
        if bool(self.drops) != (self.curve == "steps"):
            raise ValueError(f"curve is {self.curve!r} and drops are {self.drops}; \"steps\" has drops, no other has")

    def lr_at(self, epoch, epochs):
        """Learning rate `epoch` (a float) into a phase of `epochs`."""
        return CURVES[self.curve](self, epoch, epochs)
