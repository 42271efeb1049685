"""The score of a task: what a table or a curve of test results shows."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A number for each example, (logits, y) -> (batch,), whose mean over the test set is the score.

    Logits of several heads at once, (batch, G, classes), stand for the mean of their probabilities.

    name: as a history's rows call it.   unit: as figures print it.
    """

    name: str
    unit: str
    of: Callable

    def __call__(self, logits, y):
        return self.of(logits.softmax(dim=-1).mean(dim=1) if logits.dim() > 2 else logits, y)


ACCURACY = Score("accuracy", "%", lambda logits, y: 100.0 * (logits.argmax(dim=1) == y))
