"""Solutions of chapter 01."""

import torch
import torch.nn.functional as F

SOLUTIONS = {"1.1": "worker_backward", "1.2": "kept_for_backward", "1.3": "two_losses", "1.4": "far_but_fast"}


def worker_backward(module_input, output, parameters, message):
    wanted = [module_input, *parameters]
    sent, *gradients = torch.autograd.grad(output, wanted, message)  # from `message` back to the leaf
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient  # in place of the last batch's
    return sent


def kept_for_backward(batch, channels, size):
    image, *outputs = channels
    return 4 * batch * size**2 * (image + 2 * sum(outputs))


def two_losses(body, heads, x, y):
    h = body[1](body[0](x))
    first = F.cross_entropy(heads[1](h), y)
    h = body[3](body[2](h.detach()))
    return {"loss 2": first, "loss 4": F.cross_entropy(heads[3](h), y)}


far_but_fast = [  # foresight 2 + 2 + 1 + 1 + 0 = 6, a batch every 7 units
    [0, 0, 0, 0, 0],  # no loss at modules 1 and 2: no time for them
    [0, 0, 0, 0, 0],
    [1, 0, 1, 0, 0],  # module 1 learns from loss 3, two modules on
    [0, 1, 1, 0, 0],  # module 2 from loss 4, module 3 too
    [0, 0, 0, 1, 1],
]
