"""Wrong answers to the exercises of chapter 06, each with words that its message must hold."""

import torch
import torch.nn.functional as F

from llcourse.course.solutions.ch06 import module_step, step_cost


def part(trains=max, goes_on=lambda i, j, N: i < j + N - 1, send=lambda g: g, add=False, scale=1.0):
    """The solution with one of its choices made otherwise."""
    def step(j, h, leaf, parameters, messages, N):
        sent = {i: send(torch.autograd.grad(h, leaf, g, retain_graph=True)[0])
                for i, g in messages.items() if goes_on(i, j, N)}
        for p, gradient in zip(parameters, torch.autograd.grad(h, parameters, messages[trains(messages)])):
            p.grad = scale * gradient + (p.grad if add else 0)
        return sent
    return step


def summed(j, h, leaf, parameters, messages, N):
    total = sum(messages.values())
    for p, gradient in zip(parameters, torch.autograd.grad(h, parameters, total, retain_graph=True)):
        p.grad = gradient
    return {i: torch.autograd.grad(h, leaf, g, retain_graph=True)[0] for i, g in messages.items() if i < j + N - 1}


def handed_over(j, h, leaf, parameters, messages, N):
    return {i: messages[i] for i in module_step(j, h, leaf, parameters, messages, N)}


def one_message(j, h, leaf, parameters, messages, N):
    sent = module_step(j, h, leaf, parameters, messages, N)
    return next(iter(sent.values()), torch.zeros(()))


def swapped(j, h, leaf, parameters, messages, N):
    sent = module_step(j, h, leaf, parameters, messages, N)
    return dict(zip(sent, reversed(sent.values())))


def no_weights(j, h, leaf, parameters, messages, N):
    return {i: torch.autograd.grad(h, leaf, g, retain_graph=True)[0] for i, g in messages.items() if i < j + N - 1}


def graph_freed(j, h, leaf, parameters, messages, N):
    for p in parameters:
        p.grad = None
    h.backward(messages[max(messages)])
    return {i: torch.autograd.grad(h, leaf, g)[0] for i, g in messages.items() if i < j + N - 1}


def piled(j, h, leaf, parameters, messages, N):
    """Reads leaf.grad, into which every backward() adds."""
    sent = {}
    for i, g in sorted(messages.items()):
        for p in parameters:
            p.grad = None
        h.backward(g, retain_graph=True)
        if i < j + N - 1:
            sent[i] = leaf.grad.clone()
    return sent


def step(sends=lambda own, trained: own, trains=lambda own, above: own if above is None else above, runs=1):
    """The solution of 6.2 with one of its choices made otherwise."""
    def backward(body, heads, x, y):
        passes = []
        for module, head in zip(body, heads):
            leaf = x.detach().requires_grad_()
            for _ in range(runs):
                h = module(leaf)
            x = h.detach().requires_grad_()
            F.cross_entropy(head(x), y).backward()
            passes.append((leaf, h, x.grad))
        sent = None
        for leaf, h, own in reversed(passes):
            gradient = trains(own, sent)
            sent, = torch.autograd.grad(h, leaf, sends(own, gradient), retain_graph=True)
            h.backward(gradient)
    return backward


def attached(body, heads, x, y):
    """Heads read outputs with their graph: every loss trains the module that it sits on as well."""
    passes = []
    for module, head in zip(body, heads):
        leaf = x.detach().requires_grad_()
        x = module(leaf)
        x.retain_grad()
        F.cross_entropy(head(x), y).backward(retain_graph=True)
        passes.append((leaf, x, leaf.grad))
    for (_, h, _), (_, _, sent) in zip(passes, passes[1:]):
        h.backward(sent)


def upside_down(body, heads, x, y):
    """Each module hands its message to the one above it."""
    passes = []
    for module, head in zip(body, heads):
        leaf = x.detach().requires_grad_()
        h = module(leaf)
        x = h.detach().requires_grad_()
        F.cross_entropy(head(x), y).backward()
        passes.append((leaf, h, x.grad))
    above = None
    for leaf, h, own in passes:
        h.backward(own if above is None else above, retain_graph=True)
        above, = torch.autograd.grad(h, leaf, own)


def by_backward(j, h, leaf, parameters, messages, N):
    """The solution of 6.1 in another style: backward() on what is kept apart by hand."""
    sent = {}
    for i in sorted(messages):
        leaf.grad = None
        for p in parameters:
            p.grad = None
        h.backward(messages[i], retain_graph=True)
        if i - j < N - 1:
            sent[i] = leaf.grad
    return sent


def from_above(body, heads, x, y):
    """The solution of 6.2 in another style: the listing with its second loop turned round."""
    leaves, outputs, own = [], [], []
    for module, head in zip(body, heads):
        leaves.append(x.detach().requires_grad_())
        outputs.append(module(leaves[-1]))
        x = outputs[-1].detach().requires_grad_()
        own += torch.autograd.grad(loss := F.cross_entropy(head(x), y), x, retain_graph=True)
        loss.backward()
    for j in reversed(range(len(outputs))):
        above = leaves[j + 1].grad if j + 1 < len(outputs) else own[j]
        sent, = torch.autograd.grad(outputs[j], leaves[j], own[j], retain_graph=True)
        outputs[j].backward(above)
        leaves[j].grad = sent


def broken(body, heads, x, y):
    """The listing of the chapter as it stands there."""
    leaves, outputs, own = [], [], []
    for module, head in zip(body, heads):
        leaves.append(x.detach().requires_grad_())
        outputs.append(module(leaves[-1]))
        x = outputs[-1].detach().requires_grad_()
        F.cross_entropy(head(x), y).backward()
        own.append(x.grad)
    for j, h in enumerate(outputs):
        last = j + 1 == len(outputs)
        above = None if last else leaves[j + 1].grad
        sent, = torch.autograd.grad(h, leaves[j], own[j], retain_graph=True)
        h.backward(own[j] if above is None else above)
        leaves[j].grad = sent


def overlapping(body, heads, x, y):
    """Sums, as in chapter 07."""
    passes = []
    for module, head in zip(body, heads):
        leaf = x.detach().requires_grad_()
        h = module(leaf)
        x = h.detach().requires_grad_()
        F.cross_entropy(head(x), y).backward()
        passes.append((leaf, h, x.grad))
    sent = 0
    for leaf, h, own in reversed(passes):
        h.backward(own + sent, retain_graph=True)
        sent, = torch.autograd.grad(h, leaf, own)


def two_wise_without_heads(body, heads, x, y):
    step()(body, heads, x, y)
    for head in heads:
        head.zero_grad()


WRONG = {
    "6.1": [(part(trains=min), "it learns from loss"),
            (part(trains=lambda m: next(reversed(m))), "it learns from loss"),
            (summed, "it learns from a sum of losses"),
            (part(scale=0.5), "its gradient is 0.5 times loss"),
            (part(add=True), "added to what .grad held"), (no_weights, "have not got their gradients"),
            (part(goes_on=lambda i, j, N: j > 1), "is the lowest in the window of that loss"),
            (part(goes_on=lambda i, j, N: i > j and i < j + N - 1), "module 4's window reaches it too"),
            (part(goes_on=lambda i, j, N: False), "for no loss lies beyond it"),
            (part(goes_on=lambda i, j, N: i < j + N - 1 and i < 5), "for no loss lies beyond it"),
            (lambda *given: (part(goes_on=lambda i, j, N: i <= j + N - 1 and j > 1)(*given)), "lowest in the window"),
            (handed_over, "it is handed on as it came"), (one_message, "return a dictionary"),
            (swapped, "it is loss"), (part(send=lambda g: -g), "is not that loss's gradient"),
            (part(send=lambda g: (g,)), "a tuple"), (piled, "does leaf.grad hold more than one pass"),
            (graph_freed, "freed its graph")],
    "6.2": [(broken, "1000 0100 0010 0001; 2-wise is 0000 1000 0100 0011. It is still local"),
            (upside_down, "Start at the last module"), (step(sends=lambda own, trained: trained), "That is backprop"),
            (step(trains=lambda own, above: own), "It is still local"), (overlapping, "A module learns from a sum"),
            (attached, "A module learns from a sum"),
            (step(runs=2), "runs 2 times"), (two_wise_without_heads, "head 2 has not the gradient of its own loss"),
            (lambda body, heads, x, y: torch.zeros(1), "runs 0 times")],
    "6.3": [(lambda K, N: 1.0, "Module j hands on"), (lambda K, N: 3 * K * step_cost(K, N), "Divide by backprop's"),
            (lambda K, N: (3 * K + (N - 1) * K) / (3 * K), "Not every module hands N - 1"),
            (lambda K, N: (3 * K + sum(min(j + N - 1, K) - j for j in range(1, K + 1))) / (3 * K),
             "module 1 hands nothing on"),
            (lambda K, N: (3 * K + sum(min(j + N - 1, K) - j for j in range(2, K + 1))) / (3 * K),
             "train no module and are not computed"),
            (lambda K, N: (3 * K + sum(max(0, min(j + N - 2, K) - max(j, N) + 1) for j in range(2, K + 1))) / (3 * K),
             "near the top loss K does both"),
            (lambda K, N: (3 * K + sum(min(j + N - 1, K) - max(j, N) + 1 for j in range(2, K + 1))) / (3 * K),
             "is not handed on"),
            (lambda K, N: step_cost(K, N) if N < K else K, "list them for K = 4"),
            (lambda K, N: [1.0], "return one number")],
}
