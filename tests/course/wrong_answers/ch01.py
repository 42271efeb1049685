"""Answers to the exercises of chapter 01 that must be told what is wrong."""

import torch.nn.functional as F


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
    "1.1": [(lambda K, batches: 1.0, "until the last worker starts"),
            (lambda K, batches: 1 / K, "only the start is lost"),
            (lambda K, batches: batches / (batches + K - 1), "only the start is lost"),
            (lambda K, batches: float("nan"), "you have nan")],
    "1.2": [(lambda batch, channels, size: batch * size**2 * (channels[0] + 2 * sum(channels[1:])), "4 bytes"),
            (lambda batch, channels, size: 4 * batch * size**2 * sum(channels), "what its BatchNorm keeps"),
            (lambda batch, channels, size: 4 * batch * size**2 * (channels[0] + 3 * sum(channels[1:])), "stored once"),
            (lambda batch, channels, size: float("nan"), "you have nan")],
    "1.3": [(lambda body, heads, x, y: _losses(body, heads, x, y, border=0), "loss 4 leaks into module 1"),
            (lambda body, heads, x, y: _losses(body, heads, x, y, border=1), "loss 2 does not reach module 1"),
            (lambda body, heads, x, y: _losses(body, heads, x, y, border=2, before_head=True),
             "loss 2 does not reach module 1"),
            (lambda body, heads, x, y: _losses(body, [None, heads[0], None, heads[3]], x, y, border=2),
             "so head 2 is heads[1]"),
            (lambda body, heads, x, y: {name: -loss for name, loss in _losses(body, heads, x, y, border=2).items()},
             "loss 2 is not the cross-entropy"),
            (lambda body, heads, x, y: list(_losses(body, heads, x, y, border=2).values()), 'return {"loss 2"')],
}
