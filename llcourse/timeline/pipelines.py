"""Pipelines: what a worker does first of all it could do, and how many micro-batches it may hold.

All of them give the same gradients. Adding one is adding an entry to PIPELINES.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pipeline:
    """ahead: (workers from here on up, this one included; micro-batches of a batch) -> how many micro-batches a worker
    forwards at most whose gradient has not come.   order: of tasks that are ready, which goes first. With "weight"
    among them, a module's weight gradient is a task of its own, and no worker keeps more micro-batches than there are
    workers.   forwards_first: no gradient before the last forward pass of the batch.
    """

    ahead: Callable
    order: tuple = ("backward", "forward")
    forwards_first: bool = False

    @property
    def split(self):
        return "weight" in self.order


PIPELINES = {
    # Huang et al. 2019, section 2.3
    "GPipe": Pipeline(lambda above, micro: micro, forwards_first=True),
    # "PipeDream-flush", Narayanan et al. 2021, section 2.2.1
    "1F1B": Pipeline(lambda above, micro: above),
    # Qi et al. 2024, section 2.1: as much memory as 1F1B, weight gradients where a worker would wait
    "ZB-H1": Pipeline(lambda above, micro: above, ("forward", "backward", "weight")),
}


def named(pipeline):
    """The Pipeline of this name, or `pipeline` itself if it is one."""
    if isinstance(pipeline, Pipeline):
        return pipeline
    if not isinstance(pipeline, str) or pipeline not in PIPELINES:
        raise ValueError(f"no pipeline is called {pipeline!r}; there are {', '.join(PIPELINES)}")
    return PIPELINES[pipeline]
