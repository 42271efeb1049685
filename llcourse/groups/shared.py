"""The first layer of heads that see all channels: one dense convolution, whose input gradient goes to owners alone."""

import torch
import torch.nn.functional as F
from torch import nn


class _OwnersOnly(torch.autograd.Function):
    """conv2d(h, weight), G heads side by side in the weight's rows; head g's gradient reaches the g-th part of h's
    channels and no other."""

    @staticmethod
    def forward(ctx, h, weight, stride, padding, G):
        ctx.save_for_backward(h, weight)
        ctx.settings = stride, padding, G
        return F.conv2d(h, weight, None, stride, padding)

    @staticmethod
    def backward(ctx, gradient):
        h, weight = (t.to(gradient.dtype) for t in ctx.saved_tensors)  # under autocast the output had another dtype
        stride, padding, G = ctx.settings
        back = torch.ops.aten.convolution_backward
        shared = None, stride, padding, (1, 1), False, (0, 0)
        for_h = for_weight = None
        if ctx.needs_input_grad[1]:
            for_weight = back(gradient, h, weight, *shared, 1, (False, True, False))[1]
        if ctx.needs_input_grad[0]:
            parts = weight.unflatten(0, (G, -1)).unflatten(2, (G, -1))  # (head, its outputs, group read, its channels)
            own = parts.diagonal(dim1=0, dim2=2).movedim(-1, 0).flatten(0, 1)
            for_h = back(gradient, h, own, *shared, G, (True, False, False))[0]
        return for_h, for_weight, None, None, None


class SharedConv2d(nn.Module):
    """G convolutions of the same input, (batch, C, H, W) -> (batch, G * outputs, H, W); see `_OwnersOnly`.

    What Exchange with share 1 and a grouped convolution compute, without G copies of the features: the work of one
    convolution forward and for the weights, and 1 / G of it for the input.
    """

    def __init__(self, several):
        super().__init__()
        first, self.G = several[0], len(several)
        self.stride, self.padding = first.stride, first.padding
        self.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in several]))

    def forward(self, h):
        return _OwnersOnly.apply(h, self.weight, self.stride, self.padding, self.G)

    def extra_repr(self):
        return f"{self.weight.shape[1]} -> {self.G} x {len(self.weight) // self.G}, stride={self.stride}"
