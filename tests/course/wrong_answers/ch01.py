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


def negative(module_input, output, parameters, message):
    sent, *gradients = torch.autograd.grad(output, [module_input, *parameters], message)
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
    return -sent


def averaged(module_input, output, parameters, message, start=lambda output, message: (output * message).mean()):
    sent, *gradients = torch.autograd.grad(start(output, message), [module_input, *parameters])
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
    return sent


def mean_of_output(*given):
    return averaged(*given, start=lambda output, message: output.mean())


def squared(*given):
    return averaged(*given, start=lambda output, message: (output * message).square().sum())


def another_kept(module_input, output, parameters, message):
    sent, *gradients = torch.autograd.grad(output, [module_input, *parameters], message)
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.abs()
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


def _losses(body, heads, x, y, border=2, before_head=False, criterion=F.cross_entropy):
    losses = {}
    for j, module in enumerate(body, 1):
        x = module(x)
        if j == border and before_head:
            x = x.detach()
        if j in (2, 4):
            losses[f"loss {j}"] = criterion(heads[j - 1](x), y)
        if j == border:
            x = x.detach()
    return losses


def with_criterion(criterion):
    return lambda *given: _losses(*given, criterion=criterion)


def changed(change, **options):
    """The two losses of `_losses`, and what `change` makes of them."""
    def answer(*given):
        two, four = _losses(*given, **options).values()
        return dict(zip(("loss 2", "loss 4"), change(two, four)))
    return answer


def bytes_of(image=1, inner=2, last=2, extra=lambda channels: 0):
    return lambda batch, channels, size: 4 * (batch * size**2 * (
        image * channels[0] + inner * sum(channels[1:-1]) + last * channels[-1]) + extra(channels))


def weights(channels):
    return sum(9 * a * b for a, b in zip(channels, channels[1:]))


def unpadded(batch, channels, size):
    total = size**2 * channels[0]
    for c in channels[1:]:
        size -= 2
        total += 2 * size**2 * c
    return 4 * batch * total


ALMOST = [[0] * 5, [0] * 5, [1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]]  # foresight 6, 8 units

WRONG = {
    "1.1": [(ones, "this begins with ones"), (no_message, "an output is no scalar"),
            (added, "added to what .grad held"), (twice, "in one call"), (whole_tuple, "returns a tuple"),
            (message_returned, "the message itself"), (only_the_leaf, "has not got its gradient"),
            (mixed_up, "wrong sign"), (another_kept, "is it another parameter's"), (steps_too, "the weights moved"),
            (negative, "the gradient has the wrong sign"), (averaged, "divided by 24, the number of entries"),
            (mean_of_output, "this begins with ones"), (squared, "not the gradient of the loss"),
            (lambda *given: 3 * negative(*given), "-3 times")],
    "1.2": [(lambda batch, channels, size: batch * size**2 * (channels[0] + 2 * sum(channels[1:])), "4 bytes"),
            (lambda batch, channels, size: 4 * batch * size**2 * sum(channels), "what its BatchNorm keeps"),
            (lambda *given: torch.tensor(kept_for_backward(*given) / 2**20), "in MiB"),
            (lambda *given: np.float64(kept_for_backward(*given) / 1e6), "in MB"),
            (lambda batch, channels, size: kept_for_backward(1, channels, size), "that is one image"),
            (lambda batch, channels, size: kept_for_backward(batch, channels, size) / size, "size * size"),
            (lambda batch, channels, size: list(channels), "one number"),
            (bytes_of(inner=3), "stored once"), (bytes_of(inner=3, last=3), "in place writes over"),
            (bytes_of(extra=weights), "counts the weights"), (bytes_of(image=2), "the image twice"),
            (bytes_of(image=0), "the image is missing"), (unpadded, "with padding 1"),
            (bytes_of(last=1), "the last ReLU"), (lambda *given: 2 * kept_for_backward(*given), "not 8"),
            (bytes_of(1, 1, 0), "the convolutions' inputs"),
            (lambda *given: torch.tensor(1.23 * kept_for_backward(*given)), "too much, 1.22 times"),
            (lambda *given: np.float32(kept_for_backward(*given) / 3), "too little, a share of 0.33"),
            (lambda *given: 1 + 2j, "one number"),
            (lambda batch, channels, size: float("nan"), "you have nan: which is no number")],
    "1.3": [(lambda body, heads, x, y: _losses(body, heads, x, y, border=0), "loss 4 leaks into module 1"),
            (lambda body, heads, x, y: _losses(body, heads, x, y, border=1), "loss 2 does not reach module 1"),
            (lambda body, heads, x, y: _losses(body, heads, x, y, border=2, before_head=True),
             "loss 2 does not reach module 1"),
            (lambda body, heads, x, y: _losses(body, [None, heads[0], None, heads[3]], x, y, border=2),
             "and head 2 is heads[1]"),
            (run_twice, "runs 2 times"), (in_eval_mode, "left in eval mode"),
            (lambda body, heads, x, y: {name: -loss for name, loss in _losses(body, heads, x, y, border=2).items()},
             "loss 2 is the cross-entropy times -1"),
            (changed(lambda two, four: (two.item(), four.item())), "item() and numpy leave the graph"),
            (changed(lambda two, four: (two.detach().numpy(), four)), "loss 2 is no tensor but a ndarray"),
            (changed(lambda two, four: (two, two + four)), "loss 4 is the sum of both losses"),
            (changed(lambda two, four: (four, two)), "loss 2 is the cross-entropy of head 4 on the output of module 4"),
            (changed(lambda two, four: (two, four + 2 * two)), "the border between modules 2 and 3 is cut"),
            (changed(lambda two, four: (two, 1.1 * four)), "value of loss 4 is not the cross-entropy"),
            (with_criterion(lambda h, y: F.cross_entropy(h, y, reduction="sum")), "summed over the batch"),
            (with_criterion(lambda h, y: F.cross_entropy(h, y, reduction="none")), "loss 2 is no scalar"),
            (with_criterion(lambda h, y: F.cross_entropy(h.softmax(1), y)), "cross-entropy of a softmax"),
            (with_criterion(F.nll_loss), "applies no log_softmax"),
            (lambda body, heads, x, y: list(_losses(body, heads, x, y, border=2).values()), "keys 'loss 2', 'loss 4'")],
    "1.4": [(reach.backprop(5), "the budget is 7"), (torch.tensor(reach.local(5)), "foresight is 0"),
            (reach.interlocking(5, 2), "find more than that"), (reach.overlapping(5, 3), "every 8 units"),
            (reach.interlocking(4, 2), "5 rows"), (ALMOST, "every 8 units"), (np.array(ALMOST), "the budget is 7"),
            (torch.tensor(ALMOST), "A module may have two losses"), ([[0] * 5] * 4 + [[0, 1, 1, 1, 1]], "module 1")],
}
