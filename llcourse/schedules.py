"""Schedules: who updates when.

A schedule turns a network and a number of epochs into phases. In each phase some losses are computed and the modules
before them stay frozen; its turns say which of the losses are computed on which batch. Adding a schedule is writing
such a function and naming it in SCHEDULES.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Phase:
    """Some epochs of a schedule.

    epochs: how many.   losses: indices of the losses that are computed.   frozen: modules 0 ... frozen - 1 and their
    heads only run forward, in eval mode.   turns: (steps, generator) -> for each step of an epoch the losses whose turn
    it is, all chance drawn from the torch.Generator; None if it is always everyone's. Cells whose turn it is not run
    only as far as others read them. A cell's learning rate follows its own updates, over epochs x steps of them: with
    fewer turns than that it does not come to its end.
    """

    epochs: int
    losses: tuple
    frozen: int = 0
    turns: Callable | None = field(default=None, repr=False)

    def steps(self, steps, generator):
        """For each of an epoch's steps the losses whose turn it is, () for nobody's; ValueError if they cannot be."""
        if self.turns is None:
            return [tuple(self.losses)] * steps
        turns = [tuple(sorted(set(losses))) for losses in self.turns(steps, generator)]
        strangers = sorted({i for losses in turns for i in losses} - set(self.losses))
        if len(turns) != steps or strangers:
            raise ValueError(f"an epoch of {steps} steps needs as many turns, of losses among {self.losses}; got "
                             f"{len(turns)}" + (f", with losses {strangers}" if strangers else ""))
        return turns


def synchronous(net, epochs):
    """Every module updates on every batch (DGL, algorithm 1; every reach matrix)."""
    return [Phase(epochs, net.losses)]


def sequential(net, epochs):
    """Greedy layer-wise training: module 1 for `epochs` epochs, then module 2 on the frozen module 1, and so on.

    Bengio et al. (2007); Belilovsky et al. (2019). K times as many epochs in all as synchronous training. Raises
    ValueError unless every module has its own loss: with wider reaches, what to freeze is not defined.
    """
    if not np.array_equal(net.reach, np.eye(net.K)):
        raise ValueError(f"sequential training needs reach.local({net.K}): every module its own loss and no other; "
                         f"got\n{net.reach}")
    if any(border is not None and border.holds for border in net.borders):
        raise ValueError("sequential training runs the frozen modules on every batch; "
                         "a border that holds batches would hide them from the module that learns")
    return [Phase(epochs, (j,), j) for j in range(net.K)]


def last_only(net, epochs):
    """A control for the other schedules: the last loss alone, so that modules which it does not train stay random.

    Under reach.local the last module learns on a random prefix, fixed weights as they were drawn. What local losses
    are worth is what they gain over this. The prefix runs in train mode, as in DGL, and its BatchNorms follow the mean
    and variance of the images: with the averages that they begin with, 0 and 1, features would be worse scaled, and the
    control too easy to beat.
    """
    return [Phase(epochs, net.losses[-1:])]


SCHEDULES = {"synchronous": synchronous, "sequential": sequential, "last only": last_only}
