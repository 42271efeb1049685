"""Objectives: what a module's local loss is made of.

An objective is called with the logits of its head and a Record, and returns a scalar. Parameters of its own are trained
with its head. Adding one is writing a function (feature shape, image shape, classes) -> nn.Module and naming it in
OBJECTIVES.
"""

from collections import namedtuple

import torch.nn.functional as F
from torch import nn

from .arguments import number

LISTS = list, tuple, nn.ModuleList

Record = namedtuple("Record", "h image y peers")
# h: features that the head reads, (batch, C, H, W), with gradient where the loss trains what made them.
# image: what the network was given, (batch, 3, H, W).
# y: labels.   peers: {loss: logits, detached} of the losses beside this one (LocalNetwork.peers), as far as computed.


class CrossEntropy(nn.Module):
    """Cross-entropy of the logits, (batch, classes), with the labels, (batch,).

    label_smoothing: 0 to 1 (Szegedy et al. 2016, section 7).   weight: one number a class, (classes,), or None.
    """

    def __init__(self, label_smoothing=0.0, weight=None):
        super().__init__()
        self.label_smoothing = number("label_smoothing", label_smoothing, most=1)
        self.register_buffer("weight", weight, persistent=False)  # a setting, not something learnt

    def forward(self, logits, record):
        return F.cross_entropy(logits, record.y, self.weight, label_smoothing=self.label_smoothing)

    def extra_repr(self):
        return f"label_smoothing={self.label_smoothing}, weight={None if self.weight is None else self.weight.tolist()}"


class Reconstruction(nn.Module):
    """Cross-entropy plus `weight` times the mean squared error of the image that a small decoder makes of h.

    The decoder is InfoPro's (Wang et al. 2021, section 3.2, appendix): upsample, 3x3 convolution, BatchNorm, ReLU, 3x3
    convolution.
    """

    def __init__(self, features, image, weight=1.0):
        super().__init__()
        self.weight = number("weight", weight)
        self.decoder = nn.Sequential(
            nn.Upsample(image[1:], mode="bilinear", align_corners=True),
            nn.Conv2d(features[0], 12, 3, padding=1, bias=False),
            nn.BatchNorm2d(12), nn.ReLU(inplace=True), nn.Conv2d(12, image[0], 3, padding=1))

    def forward(self, logits, record):
        return F.cross_entropy(logits, record.y) + self.weight * F.mse_loss(self.decoder(record.h), record.image)


OBJECTIVES = {
    "cross-entropy": lambda features, image, classes: CrossEntropy(),
    "reconstruction": lambda features, image, classes: Reconstruction(features, image),
}


def each(given, losses):
    """A list of objectives, one a loss, from one for all of them or a list. ValueError if they cannot be these."""
    every = list(given) if isinstance(given, LISTS) else [given] * losses
    if len(every) != losses or not all(isinstance(objective, nn.Module) for objective in every):
        raise ValueError(f"objectives are one nn.Module, called with (logits, record), or a list of {losses}, one "
                         f"a loss; got {given!r}")
    if strange := [objective for objective in every if type(objective).__module__ == "torch.nn.modules.loss"]:
        raise ValueError(f"an nn.{type(strange[0]).__name__} is called with (logits, labels), and an objective with "
                         "(logits, record): take objectives.CrossEntropy(), or write an nn.Module that reads record.y")
    owned = [id(p) for objective in every for p in objective.parameters()]
    if len(set(owned)) < len(owned):
        raise ValueError(f"{type(every[0]).__name__} has parameters of its own, which two losses would share: "
                         f"give a list of {losses}, one a loss")
    return every


def make(kind, features, image, classes):
    """The objective `kind` for features and images of these shapes, (C, H, W) each, as an nn.Module.

    Raises ValueError for a kind that is not in OBJECTIVES.
    """
    if not isinstance(kind, str) or kind not in OBJECTIVES:
        raise ValueError(f"no objective is called {kind!r}; there are {', '.join(OBJECTIVES)}")
    return OBJECTIVES[kind](features, image, classes)
