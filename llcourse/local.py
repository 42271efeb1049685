"""LocalNetwork: modules, heads and a reach matrix, and one training step of the three together."""

from collections import namedtuple
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import nn

from . import reach as reaches

Segment = namedtuple("Segment", "modules losses")  # a run of modules between two borders that no gradient crosses


class LocalNetwork(nn.Module):
    """K modules in a chain, each with a head; `reach` says which head's loss trains which module.

    body: K nn.Modules, each taking the output of the one before.   heads: K nn.Modules from a module's output to
    logits; the last is the network's own classifier.   reach: a K x K matrix (default: every module its own loss).
    loss: (logits, y) -> scalar.   Parameters are shared with the modules given, not copied.

    `precision` is the dtype to autocast the forward pass to, or None to leave autocast as it is found.
    """

    def __init__(self, body, heads, reach=None, loss=F.cross_entropy):
        super().__init__()
        if len(body) != len(heads):
            raise ValueError(f"every module needs a head: got {len(body)} modules and {len(heads)} heads")
        self.body, self.heads = nn.ModuleList(body), nn.ModuleList(heads)
        self.loss = loss
        self.precision = None
        self.reach = reaches.local(self.K) if reach is None else reach

    @property
    def K(self):
        return len(self.body)

    @property
    def reach(self):
        view = self._reach.view()
        view.setflags(write=False)  # the plans are derived from it: a new matrix is set whole
        return view

    @reach.setter
    def reach(self, matrix):
        R = reaches.check(matrix)
        if R.shape != (self.K, self.K):
            raise reaches.ReachError(f"this network has K = {self.K} modules; got a reach of shape {R.shape}")
        self._reach, self._plans = R, {}

    @property
    def losses(self):
        """Indices of the losses that train something; the others are not computed."""
        return tuple(i for i in range(self.K) if self._reach[i].any())

    def parts(self):
        """{"module 1": module, ..., "head 1": head, ...}: the names that measured reaches are reported in."""
        return {f"module {j + 1}": m for j, m in enumerate(self.body)} | {
            f"head {i + 1}": h for i, h in enumerate(self.heads)}

    def autocast(self):
        if self.precision is None:
            return nullcontext()
        # No cache of cast weights: each is cast once anyway, and one that outlives its step would hide every update.
        return torch.autocast(next(self.parameters()).device.type, dtype=self.precision, cache_enabled=False)

    def forward(self, x):
        """Logits of the last head: (batch, classes)."""
        with self.autocast():
            for module in self.body:
                x = module(x)
            return self.heads[-1](x)

    def logits(self, x, heads=None):
        """Logits of several heads (default: all) from one forward pass: {head's index: (batch, classes)}."""
        heads, outputs = range(self.K) if heads is None else heads, {}
        with self.autocast():
            for j in range(max(heads) + 1):
                x = self.body[j](x)
                if j in heads:
                    outputs[j] = self.heads[j](x)
        return outputs

    def backward(self, x, y, losses=None):
        """One forward pass; each loss leaves its gradient in `.grad` of the parameters its row of R names.

        x: (batch, ...), y: what `loss` takes, (batch,) class indices for cross-entropy.  losses: the indices to compute
        (default: all that train something); modules behind the last of them do not run, modules that none of them
        reaches run without a graph. Gradients add to what `.grad` holds. Returns (K,) detached loss values, NaN where a
        loss was not computed. Raises ValueError for a loss that trains nothing.
        """
        wanted = self.losses if losses is None else tuple(losses)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        values = x.new_full((self.K,), float("nan"), dtype=torch.float32)
        for segment in self._plans[wanted]:
            x = x.detach()  # the border: nothing behind it is reached, so its graph is already freed
            pending = []
            with self.autocast(), torch.set_grad_enabled(bool(segment.losses)):
                for j in segment.modules:
                    x = self.body[j](x)
                    if j in segment.losses:
                        pending.append((j, self.loss(self.heads[j](x), y)))
            while pending:
                i, loss = pending.pop(0)
                if not loss.requires_grad:
                    raise ValueError(f"loss {i + 1} trains nothing: all parameters before it are frozen (requires_grad=False)")
                loss.backward(inputs=self._trained_by(i, segment.modules[0]), retain_graph=bool(pending))
                values[i] = loss.detach()
        return values

    def _trained_by(self, i, first):
        """The parameters that loss i trains; None if they are all that its graph, from module `first` on, holds.

        Where borders alone isolate, a plain backward() runs: a missing border would then show as a leak.
        """
        if self._reach[i, first : i + 1].all():
            return None
        modules = [self.heads[i], *(self.body[j] for j in self._reach[i].nonzero()[0])]
        return [p for module in modules for p in module.parameters() if p.requires_grad]

    def _plan(self, wanted):
        """Cut the chain at every border that none of the wanted losses crosses."""
        if not wanted or not set(wanted) <= set(self.losses):
            raise ValueError(f"losses {[i + 1 for i in wanted]} asked for; those that train something are "
                             f"{[i + 1 for i in self.losses]} (numbered from 1)")
        R = self._reach.copy()
        R[[i for i in range(self.K) if i not in wanted]] = 0
        last, plan, start = max(wanted), [], 0
        for b in [*(~reaches.crossed(R)).nonzero()[0], self.K - 1]:
            if start <= last:
                modules = range(start, min(b, last) + 1)
                plan.append(Segment(modules, [i for i in modules if i in wanted]))
            start = b + 1
        return plan
