"""The score of a task: what a table or a curve of test results shows, and whether more of it is better or less."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Score:
    """A number for each prediction, (logits, y) -> as many as y has, whose mean over the test set is the score.

    Logits are (*y.shape, classes). Those of several heads at once have one axis more, (*y.shape, G, classes), and stand
    for the mean of their probabilities.

    name: as a history's rows call it.   unit: as figures print it.   best: max or min, which of two scores is better.
    digits: decimals that a line of text shows.
    """

    name: str
    unit: str
    of: Callable
    best: Callable = max
    digits: int = 1

    def __call__(self, logits, y):
        """One number for each entry of y, in its shape."""
        if logits.dim() > y.dim() + 1:
            logits = logits.softmax(dim=-1).mean(dim=-2).log()  # probabilities are the softmax of their logarithms
        return self.of(logits, y)

    @property
    def label(self):
        """What figures write beside it: "test accuracy (%)"."""
        return f"test {self.name}{self.in_unit}"

    @property
    def in_unit(self):
        """The unit behind a name: " (%)"; nothing for a score without one."""
        return self.unit and f" ({self.unit})"

    def text(self, value):
        """A value for people: "66.1 %"; "-" for None, a head without a score."""
        return "-" if value is None else f"{value:.{self.digits}f} {self.unit}".rstrip()

    def error(self, value):
        """What is counted where less is better: of an accuracy what it lacks of 100; a loss as it is."""
        return 100 - value if self.best is max else value

    @property
    def error_name(self):
        """What that is called: "error", or the score itself."""
        return "error" if self.best is max else self.name


def _percent(logits, y):
    return 100.0 * (logits.argmax(dim=-1) == y)


def _bits(logits, y):
    """Minus the binary logarithm of what each label was given, at least in float32."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    nats = F.cross_entropy(logits.flatten(0, -2), y.flatten(), reduction="none")
    return nats.view(y.shape) / math.log(2)


ACCURACY = Score("accuracy", "%", _percent)
BITS = Score("bits per byte", "", _bits, min, 3)  # Shannon 1951: what coding the text by these predictions would take
SCORES = {score.name: score for score in (ACCURACY, BITS)}
