"""Asynchronous modules in simulated time, tick by tick."""

from ..borders import Slots
from .tasks import Task


def asynchronous(turns, K, M, tie="freshest", reuse=None):
    """The ticks of an asynchronous schedule, with a replay buffer of M batches above every worker but the last.

    turns: for each tick the workers that act, as Asynchronous.turns gives them.   M: a number, or one a buffer. Returns
    (tasks, buffers): a Task of kind "update" for each that found something to read, with the number of the batch that
    it saw, counted by the first worker's; and the borders.Slots of the K - 1 buffers, with how stale what they gave
    was, and how often it was read.

    >>> tasks, _ = asynchronous([(0,), (0,), (1,), (1,), (1,)], K=2, M=2)
    >>> [(task.worker, task.batch) for task in tasks]
    [(0, 0), (0, 1), (1, 1), (1, 0), (1, 1)]
    """
    sizes = [M] * (K - 1) if not hasattr(M, "__iter__") else list(M)
    if len(sizes) != K - 1:
        raise ValueError(f"{K} workers have {K - 1} buffers between them; got M = {M}")
    buffers, held = [Slots(size, tie, reuse) for size in sizes], [{} for _ in range(K - 1)]
    tasks, fresh = [], 0
    for tick, workers in enumerate(turns):
        for k in workers:
            slot = buffers[k - 1].read() if k else 0
            if slot is None:
                continue
            batch = held[k - 1][slot] if k else fresh
            fresh += k == 0
            tasks.append(Task(k, "update", batch, tick, tick + 1))
            if k < K - 1:
                held[k][buffers[k].write()] = batch
    return tasks, buffers
