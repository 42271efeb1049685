"""Answers to the exercises of chapter 01 that must be told what is wrong."""

import numpy as np
import torch
import torch.nn.functional as F

from llcourse import reach
from llcourse.course.solutions.ch01 import kept_for_backward, two_losses


def ones(module_input, output, parameters, message):
    return torch.autograd.grad(output.sum(), module_input)[0]


def no_message(module_input, output, parameters, message):
    return torch.autograd.grad(output, module_input)[0]


def added(module_input, output, parameters, message):
    output.backward(message)
    return module_input.grad


def twice(module_input, output, parameters, message):
    for parameter, gradient in zip(parameters, torch.autograd.grad(output, parameters, message)):
        parameter.grad = gradient
    return torch.autograd.grad(output, module_input, message)[0]


def whole_tuple(module_input, output, parameters, message):
    return torch.autograd.grad(output, module_input, message)


def message_returned(module_input, output, parameters, message):
    output.backward(message)
    return message


def only_the_leaf(module_input, output, parameters, message):
    return torch.autograd.grad(output, module_input, message)[0]


def mixed_up(module_input, output, parameters, message):
    sent, *gradients = torch.autograd.grad(output, [module_input, *parameters], message)
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = -gradient
    return sent


def steps_too(module_input, output, parameters, message):
    sent, *gradients = torch.autograd.grad(output, [module_input, *parameters], message)
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
        parameter.data -= 0.1 * gradient
    return sent


def in_eval_mode(body, heads, x, y):
    return two_losses(body.eval(), heads, x, y)


def run_twice(body, heads, x, y):
    return {"loss 2": two_losses(body, heads, x, y)["loss 2"], "loss 4": two_losses(body, heads, x, y)["loss 4"]}


def _losses(body, heads, x, y, border, before_head=False):
    losses = {}
    for j, module in enumerate(body, 1):
        x = module(x)
        if j == border and before_head:
            x = x.detach()
        if j in (2, 4):
            losses[f"loss {j}"] = F.cross_entropy(heads[j - 1](x), y)
        if j == border:
            x = x.detach()
    return losses


WRONG = {
    "1.1": [(ones, "Does it begin with `message`"), (no_message, "an output is no scalar"),
            (added, "added to what .grad held"), (twice, "in one call"), (whole_tuple, "returns a tuple"),
            (message_returned, "the message itself"), (only_the_leaf, "has not got its gradient"),
            (mixed_up, "is it another parameter's"), (steps_too, "the weights moved")],
    "1.2": [(lambda batch, channels, size: batch * size**2 * (channels[0] + 2 * sum(channels[1:])), "4 bytes"),
            (lambda batch, channels, size: 4 * batch * size**2 * sum(channels), "what its BatchNorm keeps"),
            (lambda *given: torch.tensor(kept_for_backward(*given) / 2**20), "in MiB"),
            (lambda *given: np.float64(kept_for_backward(*given) / 1e6), "in MB"),
            (lambda batch, channels, size: kept_for_backward(1, channels, size), "that is one image"),
            (lambda batch, channels, size: kept_for_backward(batch, channels, size) / size, "size * size"),
            (lambda batch, channels, size: list(channels), "one number"),
            (lambda batch, channels, size: 4 * batch * size**2 * (channels[0] + 3 * sum(channels[1:])), "stored once"),
            (lambda batch, channels, size: float("nan"), "you have nan")],
    "1.3": [(lambda body, heads, x, y: _losses(body, heads, x, y, border=0), "loss 4 leaks into module 1"),
            (lambda body, heads, x, y: _losses(body, heads, x, y, border=1), "loss 2 does not reach module 1"),
            (lambda body, heads, x, y: _losses(body, heads, x, y, border=2, before_head=True),
             "loss 2 does not reach module 1"),
            (lambda body, heads, x, y: _losses(body, [None, heads[0], None, heads[3]], x, y, border=2),
             "so head 2 is heads[1]"),
            (run_twice, "runs 2 times"), (in_eval_mode, "left in eval mode"),
            (lambda body, heads, x, y: {name: -loss for name, loss in _losses(body, heads, x, y, border=2).items()},
             "loss 2 is not the cross-entropy"),
            (lambda body, heads, x, y: list(_losses(body, heads, x, y, border=2).values()), 'return {"loss 2"')],
    "1.4": [(reach.backprop(5), "the budget is 7"), (torch.tensor(reach.local(5)), "foresight is 0"),
            (reach.interlocking(5, 2), "find more than that"), (reach.overlapping(5, 3), "every 8 units"),
            (reach.interlocking(4, 2), "5 rows"), ([[0] * 5] * 4 + [[0, 1, 1, 1, 1]], "module 1")],
}
