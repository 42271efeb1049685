"""Solutions of chapter 01."""

import torch.nn.functional as F

SOLUTIONS = {"1.1": "busy_with_local_losses", "1.2": "kept_for_backward", "1.3": "two_losses"}


def busy_with_local_losses(K, batches):
    return 3 * batches / (K - 1 + 3 * batches)


def kept_for_backward(batch, channels, size):
    image, *outputs = channels
    return 4 * batch * size**2 * (image + 2 * sum(outputs))


def two_losses(body, heads, x, y):
    h = body[1](body[0](x))
    first = F.cross_entropy(heads[1](h), y)
    h = body[3](body[2](h.detach()))
    return {"loss 2": first, "loss 4": F.cross_entropy(heads[3](h), y)}
