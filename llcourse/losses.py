"""The losses of an epoch, step by step."""

import torch

ROOM = 1024  # steps, at first


class Losses:
    """What every loss was at every step, in one piece of memory.

    Small tensors, kept one by one from among the large ones that a step takes and frees, would leave the heap in pieces
    which the next large one does not fit: a process would grow by megabytes a step.

    steps: for each loss the steps that it was seen at, from 0.
    """

    def __init__(self, losses):
        self.taken, self.steps, self._values = 0, [[] for _ in range(losses)], None

    def add(self, values):
        """Those of one more step, {loss: scalar}."""
        for i, value in values.items():
            if self._values is None:
                self._values = value.new_zeros(len(self.steps), ROOM)
            while self.taken >= self._values.shape[1]:
                self._values = torch.cat([self._values, torch.zeros_like(self._values)], dim=1)
            self._values[i, self.taken] = value
            self.steps[i].append(self.taken)
        self.taken += 1

    def of(self, i):
        """Values of loss i at the steps that it was seen at, (len(steps[i]),)."""
        return self._values[i, self.steps[i]]

    def means(self):
        """The mean of each loss, None for one that was never seen."""
        return [self.of(i).mean().item() if steps else None for i, steps in enumerate(self.steps)]

    def nonfinite(self, since=0):
        """(step from 0, loss, value) of the first, at steps from `since` on, that is infinite or NaN; None if all are
        finite."""
        if self._values is None or self._values[:, since:self.taken].isfinite().all():
            return None
        step, i = (~self._values[:, since:self.taken].isfinite()).T.nonzero()[0].tolist()
        return since + step, i, self._values[i, since + step].item()
