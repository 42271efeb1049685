"""Schedules: who updates when.

A schedule turns a network and a number of epochs into phases. In each phase some losses are computed and the modules
before them stay frozen; its turns say which of the losses are computed on which batch. Adding a schedule is writing
such a function and naming it in SCHEDULES.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from .arguments import number, one_of, several, whole
from .reach import crossed as crossed_borders


@dataclass(frozen=True)
class Phase:
    """Some epochs of a schedule.

    epochs: how many.   losses: indices of the losses that are computed.   frozen: modules 0 ... frozen - 1 and their
    heads only run forward, in eval mode.   turns: (batches, generator) -> for each step of an epoch the losses whose
    turn it is, all chance drawn from the torch.Generator; None if it is always everyone's. Cells whose turn it is not
    run only as far as others read them; a step whose losses need no images, because borders hold what they read, takes
    none of the epoch's batches.   ticks: steps to a batch, 1 unless turns are shorter.   slowdown: a number a cell: it
    is updated on one batch of so many, below 1 if several times a batch.

    A cell's learning rate follows its own updates, over epochs x batches / slowdown of them: with fewer turns than that
    it does not come to its end.
    """

    epochs: int
    losses: tuple
    frozen: int = 0
    turns: Callable | None = field(default=None, repr=False)
    ticks: int = 1
    slowdown: tuple = ()

    def __post_init__(self):
        for name, value in {
                "epochs": whole("epochs", self.epochs, 1), "frozen": whole("frozen", self.frozen),
                "ticks": whole("ticks", self.ticks, 1),
                "losses": tuple(whole("a loss", i) for i in several("losses", self.losses)),
                "slowdown": tuple(number("a slowdown", S, above=0)
                                  for S in several("slowdown", self.slowdown))}.items():
            object.__setattr__(self, name, value)

    def steps(self, batches, generator):
        """For each of an epoch's steps the losses whose turn it is, () for nobody's; ValueError if they cannot be."""
        if self.turns is None:
            return [tuple(self.losses)] * batches
        turns = [tuple(sorted(set(losses))) for losses in self.turns(batches, generator)]
        strangers = sorted({i for losses in turns for i in losses} - set(self.losses))
        if len(turns) != self.ticks * batches or strangers:
            raise ValueError(f"an epoch of {self.ticks * batches} steps needs as many turns, of losses among "
                             f"{self.losses}; got {len(turns)}" + (f", with losses {strangers}" if strangers else ""))
        return turns

    def position(self, cell, updates, batches):
        """How many epochs into the phase a cell's learning rate is after so many updates of its own."""
        slowdown = self.slowdown[cell] if self.slowdown else 1
        return min(updates * slowdown / batches, self.epochs)


def synchronous(net, epochs):
    """Every module updates on every batch (DGL, algorithm 1; every reach matrix)."""
    return [Phase(epochs, net.losses)]


def sequential(net, epochs):
    """Greedy layer-wise training: module 1 for `epochs` epochs, then module 2 on the frozen module 1, and so on.

    Bengio et al. (2007); Belilovsky et al. (2019). K times as many epochs in all as synchronous training. Heads
    beyond the last module train with it. Raises ValueError unless every module has its own loss: with wider reaches,
    what to freeze is not defined. A shared readout is refused: the last head, which it copies, would train last.
    """
    if not np.array_equal(net.reach, np.eye(len(net.heads), net.K)):
        raise ValueError(f"sequential training needs reach.local({net.K}): every module its own loss and no other; "
                         f"got\n{net.reach}")
    _refuse_held(net, "sequential training")
    last = net.K - 1
    return [*(Phase(epochs, (j,), j) for j in range(last)), Phase(epochs, tuple(range(last, len(net.heads))), last)]


def _refuse_held(net, what):
    if any(border is not None and border.holds for border in net.borders):
        raise ValueError(f"{what} runs the modules below on every batch; a border that holds batches would hide them "
                         "from the module that learns: net.borders = [None] * (net.K - 1)")


def last_only(net, epochs):
    """A control for the other schedules: the last loss alone, so that modules which it does not train stay random.

    Under reach.local the last module learns on a random prefix, fixed weights as they were drawn. What local losses
    are worth is what they gain over this. The prefix runs in train mode, as in DGL, and its BatchNorms follow the mean
    and variance of the images: with the averages that they begin with, 0 and 1, features would be worse scaled, and the
    control too easy to beat. Raises ValueError where a border holds batches.
    """
    _refuse_held(net, "training the last loss alone")
    return [Phase(epochs, net.losses[-1:])]


@dataclass(frozen=True)
class Asynchronous:
    """Every module on a clock of its own, behind replay buffers (Belilovsky et al. 2021, algorithm 2).

    Time runs in ticks: in each it is one module's turn, which takes a batch from the buffer below it (the first module:
    new images), updates once, and writes its output into the buffer above. An epoch is as many turns for every module
    as it has batches, shuffled; its first round is in order, so that no reader meets an empty buffer.

    slowdown: S for each loss, numbers from 1 on: it acts in one of S of its turns. () for all 1.   order: "random", or
    "cyclic", round after round: with M = 1 this is synchronous training.

    Raises ValueError if a border between modules with different losses holds no batches.

    >>> Asynchronous((1, 2), order="cyclic").turns((0, 1), 3, None)
    [(0,), (1,), (0,), (), (0,), (1,)]
    """

    slowdown: tuple = ()
    order: str = "random"

    def __post_init__(self):
        object.__setattr__(self, "slowdown", tuple(float(number("a slowdown", S, 1))
                                                   for S in several("slowdown", self.slowdown)))
        one_of("order", self.order, ("random", "cyclic"))

    def __call__(self, net, epochs):
        if self.slowdown and len(self.slowdown) != len(net.losses):
            raise ValueError(f"a slowdown for each of {len(net.losses)} losses; got {len(self.slowdown)}")
        for j, crossed in enumerate(crossed_borders(net.reach, net.wiring)):
            border, read = net.borders[j], any(j in sources for sources in net.wiring.cells)
            if read and not crossed and not (border is not None and border.holds):
                raise ValueError(f"module {j + 1} and its reader act at different times, and nothing between them "
                                 "keeps a batch: net.borders = [borders.ReplayBuffer(M=10) for _ in range(net.K - 1)]")
        of = {cell: [] for cell in range(len(net.heads))}  # losses take turns, and several may update a cell
        for i, S in zip(net.losses, self.slowdown or (1.0,) * len(net.losses)):
            for cell in net.updated_by((i,)):
                of[cell].append(S)
        slowdown = tuple(S[0] if len(S) == 1 else 1 / sum(1 / s for s in S or (1.0,)) for S in of.values())
        return [Phase(epochs, net.losses, turns=partial(self.turns, net.losses), ticks=len(net.losses),
                      slowdown=slowdown)]

    def turns(self, losses, batches, generator):
        """One loss in a tuple for each tick of an epoch, () where a slowed one does not act in its turn."""
        K = len(losses)
        order = torch.arange(K * batches)
        if self.order == "random":
            order = torch.cat([order[:K], order[K:][torch.randperm(K * (batches - 1), generator=generator)]])
        slowdown, taken, turns = self.slowdown or (1.0,) * K, [0] * K, []
        for k in (order % K).tolist():
            n, S = taken[k], slowdown[k]
            taken[k] += 1
            turns.append((losses[k],) if n == 0 or int(n / S) != int((n - 1) / S) else ())
        return turns


SCHEDULES = {"synchronous": synchronous, "sequential": sequential, "last only": last_only,
             "asynchronous": Asynchronous()}


def named(schedule):
    """The schedule of this name, or `schedule` itself if it is a function (net, epochs) -> list of Phase."""
    if isinstance(schedule, type):
        raise ValueError(f"schedule is the class {schedule.__name__}; give one of its kind, {schedule.__name__}()")
    if not callable(schedule) and not (isinstance(schedule, str) and schedule in SCHEDULES):
        raise ValueError(f"no schedule is called {schedule!r}; there are {', '.join(SCHEDULES)}")
    return schedule if callable(schedule) else SCHEDULES[schedule]


def phases(schedule, net, epochs):
    """The phases of a network's training. ValueError if a schedule gives some that it cannot be trained in."""
    try:
        made = named(schedule)(net, epochs)
    except TypeError as error:
        if error.__traceback__.tb_next is not None:  # from inside of it
            raise
        raise ValueError(f"a schedule is called with a network and epochs; {schedule!r} cannot be: {error}") from None
    if not isinstance(made, list) or not made or not all(isinstance(phase, Phase) for phase in made):
        raise ValueError(f"a schedule gives a list of Phase, one at least; got {made!r}")
    trained = set()  # cells, up to and in a phase
    for phase in made:
        if not phase.losses or not set(phase.losses) <= set(net.losses):
            raise ValueError(f"a phase computes losses {phase.losses}; those that train something are {net.losses}")
        if net.reach[list(phase.losses), : phase.frozen].any():
            raise ValueError(f"a phase freezes {phase.frozen} modules, and some of its losses {phase.losses} train "
                             f"them by\n{net.reach}")
        trained |= set(net.updated_by(phase.losses))
        _refuse_reading(net, phase.losses, trained)
        for together in [phase.losses] if phase.turns is None else [(i,) for i in phase.losses]:
            _refuse_sharing(net, together)
    return made


def _refuse_reading(net, losses, trained):
    """ValueError if the head of one of these losses reads what has never been trained, and is to be one day."""
    cells = net.cells
    untrained = {p: j for j, cell in enumerate(cells) if j not in trained for p in cell.parameters() if p.requires_grad}
    for i in losses:
        if read := {untrained[p] for p in cells[i].reads() if p in untrained}:
            raise ValueError(f"head {i + 1} reads parameters of cell {min(read) + 1}, which no loss has trained by "
                             "then: train both in one phase (schedule=\"synchronous\"), or take a head of its own")


def _refuse_sharing(net, losses):
    """ValueError if these losses move a parameter of a cell that is not theirs, and which should stand still."""
    trained, moved, still = net.updated_by(losses), {}, {}
    for j, cell in enumerate(net.cells):
        for name, part in (("module", cell.module), ("head", cell.head)):
            for p in () if part is None else part.parameters():
                (moved if j in trained else still).setdefault(p, f"{name} {j + 1}")
    for p in moved.keys() & still.keys():
        if p.requires_grad:
            raise ValueError(f"{still[p]} shares a parameter with {moved[p]} and would move while that trains and it "
                             "stands still: give each its own (copy.deepcopy)")
