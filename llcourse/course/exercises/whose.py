"""Exercises 6.1 and 6.2: whose gradient is it? Of what a learner's code left in `.grad`, which losses add up to it."""

from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ... import reach
from . import Wrong, watch
from .refusals import explained

REFUSALS = {  # what autograd says, and what it means here
    "backward through the graph a second time":
        "an earlier pass through this module freed its graph: all but the last one retain it, retain_graph=True",
    "Mismatch in shape":
        "a gradient has another shape than the output that it starts from. What comes from above is the gradient of "
        "the leaf of module j + 1. Start at the last module: its message is the first to be sent",
    "does not require grad and does not have a grad_fn":
        "you start from a tensor without a graph: begin at the module's output, with a gradient for it",
}
NEAR = 1e-9


def _net(K):
    """K modules with BatchNorm and different widths, their heads, and a batch, in float64."""
    widths = [4, *range(9, 9 - K, -1)]
    body = [nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.Tanh()) for a, b in zip(widths, widths[1:])]
    heads = [nn.Linear(b, 3) for b in widths[1:]]
    net = nn.ModuleDict({"body": nn.ModuleList(body), "heads": nn.ModuleList(heads)}).double()
    return net, torch.randn(12, 4, dtype=torch.float64), torch.arange(12) % 3


class _Truth:
    """By plain autograd on the whole graph: of loss i the gradient at the output of module j, `at[i, j]`, and the one
    of its parameters, `of[i, j]`, a vector; of the heads `head[i]`. Counted from 1; output 0 is the image."""

    def __init__(self, net, x, y):
        net, outputs = deepcopy(net), [x.clone().requires_grad_()]
        for module in net.body:
            outputs.append(module(outputs[-1]))
        self.at, self.of, self.head = {}, {}, {}
        for i, head in enumerate(net.heads, 1):
            loss = F.cross_entropy(head(outputs[i]), y)
            self.head[i] = _vector(torch.autograd.grad(loss, list(head.parameters()), retain_graph=True))
            for j in range(i + 1):
                self.at[i, j] = torch.autograd.grad(loss, outputs[j], retain_graph=True)[0]
            for j, module in enumerate(net.body[:i], 1):
                self.of[i, j] = _vector(torch.autograd.grad(loss, list(module.parameters()), retain_graph=True))

    def shares(self, found, j, others=()):
        """{loss: factor} such that these gradients of module j add up to the vector `found`; None if none do.

        others: {name: vector} of what else may be in it, such as the gradient of the batch before.
        """
        columns = {i: v for (i, k), v in self.of.items() if k == j} | dict(others)
        A = torch.stack(list(columns.values()), dim=1)
        factors = torch.linalg.lstsq(A, found).solution
        if not (A @ factors - found).abs().max() <= NEAR:
            return None
        return {name: round(f, 6) for name, f in zip(columns, factors.tolist()) if abs(f) > 1e-6}


def _vector(tensors):
    return torch.cat([t.flatten() for t in tensors])


def _found(module):
    """The module's gradients as a vector, 0 where there are none."""
    return _vector([torch.zeros_like(p) if p.grad is None else p.grad.to(p) for p in module.parameters()])


def module_step_right(answer):
    """Wrong unless answer(j, h, leaf, parameters, messages, N) is one module's part in a step of N-wise interlocking,
    for every module and N."""
    K = 5
    net, x, y = _net(K)
    truth = _Truth(net, x, y)
    for N in (2, 3, 1, 5, 4):
        inputs = [x]
        for module in net.body:
            inputs.append(module(inputs[-1].detach()).detach())
        for j in range(K, 0, -1):
            leaf, module = inputs[j - 1].clone().requires_grad_(), net.body[j - 1]
            h, parameters = module(leaf), list(module.parameters())
            for p in net.parameters():
                p.grad = torch.full_like(p, 0.5)  # of the batch before
            came = {i: truth.at[i, j].clone() for i in range(min(j + N - 1, K), max(j, N) - 1, -1)}
            before = watch.state(net)
            with explained(REFUSALS, f"N = {N}, module {j}: "):
                sent = answer(j, h, leaf, parameters, dict(came), N)
            if watch.moved(net, before):
                raise Wrong("the weights moved: this leaves gradients, and the step is the optimizer's")
            where = f"K = {K}, N = {N}, module {j}, messages of losses {', '.join(map(str, sorted(came)))}: "
            _trained_by_one(where, truth, module, j, came)
            _sent_on(where, truth, sent, j, N, came)


def _trained_by_one(where, truth, module, j, came):
    if any(p.grad is None for p in module.parameters()):
        raise Wrong(where + "a parameter has no gradient: set .grad of each")
    old = _vector([torch.full_like(p, 0.5) for p in module.parameters()])
    shares, far = truth.shares(_found(module), j, {"old": old}.items()), max(came)
    if shares == {far: 1}:
        return
    if shares is None:
        raise Wrong(where + "what is in .grad is no loss's gradient of the weights, nor a sum of some: a module's "
                            "gradients are what autograd makes of a message, from h to `parameters`")
    if shares == {"old": 1}:
        raise Wrong(where + "its parameters have not got their gradients: .grad still holds the batch before's")
    if "old" in shares:
        raise Wrong(where + "the gradient was added to what .grad held, of the batch before: replace it")
    losses = list(shares)
    if len(losses) > 1:
        mixed = "sum" if all(f == 1 for f in shares.values()) else "mix"
        raise Wrong(where + f"it learns from a {mixed} of losses {', '.join(map(str, sorted(losses)))}; in "
                            f"interlocking from one alone, the farthest in its window, here loss {far}")
    if losses and losses[0] != far:
        raise Wrong(where + f"it learns from loss {losses[0]}, and should from the farthest in its window, loss {far}")
    raise Wrong(where + f"its gradient is {shares.get(far, 0):g} times loss {far}'s: take it as autograd gives it")


def _sent_on(where, truth, sent, j, N, came):
    right = [i for i in came if i < j + N - 1]
    if not isinstance(sent, dict):
        raise Wrong(where + f"return a dictionary {{loss: gradient of leaf}}; this is a {type(sent).__name__}")
    for i in sent:
        if i not in came:
            raise Wrong(where + f"it sends a message of loss {i!r}, which did not come; the keys are losses' numbers")
        if i not in right:
            raise Wrong(where + f"it sends loss {i} on, but {i} - {j} + 1 = {N}: module {j} is the lowest in the "
                                "window of that loss")
    for i in right:
        if i not in sent:
            raise Wrong(where + f"loss {i} stays here, and module {j - 1}'s window reaches it too: it goes on" + (
                ", though it trains this module as well, for no loss lies beyond it" if i == max(came) else ""))
        given, expected = sent[i], truth.at[i, j - 1]
        if isinstance(given, tuple):
            raise Wrong(where + "a message is one tensor: autograd.grad returns a tuple, take what you need from it")
        if not isinstance(given, torch.Tensor):
            raise Wrong(where + f"a message is a tensor; this is a {type(given).__name__}")
        if given.shape != expected.shape:
            raise Wrong(where + f"a message to module {j - 1} has the shape of the leaf, {tuple(expected.shape)}; this "
                                f"has {tuple(given.shape)}" + (": it is handed on as it came, and should pass through "
                                                               "this module" if given.shape == came[i].shape else ""))
        if not (given - expected).abs().max() <= NEAR:
            other = next((k for k in came if (given - truth.at[k, j - 1]).abs().max() <= NEAR), None)
            raise Wrong(where + f"the message of loss {i} is not that loss's gradient of the leaf" + (
                f", it is loss {other}'s" if other else "; does leaf.grad hold more than one pass? autograd.grad "
                                                        "returns each by itself"))


def mended_right(answer):
    """Wrong unless answer(body, heads, x, y) leaves the gradients of 2-wise interlocking in `.grad`."""
    K = 4
    net, x, y = _net(K)
    truth, R = _Truth(net, x, y), reach.interlocking(K, 2)
    before, parts = watch.state(net), {f"module {j}": m for j, m in enumerate(net.body, 1)}
    with watch.Runs(parts) as runs, explained(REFUSALS):
        answer(net.body, net.heads, x, y)
    for name in parts:
        if runs.count(name) != 1:
            raise Wrong(f"{name} runs {runs.count(name)} times: once a batch, or its BatchNorm moves more often")
    if set(watch.weights(watch.moved(net, before))):
        raise Wrong("the weights moved: this leaves gradients, and the step is the optimizer's")
    measured, odd = np.zeros((K, K), int), []
    for j, module in enumerate(net.body, 1):
        shares = truth.shares(_found(module), j)
        if shares is None or any(f != 1 for f in shares.values()):
            odd.append(j)
        for i in shares or ():
            measured[i - 1, j - 1] = 1
    if odd:
        raise Wrong(f"what module {odd[0]} gets is no plain sum of losses' gradients: is a message one of another "
                    "module, or in .grad twice?")
    if (measured != R).any():
        raise Wrong(f"its measured reach is {_rows(measured)}; 2-wise is {_rows(R)}. {_means(measured, K)}")
    for i, head in enumerate(net.heads, 1):
        trains = R[i - 1].any()
        if (trains or _found(head).any()) and not (_found(head) - truth.head[i]).abs().max() <= NEAR:
            raise Wrong(f"the modules are right, but head {i} has not the gradient of its own loss")


def _rows(R):
    return " ".join("".join(map(str, row)) for row in R.tolist())


def _means(measured, K):
    if (measured == reach.local(K)).all():
        return "It is still local: print, for each module, whether the message from above is there when it is asked for"
    if not measured.any():
        return "No loss trains any module"
    if (measured == reach.backprop(K)).all():
        return "That is backprop: what goes down from a module is its own loss's gradient, not the one that trained it"
    if (measured.sum(axis=0) > 1).any():
        return ("A module learns from a sum: `h.backward` adds to the .grad of all behind it, and a module is to have "
                "one loss")
    return "Which loss's message does each module find?"
