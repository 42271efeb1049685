"""A discrete-time simulator: K workers, one a module, and when each of them is busy.

What waits for what follows from the reach matrix alone. Time is counted in forward passes of one module: a forward
takes 1, an input-VJP 1, a weight gradient 1. Messages between workers cost nothing here; chapter 11 adds them.
"""

from collections import namedtuple

import numpy as np

from . import reach as reaches

Task = namedtuple("Task", "worker kind batch start end")  # worker and batch from 0; kind: "forward" or "backward"


def simulate(R, batches, head=0.0):
    """Run `batches` batches through K workers under the reach R; return the list of Tasks, each worker's in order.

    Worker j forwards batch b when worker j - 1 has, and not before it has updated on batch b - 1.
    A loss starts back from its own worker as soon as that has forwarded the batch, and visits every worker down to the
    lowest that it trains (backward locking). head: time of an auxiliary head's forward pass; twice that again backward.
    """
    R = reaches.check(R)
    K = R.shape[1]
    free, tasks = np.zeros(K), []

    def run(worker, kind, batch, ready, duration):
        start = max(ready, free[worker])
        free[worker] = start + duration
        tasks.append(Task(worker, kind, batch, float(start), float(free[worker])))
        return free[worker]

    lowest = {i: int(R[i].nonzero()[0].min()) for i in range(K) if R[i].any()}
    last = max(lowest)
    for b in range(batches):
        arrival = 0.0
        for j in range(last + 1):
            arrival = run(j, "forward", b, arrival, 1)
            # once a loss is out, its gradient starts back: nearer losses first, as they become ready
            if j in lowest:
                gradient, extra = arrival, 3 * head if j < K - 1 else 0
                for m in range(j, lowest[j] - 1, -1):
                    gradient = run(m, "backward", b, gradient, extra + 1 + R[j, m])
                    extra = 0
    return tasks


def sequential(K, batches_per_module, head=0.0):
    """Greedy layer-wise training: module 1 alone, then module 2 on the frozen module 1, and so on."""
    tasks, now = [], 0.0
    for trained in range(K):
        for b in range(batches_per_module):
            for j in range(trained + 1):
                tasks.append(Task(j, "forward", b, now, now + 1))
                now += 1
            duration = 2 + (3 * head if trained < K - 1 else 0)
            tasks.append(Task(trained, "backward", b, now, now + duration))
            now += duration
    return tasks


def utilisation(tasks, K):
    """Share of the workers' time spent busy, from the first task's start to the last one's end: 0 to 1."""
    span = max(t.end for t in tasks) - min(t.start for t in tasks)
    return sum(t.end - t.start for t in tasks) / (K * span)


def batch_time(R, head=0.0):
    """Time between one batch's end and the next's once the workers are in step."""
    ends = [max(t.end for t in simulate(R, n, head)) for n in (20, 21)]
    return ends[1] - ends[0]
