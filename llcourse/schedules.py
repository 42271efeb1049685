"""Schedules: who updates when.

A schedule turns a network and a number of epochs into phases; in each phase some losses are computed and the modules
before them stay frozen. Adding a schedule is writing such a function and naming it in SCHEDULES.
"""

from collections import namedtuple

import numpy as np

Phase = namedtuple("Phase", "epochs losses frozen")  # frozen: modules 0 ... frozen - 1 only forward, in eval mode


def synchronous(net, epochs):
    """Every module updates on every batch (DGL, algorithm 1; every reach matrix)."""
    return [Phase(epochs, net.losses, 0)]


def sequential(net, epochs):
    """Greedy layer-wise training: module 1 for `epochs` epochs, then module 2 on the frozen module 1, and so on.

    Bengio et al. (2007); Belilovsky et al. (2019). K times as many epochs in all as synchronous training. Raises
    ValueError unless every module has its own loss: with wider reaches, what to freeze is not defined.
    """
    if not np.array_equal(net.reach, np.eye(net.K)):
        raise ValueError(f"sequential training needs reach.local({net.K}): every module its own loss and no other; "
                         f"got\n{net.reach}")
    return [Phase(epochs, (j,), j) for j in range(net.K)]


SCHEDULES = {"synchronous": synchronous, "sequential": sequential}
