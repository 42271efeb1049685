"""Cross-entropy: the loss of almost every method."""

import torch.nn.functional as F
from torch import nn

from ..arguments import number


class CrossEntropy(nn.Module):
    """Cross-entropy of the logits, (batch, classes), with the labels, (batch,); of sequences the mean over positions,
    (batch, T, classes) with (batch, T).

    label_smoothing: 0 to 1 (Szegedy et al. 2016, section 7).   weight: one number a class, (classes,), or None.
    """

    reads_image = False  # nor does it travel to a worker of its own

    def __init__(self, label_smoothing=0.0, weight=None):
        super().__init__()
        self.label_smoothing = number("label_smoothing", label_smoothing, most=1)
        self.register_buffer("weight", weight, persistent=False)  # a setting, not something learnt

    def forward(self, logits, record):
        y = record.y
        if y.dim() > 1 and not y.is_floating_point():
            logits, y = logits.flatten(0, y.dim() - 1), y.flatten()
        return F.cross_entropy(logits, y, self.weight, label_smoothing=self.label_smoothing)

    def extra_repr(self):
        return f"label_smoothing={self.label_smoothing}, weight={None if self.weight is None else self.weight.tolist()}"
