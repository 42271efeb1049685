"""Seeing what a learner's code does beside what it returns: which modules ran, in which mode, what moved, which graphs
were kept."""

import weakref
from collections import namedtuple

import torch

from ...memory import Kept

Run = namedtuple("Run", "name training reads")  # one forward pass: in train mode? did an input ask for a gradient?


def _asks(given):
    return any(isinstance(x, torch.Tensor) and x.requires_grad for x in given)


class Runs(list):
    """Context manager: a Run for every forward pass of the named modules, in order."""

    def __init__(self, parts):
        super().__init__()
        self._parts, self._hooks = parts, []

    def __enter__(self):
        for name, part in self._parts.items():
            self._hooks.append(part.register_forward_pre_hook(
                lambda module, given, name=name: self.append(Run(name, module.training, _asks(given)))))
        return self

    def __exit__(self, *_):
        for hook in self._hooks:
            hook.remove()

    def count(self, name):
        """How often one of them ran."""
        return sum(run.name == name for run in self)


class Graphs(torch.autograd.graph.saved_tensors_hooks):
    """Context manager: for which of the named modules autograd keeps tensors.

    built: names that a graph was built for.   together: (name, other) where the graph of `other` was still alive when
    `name` began its forward pass.
    """

    def __init__(self, parts):
        super().__init__(self._pack, Kept.unpacked)
        self._parts, self._hooks, self._inside = parts, [], []
        self._kept, self.built, self.together = [], [], []  # kept: (name, weak reference to a Kept)

    def _pack(self, tensor):
        name = self._inside[-1] if self._inside else None
        if name and name not in self.built:
            self.built.append(name)
        kept = Kept(tensor)
        self._kept.append((name, weakref.ref(kept)))
        return kept

    def _begin(self, name):
        alive = {other for other, kept in self._kept if kept() is not None}
        self.together += [(name, other) for other in self.built if other in alive]
        self._inside.append(name)

    def __enter__(self):
        for name, part in self._parts.items():
            self._hooks.append(part.register_forward_pre_hook(lambda *_, name=name: self._begin(name)))
            self._hooks.append(part.register_forward_hook(lambda *_: self._inside.clear(), always_call=True))
        super().__enter__()
        return self

    def __exit__(self, *error):
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()


def state(module):
    """A copy of all that a module holds: weights and BatchNorm's averages, by name."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def moved(module, before):
    """Names of what differs from `before`, a `state` of this module or of its equal; rounding errors do not count."""
    return [name for name, tensor in module.state_dict().items()
            if not (tensor - before[name]).abs().max() <= 1e-9]


def averages(names):
    """Those of `names` that BatchNorm moves in a forward pass; the others are weights."""
    return [name for name in names if name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")]


def weights(names):
    """Those of `names` that only an optimizer moves."""
    return [name for name in names if name not in averages(names)]
