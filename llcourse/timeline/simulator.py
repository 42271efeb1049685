"""Batches on their way through workers, one a cell.

What waits for what follows from the routes of a batch, which the network itself executes; what a worker does first,
from a pipeline.
"""

from collections import defaultdict
from collections.abc import Sequence

from .. import reach as reaches
from .. import wiring as wirings
from ..arguments import whole
from ..routes import Forward, Losses, Pull, plan
from ..wiring import IMAGE
from .pipelines import named
from .tasks import Task
from .times import Times


def simulate(R, batches, head=0, *, micro=1, pipeline="1F1B", wiring=None, **times):
    """Run `batches` batches through the workers under the reach R; return the list of Tasks, in order of their start.

    A worker forwards a micro-batch when those that it reads have, the one before is forwarded, and it has updated on
    the batch before. A loss starts back as soon as its worker has forwarded, and visits every worker down to the lowest
    that it trains (backward locking); losses that go the same way from a worker on wait there for each other. A pass
    that only hands a message on is an input-VJP, one that trains its module a weight gradient besides.

    micro: micro-batches a batch; gradients add up over them, and a worker updates when it has them all.   pipeline: a
    name in PIPELINES; it makes no difference with one micro-batch, except ZB-H1.   wiring: what the cells read
    (default: a chain).   head and times: see Times; each takes 1 unless said.

    >>> max(task.end for task in simulate(reaches.backprop(4), batches=1))
    12
    """
    R = reaches.check(R, wiring)
    wiring = wiring or wirings.chain(R.shape[1], losses=R.shape[0])
    if len(R) > R.shape[1] and not isinstance(head, Sequence):
        head = [head] * R.shape[1]  # the network's own head is on no worker: all of theirs are auxiliary
    batches, micro = whole("batches", batches, 1), whole("micro", micro, 1)
    jobs = _Jobs(R, wiring, Times(R.shape[1], head, **times), named(pipeline), micro)
    for _ in range(batches):
        jobs.add_batch()
    return _scheduled(jobs.all, R.shape[1])


def batch_time(R, head=0, **settings):
    """Time between one batch's end and the next's once the workers are in step; settings as of `simulate`."""
    micro = settings.get("micro", 1)
    batches, ends = max(3, 20 // micro + 1), defaultdict(int)
    for task in simulate(R, batches, head, **settings):
        ends[task.batch // micro] = max(ends[task.batch // micro], task.end)
    return ends[batches - 1] - ends[batches - 2]


def bubble(R, head=0, **settings):
    """Share of the workers' time that is idle once they are in step: 0 to 1; settings as of `simulate`.

    >>> bubble(reaches.backprop(4), micro=8, pipeline="GPipe") == (4 - 1) / (8 + 4 - 1)
    True
    """
    busy = sum(task.end - task.start for task in simulate(R, 1, head, **settings))
    whole = len(R[0]) * batch_time(R, head, **settings)
    return (whole - busy) / whole


class _Job:
    """A task that is not scheduled yet. needs: (job, delay): it starts no earlier than so long after that job's end.

    order: among those that are ready the least goes first.
    """

    def __init__(self, order, worker, kind, batch, duration, needs):
        self.order, self.worker, self.kind, self.batch, self.duration = order, worker, kind, batch, duration
        self.needs, self.end = list(needs), None


class _Jobs:
    """The jobs of batch after batch, and what each waits for."""

    def __init__(self, R, wiring, times, pipeline, micro):
        self.wiring, self.times, self.pipeline, self.micro = wiring, times, pipeline, micro
        self.workers = R.shape[1]
        self.steps = plan(R, wiring, [i for i in range(len(R)) if i >= R.shape[1] or R[i].any()])
        self.levels = 1 + max(wiring.level)
        self.ahead = [pipeline.ahead(self.levels - level, micro) for level in wiring.level]
        self.all, self.of = [], defaultdict(list)  # all jobs; those of each (worker, micro-batch)
        self.batches = 0

    def add_batch(self):
        first, new = self.batches * self.micro, len(self.all)
        self.batches += 1
        for b in range(first, first + self.micro):
            self._add_micro_batch(b, first)
        if self.pipeline.forwards_first:
            last = {w: self._forward(w, first + self.micro - 1) for w in range(self.workers)}
            for job in self.all[new:]:
                if job.kind != "forward":
                    job.needs.append((last[job.worker], 0))

    def _forward(self, worker, b):
        return next(job for job in self.of[worker, b] if job.kind == "forward")

    def _before(self, w, b, first):
        """Jobs of a worker without which it does not forward micro-batch b."""
        batch_before = range(first - self.micro, first) if b == first else ()
        jobs = [job for old in batch_before for job in self.of[w, old]]
        jobs += [self._forward(w, b - 1)] if b else []
        jobs += [job for job in self.of[w, b - self.ahead[w]] if job.kind != "weight"]
        return jobs + (self.of[w, b - self.levels] if self.pipeline.split else [])

    def _job(self, worker, kind, b, duration, needs):
        order = self.pipeline.order.index(kind), b, len(self.all)
        job = _Job(order, worker, kind, b, duration, needs)
        self.all.append(job)
        self.of[worker, b].append(job)
        return job

    def _sent(self, needs, border, own):
        """What these needs become for a reader that is another worker: a message later, over the border above."""
        return needs if own else [(job, delay + self.times.message(border)) for job, delay in needs]

    def _add_micro_batch(self, b, first):
        there, gradient = {IMAGE: []}, defaultdict(list)  # needs of who reads an output, or a loss's gradient at a cell
        for step in self.steps:
            if isinstance(step, Forward):
                w = step.cell
                needs = [need for s in self.wiring.cells[w] for need in self._sent(there[s], s, own=s == IMAGE)]
                needs += [(job, 0) for job in self._before(w, b, first)]
                there[w] = [(self._job(w, "forward", b, self.times.of(w, "forward"), needs), 0)]
            elif isinstance(step, Losses):
                for i, wants in zip(step.losses, step.wants):
                    w = i if i < self.workers else max(self.wiring.heads[i])
                    needs = [need for s in self.wiring.heads[i] for need in self._sent(there[s], s, own=s == w)]
                    if i < self.workers and (duration := 3 * self.times.of(w, "head")):
                        needs = [(self._job(w, "backward", b, duration, needs), 0)]
                    for s in wants:
                        gradient[i, s] += self._sent(needs, s, own=s == w)
            elif isinstance(step, Pull):
                needs = [need for i in {*step.trains, *step.message} for need in gradient[i, step.cell]]
                job = self._pull(step, b, needs)
                for s in step.sources:
                    for i in step.message:
                        gradient[i, s] += self._sent([(job, 0)], s, own=False)

    def _pull(self, step, b, needs):
        """The job whose end is when the message is ready."""
        w, of = step.cell, self.times.of
        if not step.trains or not self.pipeline.split:
            return self._job(w, "backward", b, of(w, "vjp", *(["weight"] if step.trains else [])), needs)
        job = self._job(w, "backward", b, of(w, "vjp"), needs)
        self._job(w, "weight", b, of(w, "weight"), [(job, 0)])
        return job


def _scheduled(jobs, workers):
    """Tasks: every worker at once does the most urgent of what is ready."""
    followers, waits = defaultdict(list), {job: len(job.needs) for job in jobs}
    for job in jobs:
        for needed, _ in job.needs:
            followers[needed].append(job)
    ready, free, tasks = [[] for _ in range(workers)], [0] * workers, []

    def release(job):
        at = max((needed.end + delay for needed, delay in job.needs), default=0)
        ready[job.worker].append((at, job))

    for job in jobs:
        if not waits[job]:
            release(job)
    while any(ready):
        start, _, at, job = min((max(at, free[w]), job.order, at, job)
                                for w in range(workers) for at, job in ready[w])
        ready[job.worker].remove((at, job))
        job.end = free[job.worker] = start + job.duration
        tasks.append(Task(job.worker, job.kind, job.batch, start, job.end))
        for follower in followers[job]:
            waits[follower] -= 1
            if not waits[follower]:
                release(follower)
    return tasks
