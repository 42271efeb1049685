"""Exercise 0.3: small nets whose reach is known, to try a learner's measurement on."""

import numpy as np
import torch
from torch import nn

from . import Wrong
from .refusals import explained

REFUSALS = {  # what autograd says, and what it means here
    "does not require grad and does not have a grad_fn":
        "one of the losses has no graph at all: it reaches nothing, its row is zeros. Ask loss.requires_grad first",
    "backward through the graph a second time":
        "losses may share a graph, and your first pass through it freed it: retain_graph=True",
    "appears to not have been used in the graph":
        "a loss need not use every parameter: with allow_unused=True autograd answers None for those out of its reach",
}


class Part(nn.Module):
    """A module that never uses one of its parameters, the first: connected is a module if any parameter is."""

    def __init__(self, inputs):
        super().__init__()
        self.unused, self.linear = nn.Parameter(torch.ones(2)), nn.Linear(inputs, 6)

    def forward(self, x):
        return self.linear(x).tanh()


def _losses(modules, border):
    h, losses = torch.randn(8, 4), []
    for module in modules:
        h = module(h)
        losses.append(h.pow(2).mean())
        if border:
            h = h.detach()
    return losses


def _cases():
    """(what the net is, losses, modules, reach)."""
    def chain():
        return [Part(4), Part(6), Part(6)]

    modules = chain()
    yield "three modules, a detach after each", _losses(modules, True), modules, np.eye(3, dtype=int)
    modules = chain()
    yield ("three modules without a detach", _losses(modules, False), modules, np.tril(np.ones((3, 3), int)))
    modules = chain()
    first, second, third = _losses(modules, False)
    yield ("three modules, loss 2 detached", [first, second.detach(), third], modules,
           np.array([[1, 0, 0], [0, 0, 0], [1, 1, 1]]))
    modules = chain()
    first, second, third = _losses(modules, True)
    yield ("three modules, loss 2 multiplied by 0", [first, 0 * second, third], modules, np.eye(3, dtype=int))


def measured_right(answer):
    """Wrong unless answer(losses, modules) is the reach of each case and nothing is left behind."""
    for name, losses, modules, expected in _cases():
        parameters = [p for module in modules for p in module.parameters()]
        before = [p.detach().clone() for p in parameters]
        with explained(REFUSALS, f"{name}: "):
            given = answer(losses, modules)
        _compare(name, given, expected)
        if any(p.grad is not None for p in parameters):
            raise Wrong("the rows are right, but gradients are left in .grad, and the next optimizer step would use "
                        "them: torch.autograd.grad returns gradients and leaves none")
        if not all(torch.equal(p, old) for p, old in zip(parameters, before)):
            raise Wrong("a measurement changes nothing: the parameters are others than before")
        _unswitched(modules, training=True)
    modules = [Part(4).eval(), Part(6).eval(), Part(6).eval()]
    losses = _losses(modules, True)
    for module in modules:
        module.linear.weight.grad = torch.ones_like(module.linear.weight)
    _compare("modules that hold gradients of a step before", answer(losses, modules), np.eye(3, dtype=int))
    if not all(module.linear.weight.grad is not None and (module.linear.weight.grad == 1).all() for module in modules):
        raise Wrong("gradients that were in .grad before your measurement are gone or changed: leave them alone")
    _unswitched(modules, training=False)


def _unswitched(modules, training):
    """Wrong if a parameter no longer asks for gradients, or if not all are in the mode they were in."""
    if not all(p.requires_grad for module in modules for p in module.parameters()):
        raise Wrong("the rows are right, but requires_grad is switched off, and these modules would never learn again: "
                    "leave it as it was")
    if any(part.training is not training for module in modules for part in module.modules()):
        mode, other = ("train", "eval") if training else ("eval", "train")
        raise Wrong(f"the rows are right, but modules that were in {mode} mode are left in {other} mode; what autograd "
                    "connects shows in either")


def _compare(name, given, expected):
    shape = expected.shape
    if not isinstance(given, list) or any(not isinstance(row, list) for row in given):
        raise Wrong("return a list of rows, one a loss, each with a 0 or 1 a module")
    if [len(row) for row in given] != [shape[1]] * shape[0]:
        raise Wrong(f"{name}: {shape[0]} losses and {shape[1]} modules make {shape[0]} rows of {shape[1]}; "
                    f"yours have {[len(row) for row in given]}")
    given = np.array(given)
    if np.array_equal(given, expected):
        return
    i, j = np.argwhere(given != expected)[0]
    at = f"{name}: entry ({i + 1}, {j + 1}) is {expected[i, j]}, you have {given[i, j]}"
    if np.array_equal(given, expected.T):
        raise Wrong(f"{at}; rows are losses, columns are modules, and yours are the other way round")
    if np.array_equal(given, np.maximum.accumulate(expected)) or name.startswith("modules that hold"):
        raise Wrong(f"{at}; .grad still holds what an earlier loss left there: each loss starts from nothing")
    if name.endswith("by 0"):
        raise Wrong(f"{at}; its gradient is zero, but there is one: connected counts, not the size")
    if not given.any():
        raise Wrong(f"{at}; a module counts as soon as one of its parameters is connected, and each of these has one "
                    "that is never used")
    raise Wrong(f"{at}; 1 where autograd has a gradient for some parameter of the module, 0 where it has None for all")
