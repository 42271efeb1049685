"""A discrete-time simulator: workers, one a cell, and when each of them is busy.

What waits for what follows from the routes of a batch, which the network itself executes. Time is counted in forward
passes of one module: a forward takes 1, an input-VJP 1, a weight gradient 1. Messages between workers cost nothing
here; chapter 11 adds them.
"""

from collections import defaultdict, namedtuple

import numpy as np

from . import reach as reaches
from . import wiring as wirings
from .borders import Slots
from .routes import Forward, Losses, Pull, plan

Task = namedtuple("Task", "worker kind batch start end phase", defaults=(0,))
# worker, batch and phase from 0; kind: "forward", "backward", "repeat": a forward through a module that is frozen, or
# "update": all that a module does with a batch, in one tick


def simulate(R, batches, head=0.0, wiring=None, slowdown=None):
    """Run `batches` batches through the workers under the reach R; return the list of Tasks, each worker's in order.

    A worker forwards a batch when those that it reads have, and not before it has updated on the batch before. A loss
    starts back as soon as its worker has forwarded the batch, and visits every worker down to the lowest that it trains
    (backward locking); losses that go the same way from a worker on wait there for each other. A pass that only hands a
    message on takes 1, one that trains its module 2.   head: time of an auxiliary head's forward pass; twice that again
    backward.   wiring: what the cells read (default: a chain).   slowdown: for each worker a number by which all
    that it does takes longer.

    >>> max(task.end for task in simulate(reaches.backprop(4), batches=1))
    12.0
    """
    R = reaches.check(R, wiring)
    wiring = wiring or wirings.chain(R.shape[1], losses=R.shape[0])
    computed = [i for i in range(len(R)) if i >= R.shape[1] or R[i].any()]
    steps = plan(R, wiring, computed)
    free, tasks = np.zeros(R.shape[1]), []

    def run(worker, kind, batch, ready, duration):
        if not duration:
            return ready
        start = max(ready, free[worker])
        free[worker] = start + duration * (slowdown[worker] if slowdown else 1)
        tasks.append(Task(worker, kind, batch, float(start), float(free[worker])))
        return free[worker]

    for b in range(batches):
        # when an output, and a loss's gradient at a cell, is there
        there, gradient = defaultdict(float), defaultdict(float)
        for step in steps:
            if isinstance(step, Forward):
                ready = max(there[s] for s in wiring.cells[step.cell])
                there[step.cell] = run(step.cell, "forward", b, ready, 1)
            elif isinstance(step, Losses):
                for i, wants in zip(step.losses, step.wants):
                    ready = max(there[s] for s in wiring.heads[i])
                    worker = i if i < R.shape[1] else max(wiring.heads[i])
                    end = run(worker, "backward", b, ready, 3 * head if i < len(R) - 1 else 0)
                    gradient.update(((i, s), end) for s in wants)
            elif isinstance(step, Pull):
                ready = max(gradient[i, step.cell] for i in {*step.trains, *step.message})
                end = run(step.cell, "backward", b, ready, 2 if step.trains else 1)
                gradient.update(((i, s), max(end, gradient[i, s])) for i in step.message for s in step.sources)
    return tasks


def sequential(K, batches_per_module, head=0.0):
    """Greedy layer-wise training: phase 1 trains module 1, phase 2 module 2 behind the frozen module 1, and so on.

    Whatever can overlap does: a frozen worker forwards the batches of all later phases as soon as its weights are
    final and its input is there, so only the training itself is a chain. These forwards, of kind "repeat", train
    nothing: with fresh augmentation no phase can use the outputs of the one before.   head: as in `simulate`.

    >>> tasks = sequential(4, batches_per_module=2)
    >>> max(task.end for task in tasks), sum(task.kind == "repeat" for task in tasks)
    (27.0, 12)
    """
    free, tasks = np.zeros(K), []

    def run(worker, kind, b, phase, ready, duration):
        start = max(ready, free[worker])
        free[worker] = start + duration
        tasks.append(Task(worker, kind, phase * batches_per_module + b, float(start), float(free[worker]), phase))
        return free[worker]

    for phase in range(K):
        for b in range(batches_per_module):
            ready = 0.0
            for frozen in range(phase):
                ready = run(frozen, "repeat", b, phase, ready, 1)
            run(phase, "forward", b, phase, ready, 1)
            run(phase, "backward", b, phase, ready, 2 + (3 * head if phase < K - 1 else 0))
    return tasks


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
    sizes = [M] * (K - 1) if isinstance(M, int) else list(M)
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
            tasks.append(Task(k, "update", batch, float(tick), tick + 1.0))
            if k < K - 1:
                held[k][buffers[k].write()] = batch
    return tasks, buffers


def utilisation(tasks, K):
    """Share of the workers' time spent busy, from the first task's start to the last one's end: 0 to 1."""
    span = max(t.end for t in tasks) - min(t.start for t in tasks)
    return sum(t.end - t.start for t in tasks) / (K * span)


def batch_time(R, head=0.0, wiring=None, slowdown=None):
    """Time between one batch's end and the next's once the workers are in step."""
    ends = [max(t.end for t in simulate(R, n, head, wiring, slowdown)) for n in (20, 21)]
    return ends[1] - ends[0]
