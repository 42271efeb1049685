"""How long what workers do takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..arguments import number, several
from ..tables import plain


@dataclass(frozen=True)
class Times:
    """Durations in ticks of your choice, each a number or one a worker; whole numbers stay whole.

    head: an auxiliary head's forward pass, its backward pass takes twice that; as one number, for all but the last.
    forward, vjp, weight: a module's forward pass, its input-VJP, its weight gradient.   latency: of a message between
    two workers, up or down.   sizes, bandwidth: of the messages above each worker, in any unit, and how many of these
    units a tick moves. Links do not keep workers busy, nor each other.   slowdown: a factor on all that a worker does.

    With `micro` micro-batches these are times of one of them. `measure.module_times` gives them for a network.
    """

    workers: int
    head: float | Sequence = 0
    forward: float | Sequence = 1
    vjp: float | Sequence = 1
    weight: float | Sequence = 1
    slowdown: float | Sequence = 1
    latency: float = 0
    sizes: float | Sequence = 1
    bandwidth: float = math.inf

    def __post_init__(self):
        for name in ("head", "forward", "vjp", "weight", "slowdown", "sizes"):
            given = plain(getattr(self, name))
            alike = not hasattr(given, "__iter__") or isinstance(given, str)
            every = [given] * self.workers if alike else several(name, given)
            if len(every) != self.workers:
                raise ValueError(f"{name} is a number from 0 on, or one for each of {self.workers} workers; "
                                 f"got {given}")
            every = [number(name, one) for one in every]
            if name == "head" and alike:
                every[-1] = 0
            object.__setattr__(self, name, tuple(every))
        object.__setattr__(self, "latency", number("latency", self.latency))
        if plain(self.bandwidth) != math.inf:
            object.__setattr__(self, "bandwidth", number("bandwidth", self.bandwidth, above=0))

    def of(self, worker, *kinds):
        """How long the worker takes for these, one after the other: names of the fields above."""
        return sum(getattr(self, kind)[worker] for kind in kinds) * self.slowdown[worker]

    def message(self, worker):
        """How long a message that goes over the border above this worker is under way."""
        return self.latency + (0 if self.bandwidth == math.inf else self.sizes[worker] / self.bandwidth)
