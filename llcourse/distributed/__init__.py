"""The same modules as processes, on one machine or on several: one worker each, started by torchrun.

    report = llcourse.distributed.launch(net, images, epochs=6)      # as llcourse.train, a process a module

A worker runs its share of the plan that one process runs whole (see routes); synchronous training gives the same bits.
"""

from .job import prepare
from .launch import WorkerError, collect, launch
from .report import Report

__all__ = ["Report", "WorkerError", "collect", "launch", "prepare"]
