"""A cell: a module with its head and objective. It runs on leaves, and gradients come and go as messages."""

from contextlib import contextmanager

import torch

from .objectives import Record


class Cell:
    """A view on what a network owns: module (None for a head alone), head and objective, and its number in the text."""

    def __init__(self, number, module, head, objective):
        self.number, self.module, self.head, self.objective = number, module, head, objective

    def parameters(self):
        """Those of module, head and objective: what an optimizer of this cell steps."""
        return [p for part in (self.module, self.head, self.objective) if part is not None for p in part.parameters()]

    def reads(self):
        """Parameters of other cells that its head reads as constants: those that the head or a part of it names as its
        `reads` (see sequences/heads.py)."""
        return [p for part in self.head.modules() for p in getattr(part, "reads", ())]

    def forward(self, inputs, sends, context=(), shows=False):
        """Run the module on leaves of `inputs`, {source: tensor}, and on context, tensors; returns its Graph.

        shows: whether modules above read what this one is given.   sends: the sources that will get a message back;
        None if nothing comes back at all, and no graph is built.
        """
        with torch.set_grad_enabled(sends is not None):
            leaves = {s: x.detach().requires_grad_(s in (sends or ())) for s, x in inputs.items()}
            context = [supplied.detach() for supplied in context]  # no gradient comes back that way
            return Graph(self, leaves, *outcome(self.number, self.module, *leaves.values(), *context, shows=shows))

    def logits(self, outputs, wants):
        """The head's logits on leaves of `outputs`, {cell: tensor}, and these leaves.

        wants: the cells at which a gradient is asked for.
        """
        leaves = {j: h.detach().requires_grad_(j in wants) for j, h in outputs.items()}
        return tensor_of(f"head {self.number}", self.head, *leaves.values()), leaves

    def loss(self, logits, leaves, image, y, peers):
        """The objective's value: a scalar with its graph. ValueError if it is not one, or no parameter is behind it."""
        record = Record(next(iter(leaves.values())), image, y, peers)
        name = f"objective {self.number}"
        with untouched(name, logits, record.h, image, y, *peers.values()):
            loss = self.objective(logits, record)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            given = f"shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else f"type {type(loss).__name__}"
            raise ValueError(f"{name} gives something of {given}: a loss is one number a batch, such as the mean over "
                             "its examples")
        if not loss.requires_grad:
            raise ValueError(f"loss {self.number} trains nothing: all parameters before it are frozen "
                             "(requires_grad=False)")
        return loss


def named(kind, several):
    """{"module 1": module, ...}; one that says which slices of its parameters are whose is several: "module 1.1"."""
    every = {}
    for j, one in enumerate(several, start=1):
        parts = one.parts() if hasattr(one, "parts") else None
        every |= {f"{kind} {j}.{g + 1}": part for g, part in parts.items()} if parts else {f"{kind} {j}": one}
    return every


class Graph:
    """One forward pass of a cell: the leaves it read, its output (detached), and the graph between them; given: what
    the module says that it was given (detached), None if nobody reads it.

    The graph lives until the last `pull`.
    """

    def __init__(self, cell, leaves, out, given):
        self.cell, self.leaves, self.output = cell, leaves, out.detach()
        self.given = None if given is None else given.detach()
        self._out = out

    @property
    def unused(self):
        """The module handed its input on as it is, and nothing below asks for a gradient: no weight was used."""
        return not self._out.requires_grad and any(self._out is leaf for leaf in self.leaves.values())

    def root(self):
        """The output with its graph; ValueError if the module gave it none."""
        if not self._out.requires_grad:
            raise ValueError(f"module {self.cell.number} gives an output without a graph, so that no gradient can "
                             "train it: does it detach what it returns?")
        return self._out

    def pull(self, message, trains, sources, last):
        """One backward pass from the gradient `message` of the output; returns {source: gradient of its leaf}.

        trains: whether the module's parameters get theirs, added to `.grad`.   last: drop the graph afterwards.
        """
        out, wanted = self.root(), [self.leaves[s] for s in sources]
        if last:
            self._out = None
        asking = sum(leaf.requires_grad for leaf in self.leaves.values())
        if trains and asking == len(wanted):
            wanted = None  # where borders alone isolate, a plain backward() runs: a missing border is noticed
        elif trains:  # a leaf asks for a gradient that another pass takes; in this one it is not worth computing
            wanted += [p for p in self.cell.module.parameters() if p.requires_grad]
        torch.autograd.backward(out, message, retain_graph=not last, inputs=wanted)
        return {s: taken(self.leaves[s]) for s in sources}


def taken(leaf):
    """The gradient that a backward pass left at a leaf; the leaf has none afterwards."""
    gradient, leaf.grad = leaf.grad, None
    return gradient


def tensor_of(name, f, *tensors):
    """f(*tensors). ValueError if it writes to one of them, or gives anything but one tensor."""
    with untouched(name, *tensors):
        out = f(*tensors)
    if not isinstance(out, torch.Tensor):
        raise ValueError(f"{name} gives a {type(out).__name__}: what modules, heads and borders hand on is one tensor, "
                         "so let it return one (torch.cat joins several)")
    return out


def outcome(number, module, *tensors, shows):
    """(output, None) of a module; (output, input) of one whose input others read, `shows`."""
    name = f"module {number}"
    if not shows:
        return tensor_of(name, module, *tensors), None
    with untouched(name, *tensors):
        out = module(*tensors)
    if not isinstance(out, tuple) or len(out) != 2 or not all(isinstance(each, torch.Tensor) for each in out):
        raise ValueError(f"{name} gives a {type(out).__name__}: modules above read what it is given too, so let it "
                         "return two tensors, (output, input), as context.Supplied does")
    return out


@contextmanager
def untouched(name, *tensors):
    """ValueError if the block writes to one of the tensors, which others read too; None stands for no tensor."""
    watched = [tensor for tensor in tensors if tensor is not None and not tensor.is_inference()]
    before, refused = [tensor._version for tensor in watched], None
    try:
        yield
    except RuntimeError as error:
        if "a leaf Variable that requires grad" not in str(error) and "update to inference tensor" not in str(error):
            raise
        refused = error  # PyTorch's own guard, where the input asks for a gradient
    if refused or before != [tensor._version for tensor in watched]:
        raise ValueError(f"{name} changes its input in place, which heads and modules beside it read too: let it work "
                         "on a copy (layers such as nn.ReLU: inplace=False)") from refused
