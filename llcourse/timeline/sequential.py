"""Greedy layer-wise training in simulated time."""

from .tasks import Task


def sequential(K, batches_per_module, head=0):
    """Greedy layer-wise training: phase 1 trains module 1, phase 2 module 2 behind the frozen module 1, and so on.

    Whatever can overlap does: a frozen worker forwards the batches of all later phases as soon as its weights are
    final and its input is there, so only the training itself is a chain. These forwards, of kind "repeat", train
    nothing: with fresh augmentation no phase can use the outputs of the one before.   head: as in `simulate`.

    >>> tasks = sequential(4, batches_per_module=2)
    >>> max(task.end for task in tasks), sum(task.kind == "repeat" for task in tasks)
    (27, 12)
    """
    free, tasks = [0] * K, []

    def run(worker, kind, b, phase, ready, duration):
        start = max(ready, free[worker])
        free[worker] = start + duration
        tasks.append(Task(worker, kind, phase * batches_per_module + b, start, free[worker], phase))
        return free[worker]

    for phase in range(K):
        for b in range(batches_per_module):
            ready = 0
            for frozen in range(phase):
                ready = run(frozen, "repeat", b, phase, ready, 1)
            run(phase, "forward", b, phase, ready, 1)
            run(phase, "backward", b, phase, ready, 2 + (3 * head if phase < K - 1 else 0))
    return tasks
