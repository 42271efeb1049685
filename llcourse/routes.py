"""Routes: in which order one batch's forward passes, losses and gradient messages happen.

A loss leaves its gradient at the output of its cell. From there it walks down, an input-VJP a cell, to the lowest cells
that its row of R trains. What goes the same way travels together: losses that train the same cells below cell j leave
it as one message, when the last of them has arrived. A cell takes its weight gradient once, on the sum of the losses
that train it; where that sum is also the message, one pass does both.

The network executes these steps, `cost` counts them, `timeline` gives them a duration.
"""

from collections import Counter, namedtuple

import numpy as np

from .wiring import IMAGE, visits

Forward = namedtuple("Forward", "cell sends")
# sends: the sources that will get a message, None without backward passes
Losses = namedtuple("Losses", "losses wants")  # wants: for each loss the cells at which its gradient sets out
Pull = namedtuple("Pull", "cell trains message sources last")
# One backward pass through a cell. trains: the losses whose sum trains it, () for none. message: the losses whose sum
# goes on, () for none; sources: the cells that it goes to. last: the cell's graph is dropped after it.
Forget = namedtuple("Forget", "cells")  # outputs that nothing reads any more


def needed(wiring, losses, held=frozenset()):
    """Cells that run for these losses: those that their heads read, and what these read in turn.

    held: cells whose readers take what a border holds, whether or not the cell runs.
    """
    run, ask = set(), [s for i in losses for s in wiring.heads[i]]
    while ask:
        j = ask.pop()
        if j not in run:
            run.add(j)
            ask += [s for s in wiring.cells[j] if s != IMAGE and s not in held]
    return run


def plan(R, wiring, losses, held=frozenset()):
    """The steps of one batch on which `losses` (indices) are computed, in order.

    R: (losses, cells) array of 0 and 1 that the wiring allows. A step is a Forward, Losses, Pull or Forget.
    """
    return _Plan(R, wiring, tuple(losses), held).steps


def forward(wiring, losses):
    """The steps of a forward pass that ends in the logits of these losses' heads; no gradient comes back."""
    return plan(np.zeros((len(wiring.heads), len(wiring.cells)), int), wiring, losses)


class _Plan:
    def __init__(self, R, wiring, losses, held):
        self.R, self.wiring, self.losses = R, wiring, losses
        self.visits = {i: visits(R, wiring, i) for i in losses}
        self.arrived, self.steps = Counter(), []
        self.expected = Counter()  # of each (loss, cell): how many messages bring it
        for i in losses:
            self.expected.update((i, s) for s in wiring.heads[i] if s in self.visits[i])
            self.expected.update((i, s) for j in self.visits[i] for s in wiring.cells[j] if s in self.visits[i])
        run = needed(wiring, losses, held)
        self.waiting = {j: self._passes(j) for j in run}
        for level in sorted({wiring.level[j] for j in run}):
            for j in sorted(j for j in run if wiring.level[j] == level):
                passes = self.waiting[j]
                self.steps.append(Forward(j, {s for p in passes for s in p.sources} if passes else None))
            if here := [i for i in losses if wiring.height(i) == level]:
                wants = [tuple(s for s in wiring.heads[i] if s in self.visits[i]) for i in here]
                self.steps.append(Losses(tuple(here), tuple(wants)))
                self.arrived.update((i, s) for i, cells in zip(here, wants) for s in cells)
                self._let_go()
        self._forget(run, held)

    def _passes(self, j):
        """The backward passes of cell j: one for each set of losses that trains the same cells below it, one for
        itself."""
        here = [i for i in self.losses if j in self.visits[i]]
        trains = tuple(i for i in here if self.R[i, j])
        below, onward = sorted(self.wiring.below[j]), {}
        for i in here:
            if any(s in self.visits[i] for s in self.wiring.cells[j]):
                onward.setdefault(tuple(self.R[i, below]), []).append(i)
        passes = []
        for message in map(tuple, onward.values()):
            sources = tuple(s for s in self.wiring.cells[j] if s in self.visits[message[0]])
            passes.append(Pull(j, trains if message == trains else (), message, sources, False))
        if trains and not any(p.trains for p in passes):
            passes.append(Pull(j, trains, (), (), False))
        return passes

    def _let_go(self):
        """Every pass whose losses have all arrived happens now, from the highest cell down."""
        for j in sorted(self.waiting, reverse=True):
            for p in list(self.waiting[j]):
                if all(self.arrived[i, j] == self.expected[i, j] for i in {*p.trains, *p.message}):
                    self.waiting[j].remove(p)
                    self.steps.append(p._replace(last=not self.waiting[j]))
                    self.arrived.update((i, s) for i in p.message for s in p.sources)

    def _forget(self, run, held):
        """Behind the last step that reads a cell's output comes a Forget."""
        last = {}
        for n, step in enumerate(self.steps):
            if isinstance(step, Forward):
                last[step.cell] = n
                last |= {s: n for s in self.wiring.cells[step.cell] if s in run and s not in held}
            elif isinstance(step, Losses):
                last |= {s: n for i in step.losses for s in self.wiring.heads[i]}
        steps = []
        for n, step in enumerate(self.steps):
            steps.append(step)
            if done := tuple(j for j, at in last.items() if at == n):
                steps.append(Forget(done))
        self.steps = tuple(steps)
