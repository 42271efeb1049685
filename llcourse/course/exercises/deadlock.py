"""Exercise 11.1: a chain of workers whose sends and receives must not wait for each other."""

import torch

from . import Wrong
from .meeting import Meeting

CASES = (2, 3), (3, 4), (3, 1), (5, 3), (4, 6), (2, 2), (1, 3)  # (K, batches)
UP, DOWN = 1.0, -1.0
KINDS = {UP: "features", DOWN: "gradient"}


def unlocked(answer):
    """Wrong unless answer(k, K, batches, send, recv, work, learn), of all workers at once, ends, and each does all its
    work in the order w0 w1 l0 w2 l1 ..., on the right messages."""
    for K, batches in CASES:
        where = f"K = {K}, {batches} batch{'es' * (batches > 1)}: "
        try:
            _Chain(answer, K, batches).run()
        except Wrong as wrong:
            raise Wrong(where + str(wrong)) from None


class _Chain:
    """A message is a tensor (kind, batch, worker that made it), so that a copy or a detached one counts as well."""

    def __init__(self, answer, K, batches):
        self.answer, self.K, self.batches = answer, K, batches
        self.worked, self.learnt = [0] * K, [0] * K
        self.meeting = Meeting(K, self._act)

    def run(self):
        self.meeting.run()
        for k in range(self.K):
            for done, name, all_ in ((self.worked, "works on", self.batches),
                                     (self.learnt, "learns from", self.batches if k < self.K - 1 else 0)):
                if done[k] != all_:
                    raise Wrong(f"worker {k} {name} {done[k]} batches of {all_}" + (
                        ": the last gradient is still to come when all features are sent"
                        if done is self.learnt and done[k] == all_ - 1 else ""))

    def _act(self, k, send, recv):
        def checked(to, message):
            with self.meeting.within(k):
                self.meeting.neighbour(k, to, "sends to")
                self._sendable(k, to, message)
            send(to, message)

        def worked(x):
            with self.meeting.within(k):
                return self._work(k, x)

        def learnt(g):
            with self.meeting.within(k):
                self._learn(k, g)

        self.answer(k, self.K, self.batches, checked, recv, worked, learnt)

    def _sendable(self, k, to, message):
        kind, n, maker = _read(message, f"worker {k} sends a")
        if kind == UP and to < k:
            raise Wrong(f"worker {k} sends features down to {to}: features h go up, to k + 1, and the gradient g down")
        if kind == DOWN and to > k:
            raise Wrong(f"worker {k} sends a gradient up to {to}: the gradient g goes down, to k - 1, and features up")
        if maker != k:
            raise Wrong(f"worker {k} sends on what worker {maker} made: what goes on is what its own `work` returns")

    def _work(self, k, x):
        n = self.worked[k]
        if n == self.batches:
            raise Wrong(f"worker {k} works on more than {n} batches")
        if k == 0 and x is not None:
            raise Wrong("worker 0 draws its own images: it calls work(None)")
        if k > 0:
            self._expect(k, "work", x, UP, n, k - 1)
        if self.learnt[k] < n - 1 and k < self.K - 1:
            raise Wrong(f"worker {k} works on batch {n} before it has learnt from batch {n - 2}: at most two batches "
                        "are in flight, or memory grows with the run. The order is w0 w1 l0 w2 l1 ...")
        self.worked[k] += 1
        return tuple(torch.tensor([kind, n, k], dtype=torch.float64) for kind in (UP, DOWN))

    def _learn(self, k, g):
        n = self.learnt[k]
        if k == self.K - 1:
            raise Wrong(f"worker {k} is the last: nothing comes down to it, and it calls no `learn`")
        self._expect(k, "learn", g, DOWN, n, k + 1)
        if self.worked[k] < min(n + 2, self.batches):
            raise Wrong(f"worker {k} learns from batch {n} before it has worked on batch {n + 1}: it then waits for "
                        "the worker above at every batch. The order stays w0 w1 l0 w2 l1 ...; move send and recv alone")
        self.learnt[k] += 1

    def _expect(self, k, call, message, kind, n, maker):
        if message is None:
            raise Wrong(f"worker {k} calls {call}(None): it is given what comes from worker {maker}")
        got = _read(message, f"worker {k} gives `{call}` a")
        if got != (kind, n, maker):
            raise Wrong(f"worker {k} gives `{call}` the {KINDS[got[0]]} of batch {got[1]} that worker {got[2]} made; "
                        f"it is the turn of the {KINDS[kind]} of batch {n} of worker {maker}")


def _read(message, who):
    """(kind, batch, worker) of a message."""
    if not isinstance(message, torch.Tensor) or message.shape != (3,) or message[0].item() not in KINDS:
        pair = ": `work` returns two, h for above and g for below" if isinstance(message, tuple) else ""
        raise Wrong(f"{who} {type(message).__name__}{pair}" + (
            "" if pair else ": messages are what `work` returned, as they are"))
    kind, n, maker = message.tolist()
    return kind, int(n), int(maker)
