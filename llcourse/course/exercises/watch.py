"""Seeing what a learner's code does beside what it returns: which modules ran, in which mode, what moved."""

from collections import namedtuple

Run = namedtuple("Run", "name training reads")  # one forward pass: in train mode? did its input ask for a gradient?


class Runs(list):
    """Context manager: a Run for every forward pass of the named modules, in order."""

    def __init__(self, parts):
        super().__init__()
        self._parts, self._hooks = parts, []

    def __enter__(self):
        for name, part in self._parts.items():
            self._hooks.append(part.register_forward_pre_hook(
                lambda module, given, name=name: self.append(Run(name, module.training, given[0].requires_grad))))
        return self

    def __exit__(self, *_):
        for hook in self._hooks:
            hook.remove()

    def count(self, name):
        """How often one of them ran."""
        return sum(run.name == name for run in self)


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
