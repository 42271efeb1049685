"""The reach that autograd shows, gradients with their sizes."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ..cell import taken
from ..copying import copied
from ..local import LocalNetwork
from ..reach import ReachError
from ..walk import TrainingWalk
from .batch import pair

LONGEST = 1000  # batches that borders may take to be filled


@dataclass
class MeasuredReach:
    """Which loss leaves a gradient in which part.

    losses, parts: names of rows and columns.   through: {(loss, part): {name of a parameter reached: norm of its
    gradient, of the slice that belongs to the part}}.   tensors: {part: names of its parameters, in order}.
    """

    losses: list
    parts: list
    through: dict
    tensors: dict

    @property
    def matrix(self):
        """(losses, parts) array of 0 and 1."""
        return np.array([[int((loss, part) in self.through) for part in self.parts] for loss in self.losses])

    @property
    def norms(self):
        """(losses, parameters) array of gradient norms, parts in order; NaN where no gradient arrives."""
        return np.array([[self.through.get((loss, part), {}).get(name, np.nan)
                          for part in self.parts for name in self.tensors[part]] for loss in self.losses])

    def differences(self, declared):
        """Lines that say where this differs from a declared matrix; an empty list if it does not.

        ReachError if that has another shape: of neuron groups it is reach.groups(K, G), a row and a column a cell.
        """
        lines, shape = [], (len(self.losses), len(self.parts))
        if np.shape(declared) != shape:
            raise ReachError(f"measured are {shape[0]} losses and {shape[1]} parts, declared is a matrix of shape "
                             f"{np.shape(declared)}; of neuron groups declare reach.groups(K, G)")
        for i, loss in enumerate(self.losses):
            for j, part in enumerate(self.parts):
                names = list(self.through.get((loss, part), ()))
                if names and not declared[i][j]:
                    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                    lines.append(f"{loss} leaks into {part} through {', '.join(names[:3])}{more}")
                elif declared[i][j] and not names:
                    lines.append(f"{loss} does not reach {part}")
        return lines


class _UnrestrictedWalk(TrainingWalk):
    """The walk that trains, all losses but `only` left out, and with nothing held back.

    Training names the parameters of a pass where borders alone do not isolate; a measurement that did so too would see
    what it expects. Here all that a loss's graph is connected with gets its gradient; a cell that only hands a message
    on is the one thing left out, of its own pass. Every module builds its graph as in training, and graphs are kept, so
    that a tensor from an earlier module or batch is followed, not refused.
    """

    def __init__(self, net, x, y, only):
        super().__init__(net, x, y)
        self.only = only

    def losses(self, step):
        chosen = [(i, wants) for i, wants in zip(step.losses, step.wants) if i == self.only]
        if self.only is None:
            super().losses(step)
        elif chosen:
            super().losses(step._replace(losses=(self.only,), wants=(chosen[0][1],)))

    def back(self, loss):
        loss.backward(retain_graph=True)

    def carry(self, graph, message, trains, sources, last):
        own = [] if trains else [*graph.cell.module.parameters()]
        leaves = {s: leaf for s, leaf in graph.leaves.items() if leaf.requires_grad}
        others = [p for p in self.net.parameters() if p.requires_grad and all(p is not q for q in own)]
        torch.autograd.backward(graph.root(), message, retain_graph=True, inputs=[*leaves.values(), *others])
        gradients = {s: taken(leaf) for s, leaf in leaves.items()}
        return {s: gradients[s] for s in sources}


def reach(model, batch, losses=None, parts=None):
    """Measure the reach of a model: one backward pass a loss, then a look at which parameters hold a gradient.

    A LocalNetwork is measured through the walk that trains it, one loss at a time, without the restrictions that hold
    its gradients to what R declares. `batch` is (x, y), or an image set, of which eight images are taken. For any other
    nn.Module give `losses`, a function (model, *batch) -> {name: scalar}. parts: {name: nn.Module}, or slices of
    parameters, {name: [(parameter, slice), ...]} (default: modules of a LocalNetwork, children of others). A parameter
    counts as reached if autograd connects it with the loss, even where its gradient happens to be zero; a slice if
    its gradient is not zero. The model is copied: nothing of yours changes. Returns a MeasuredReach; raises ValueError
    if a parameter is in no part or no loss reaches any.

    >>> from llcourse import networks
    >>> net = networks.resnet(8, width=4).cut(2)
    >>> reach(net, (torch.randn(4, 3, 32, 32), torch.arange(4))).matrix.tolist()
    [[1, 0], [0, 1]]
    """
    model, parts = copied((model, parts))
    with torch.random.fork_rng(devices=[]):  # dropout and the like draw numbers
        return _reach(model, batch, losses, parts)


def _reach(model, batch, losses, parts):
    if hasattr(batch, "test_batches"):
        batch = next(batch.test_batches(8))
    if isinstance(model, LocalNetwork) and losses is None:
        batch = pair(batch)
        parts = parts or {name: part for name, part in model.parts().items() if name.startswith("module")}
        rows = _rows(model)
        gradients = _of_network(model, batch)
    elif losses is None:
        raise ValueError("a model that is no LocalNetwork needs losses=, a function (model, *batch) -> {name: scalar}")
    else:
        rows = losses(model, *batch)
        parts = parts or _children(model)
        gradients = _of_scalar
    named = [(part, *entry) for part, contents in parts.items() for entry in _entries(model, contents)]
    missed = _missed(model, named)
    if missed and not isinstance(model, LocalNetwork):
        raise ValueError(f"in no part, so not measured: {', '.join(missed[:5])}; name them in parts=")
    through, tensors = {}, {part: [] for part in parts}
    for part, name, _, _ in named:
        tensors[part].append(name)
    for loss, handle in rows.items():
        for (part, name, _, index), gradient in zip(named, gradients(handle, [p for _, _, p, _ in named])):
            if gradient is not None and (index is None or gradient[index].any()):
                norm = gradient[... if index is None else index].norm().item()
                through.setdefault((loss, part), {})[name] = norm
    if not through:
        raise ValueError("no loss reaches any parameter: does `losses` use the model that it is given, which is a "
                         "copy?")
    return MeasuredReach(list(rows), list(parts), through, tensors)


def _rows(net):
    """{name: (loss, objective)}: one a loss, or where an objective is a sum (`summands()`), one a summand."""
    rows = {}
    for i, objective in enumerate(net.objectives):
        if hasattr(objective, "summands"):
            rows |= {f"loss {i + 1}.{g + 1}": (i, one) for g, one in enumerate(objective.summands())}
        else:
            rows[f"loss {i + 1}"] = i, objective
    return rows


def _of_network(net, batch):
    """((loss, objective), parameters) -> gradients, by the walk that trains."""
    every = net.objectives

    def gradients(row, parameters):
        i, objective = row
        net.objectives = [*every[:i], objective, *every[i + 1:]]
        net.zero_grad(set_to_none=True)
        if i in net.losses:
            net.backward(*batch, walk=partial(_UnrestrictedWalk, only=i))
        return [p.grad for p in parameters]

    for _ in range(LONGEST):  # fills borders that hold batches, and whatever a module keeps of the batch before
        if len(net.backward(*batch, walk=partial(_UnrestrictedWalk, only=None))) == len(net.losses):
            return gradients
    raise ValueError(f"after {LONGEST} batches a border still holds back what its reader needs; nothing was measured")


def _of_scalar(loss, parameters):
    if not loss.requires_grad:
        return [None] * len(parameters)
    return torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)


def _entries(model, contents):
    """(name, parameter, index or None) of a part: of a module, or of a list of (parameter, slice)."""
    if isinstance(contents, torch.nn.Module):
        return [(name, p, None) for name, p in contents.named_parameters() if p.requires_grad]
    names = {id(p): name for name, p in model.named_parameters()}
    return [(f"{names.get(id(p), 'parameter')}[{_shown(index)}]", p, index) for p, index in contents if p.requires_grad]


def _missed(model, named):
    """Names of parameters that are in no part, and of those whose entries are not all in one."""
    left = {id(p): torch.ones(p.shape, dtype=torch.bool, device=p.device)
            for p in model.parameters() if p.requires_grad}
    for _, _, p, index in named:
        if id(p) in left:
            left[id(p)][... if index is None else index] = False
    return [name + (f" ({n} of {p.numel()} entries)" if n < p.numel() else "")
            for name, p in model.named_parameters() if p.requires_grad and (n := int(left[id(p)].sum()))]


def _shown(index):
    """A slice, or several, as one writes them: 0:4, or :, 0:4; of a mask how many entries it has."""
    if isinstance(index, torch.Tensor) and index.dtype == torch.bool:
        return f"{int(index.sum())} of {index.numel()} entries"
    if isinstance(index, tuple):
        return ", ".join(map(_shown, index))
    if isinstance(index, slice):
        return ":".join("" if end is None else str(end) for end in (index.start, index.stop))
    return str(index)


def _children(model):
    """The model's children as parts, and as "(itself)" the parameters that it holds directly."""
    own = torch.nn.ParameterDict({name: p for name, p in model.named_parameters(recurse=False)})
    return {**({"(itself)": own} if len(own) else {}), **dict(model.named_children())}
