"""LocalNetwork: modules, heads, and what is declared about them: reach, objectives, wiring, borders."""

from contextlib import nullcontext

import torch
from torch import nn

from . import objectives as declared
from . import reach as reaches
from . import routes
from . import wiring as wirings
from .arguments import several, whole
from .borders import each, held_back, refuse_crossing
from .cell import Cell, named
from .copying import copied
from .walk import TrainingWalk, Walk


class LocalNetwork(nn.Module):
    """Modules, each with a head; `reach` says which head's loss trains which module.

    body: K nn.Modules; the j-th is called with what `wiring` says it reads (default a chain: the output of the one
    before).   heads: K nn.Modules or more, from a module's output to logits; the last is the network's own classifier.
    reach: a row a head, a column a module (default: every module its own loss).   objectives: one for all losses, or a
    list of one a head (see objectives.py; default: cross-entropy).   Parameters are shared with the modules given, not
    copied. `reach` and `objectives` can be set later, one line a method; `borders` too, a list of up to K entries: what
    stands above each module, a borders.Border or None; and `weights`, a factor on each module's gradient.

    `precision` is the dtype to autocast the forward pass to, or None to leave autocast as it is found.

    >>> net = LocalNetwork([nn.Linear(4, 8), nn.Linear(8, 8)], [nn.Linear(8, 3), nn.Linear(8, 3)])
    >>> net.reach.tolist(), net.losses
    ([[1, 0], [0, 1]], (0, 1))
    """

    def __init__(self, body, heads, reach=None, objectives=None, wiring=None):
        super().__init__()
        body, heads = several("body", body), several("heads", heads)
        if strange := [part for part in (*body, *heads) if not isinstance(part, nn.Module)]:
            raise ValueError(f"body and heads are lists of nn.Module; got {strange[0]!r}")
        self._wiring = wirings.chain(len(body)) if wiring is None else wiring
        if (len(body), len(heads)) != (len(self.wiring.cells), len(self.wiring.heads)):
            raise ValueError(f"every module needs a head: got {len(body)} modules and {len(heads)} heads, where the "
                             f"wiring has {len(self.wiring.cells)} and {len(self.wiring.heads)}")
        self.body, self.heads = nn.ModuleList(body), nn.ModuleList(heads)
        self._precision = None
        self._plans, self._modules["borders"] = {}, nn.ModuleList([None] * self.K)
        self.weights = [1.0] * self.K
        self._passed = [frozenset()] * self.K
        self.reach = reaches.local(self.K, len(heads)) if reach is None else reach
        self.objectives = declared.CrossEntropy() if objectives is None else objectives

    def __setattr__(self, name, value):
        if isinstance(getattr(type(self), name, None), property):  # nn.Module would register a module past its setter
            object.__setattr__(self, name, value)
        elif callable(value) and name[0] != "_" and name not in ("body", "heads") and not hasattr(type(self), name):
            raise ValueError(f"a LocalNetwork trains nothing called {name}: declare losses in net.objectives, and what "
                             "stands between modules in net.borders")
        else:
            super().__setattr__(name, value)

    @property
    def wiring(self):
        """What each cell reads: a Wiring. It is what the network is, and cannot be set."""
        return self._wiring

    @property
    def K(self):
        return len(self.body)

    @property
    def cells(self):
        """One Cell a loss: views on module, head and objective; beyond the K-th without a module."""
        body = [*self.body, *[None] * (len(self.heads) - self.K)]
        return [Cell(i, *parts) for i, parts in enumerate(zip(body, self.heads, self.objectives), start=1)]

    @property
    def objectives(self):
        return tuple(self._modules["objectives"])

    @objectives.setter
    def objectives(self, given):
        self._modules["objectives"] = nn.ModuleList(declared.each(given, len(self.heads)))

    @property
    def borders(self):
        return tuple(self._modules["borders"])

    @borders.setter
    def borders(self, given):
        every = each(given, self.K)
        passed = held_back(self.wiring, every)
        refuse_crossing(self._reach, self.wiring, every)
        self._modules["borders"], self._passed, self._plans = nn.ModuleList(every), passed, {}

    def peers(self, i):
        """The losses beside loss i, on other cells of its level, that see the same images."""
        return [k for k in self.wiring.peers(i) if self._passed[k] == self._passed[i]]

    @property
    def reach(self):
        view = self._reach.view()
        view.setflags(write=False)  # the plans are derived from it: a new matrix is set whole
        return view

    @reach.setter
    def reach(self, matrix):
        R = reaches.check(matrix, self.wiring)
        refuse_crossing(R, self.wiring, self.borders)
        self._reach, self._plans = R, {}

    @property
    def weights(self):
        """What each module's gradient is multiplied by: K numbers above 0. What goes on to other modules is not."""
        return self._weights

    @weights.setter
    def weights(self, given):
        try:
            weights = tuple(map(float, given))
        except (TypeError, ValueError):
            weights = ()
        if len(weights) != self.K or not all(0 < weight < float("inf") for weight in weights):
            raise ValueError(f"weights are {self.K} numbers above 0, one a module; got {given!r}")
        self._weights = weights

    @property
    def precision(self):
        return self._precision

    @precision.setter
    def precision(self, dtype):
        if dtype not in (None, torch.bfloat16, torch.float16):
            raise ValueError(f"precision is {dtype!r}; it is None, torch.bfloat16 or torch.float16")
        self._precision = dtype

    @property
    def losses(self):
        """Indices of the losses that train something, if only a final head; the others are not computed."""
        return tuple(i for i in range(len(self.heads)) if i >= self.K or self._reach[i].any())

    def updated_by(self, losses):
        """Indices of the cells whose parameters, the head's included, some of these losses train."""
        return sorted({*losses, *self._reach[list(losses)].any(axis=0).nonzero()[0].tolist()})

    def parts(self):
        """{"module 1": module, ..., "head 1": head, ...}: the names that measured reaches are reported in.

        One that says which slices of its parameters are whose (groups.Grouped) is several: "module 1.1" and on.
        """
        return named("module", self.body) | named("head", self.heads)

    def autocast(self):
        if self.precision is None:
            return nullcontext()
        # No cache of cast weights: each is cast once anyway, and one that outlives its step would hide every update.
        return torch.autocast(next(self.parameters()).device.type, dtype=self.precision, cache_enabled=False)

    def forward(self, x):
        """Logits of the last head: (batch, classes)."""
        last = len(self.heads) - 1
        return self.logits(x, (last,))[last]

    def logits(self, x, heads=None):
        """Logits of several heads (default: all) from one forward pass: {head's index: (batch, classes)}."""
        heads = tuple(range(len(self.heads))) if heads is None else several("heads", heads)
        if not set(heads) <= set(range(len(self.heads))):
            raise ValueError(f"there are heads 0 to {len(self.heads) - 1}; got {list(heads)}")
        steps = self._cached("forward", heads, lambda: routes.forward(self.wiring, heads))
        if not torch.is_inference_mode_enabled() or next(self.parameters()).is_inference():
            return Walk(self, x).run(steps).logits
        with torch.inference_mode(False), torch.no_grad():  # there a tensor does not know that it was written to
            return Walk(self, x).run(steps).logits

    def backward(self, x, y, losses=None, walk=TrainingWalk):
        """One forward pass; each loss leaves its gradient in `.grad` of the parameters its row of R names.

        x: (batch, ...), y: labels, (batch,) class indices for cross-entropy.  losses: the indices to compute (default:
        all that train something); only modules that these need run, those that none of them trains without a graph.
        Gradients add to what `.grad` holds. Returns {loss: detached scalar}; a loss whose border has nothing for it yet
        is missing. Raises ValueError for a loss that trains nothing.   walk: how the steps are carried out.
        """
        if torch.is_inference_mode_enabled():
            raise ValueError("there are no gradients within torch.inference_mode(): take the step outside of it")
        with torch.enable_grad():
            return walk(self, x, y).run(self.plan(losses)).values

    def plan(self, losses=None):
        """The steps of one batch on which `losses` (default: all that train something) are computed, see routes."""
        wanted = self.losses if losses is None else several("losses", losses)
        wanted = tuple(sorted({whole("a loss", i) for i in wanted}))
        if not wanted or not set(wanted) <= set(self.losses):
            raise ValueError(f"losses {[i + 1 for i in wanted]} asked for; those that train something are "
                             f"{[i + 1 for i in self.losses]} (numbered from 1)")
        trainable = tuple(any(p.requires_grad for p in module.parameters()) for module in self.body)
        held = frozenset(j for j, border in enumerate(self.borders) if border is not None and border.holds)
        return self._cached(trainable, wanted, lambda: routes.plan(self._reach * trainable, self.wiring, wanted, held))

    def reads_images(self, losses):
        """Whether a step of these losses needs a batch of images; else all of it comes out of borders."""
        return any(set(self.wiring.cells[step.cell]) == {wirings.IMAGE}
                   for step in (self.plan(losses) if losses else ()) if isinstance(step, routes.Forward))

    def _cached(self, kind, losses, make):
        if (kind, losses) not in self._plans:
            self._plans[kind, losses] = make()
        return self._plans[kind, losses]

    def mapped(self, f):
        """A LocalNetwork of f(module) and f(head) in place of each; all that is declared stays the same."""
        body, heads = [f(module) for module in self.body], [f(head) for head in self.heads]
        other = LocalNetwork(body, heads, self.reach, self.objectives, self.wiring)
        other.borders, other.precision, other.weights = list(self.borders), self.precision, self.weights
        return other

    def unheld(self):
        """A copy in which no border holds a batch back: each module acts on every batch, as it does in the long run."""
        other = copied(self)
        other.borders = [border and border.at_hand for border in other.borders]
        return other
