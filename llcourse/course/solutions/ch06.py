"""Solutions of chapter 06."""

import torch
import torch.nn.functional as F

SOLUTIONS = {"6.1": "module_step", "6.2": "mended", "6.3": "step_cost"}


def module_step(j, h, leaf, parameters, messages, N):
    sent = {i: torch.autograd.grad(h, leaf, gradient, retain_graph=True)[0]
            for i, gradient in messages.items() if i < j + N - 1}
    for p, gradient in zip(parameters, torch.autograd.grad(h, parameters, messages[max(messages)])):
        p.grad = gradient
    return sent


def mended(body, heads, x, y):
    leaves, outputs, own = [], [], []
    for module, head in zip(body, heads):
        leaves.append(x.detach().requires_grad_())
        outputs.append(module(leaves[-1]))
        x = outputs[-1].detach().requires_grad_()
        F.cross_entropy(head(x), y).backward()
        own.append(x.grad)
    message = None
    for h, leaf, mine in reversed(list(zip(outputs, leaves, own))):  # from above: the message is there
        sent, = torch.autograd.grad(h, leaf, mine, retain_graph=True)
        h.backward(mine if message is None else message)
        message = sent


def step_cost(K, N):
    handed_on = sum(min(j + N - 1, K) - max(j, N) for j in range(2, K + 1))
    return (3 * K + handed_on) / (3 * K)
