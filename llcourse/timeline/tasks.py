"""What simulated workers did, and what can be said about it."""

from collections import defaultdict, namedtuple

Task = namedtuple("Task", "worker kind batch start end phase", defaults=(0,))
# worker, batch (the micro-batch, where a batch has several) and phase from 0; kind: "forward", "backward" (with the
# weight gradient, unless that is a "weight" of its own), "repeat": a forward through a module that is frozen, or
# "update": all that a module does with a batch, in one tick


def utilisation(tasks, K):
    """Share of the workers' time spent busy, from the first task's start to the last one's end: 0 to 1."""
    span = max(t.end for t in tasks) - min(t.start for t in tasks)
    return sum(t.end - t.start for t in tasks) / (K * span)


def held(tasks, K):
    """The most (micro-)batches of which each worker keeps activations at a time, from a forward to its last gradient.

    >>> from llcourse import reach
    >>> from llcourse.timeline import simulate
    >>> held(simulate(reach.backprop(4), batches=1, micro=8, pipeline="1F1B"), K=4)
    [4, 3, 2, 1]
    """
    most = []
    for worker in range(K):
        changes = [change for start, _, end in _stays(tasks, worker) for change in ((start, 1), (end, -1))]
        now, peak = 0, 0
        for _, change in sorted(changes):  # at equal times one leaves before the next comes
            now += change
            peak = max(peak, now)
        most.append(peak)
    return most


def lags(tasks, K):
    """Mean time from the end of a worker's forward pass to the end of the last gradient of the same (micro-)batch.

    >>> from llcourse import reach
    >>> from llcourse.timeline import simulate
    >>> lags(simulate(reach.backprop(3), batches=1), K=3)
    [8.0, 5.0, 2.0]
    """
    stays = [list(_stays(tasks, worker)) for worker in range(K)]
    return [sum(end - forward for _, forward, end in of) / len(of) if of else 0.0 for of in stays]


def _stays(tasks, worker):
    """Of each of a worker's batches: when its forward pass begins and ends, and when its last gradient is there."""
    mine = defaultdict(list)
    for task in tasks:
        if task.worker == worker and task.kind in ("forward", "backward", "weight"):
            mine[task.batch].append(task)
    for of in mine.values():
        forward = next(task for task in of if task.kind == "forward")
        yield forward.start, forward.end, max(task.end for task in of)
