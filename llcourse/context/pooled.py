"""Convolution, BatchNorm, ReLU and average pooling in one, some images at a time."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable

IMAGES = 8  # at a time: of 64 x 32 x 32 2 MB
back = torch.ops.aten.convolution_backward


class Pooled(nn.Sequential):
    """The layers conv (3x3, without bias), norm, ReLU, nn.AvgPool2d, in that order, and what they compute.

    In a training step on a CPU of the maps before the pooling only the convolution's are kept, and all that happens to
    them happens to some images at a time, in a cache: an encoder for 64 x 8 x 8 takes half of its layers' time, there
    and back (128 images, one core). Everywhere else it is the layers.
    """

    def forward(self, x):
        conv, norm, _, pool = self
        if not (x.device.type == "cpu" and norm.training and norm.momentum is not None and torch.is_grad_enabled()
                and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()):
            return super().forward(x)
        out, mean, variance = _Pooled.apply(x, conv.weight, norm.weight, norm.bias, norm.eps, tuple(pool.kernel_size))
        with torch.no_grad():
            n = x.numel() // x.shape[1]
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(variance * n / (n - 1), norm.momentum)
            norm.num_batches_tracked += 1
        return out


class _Pooled(torch.autograd.Function):
    """With z the convolution's output, y = scale z + shift the normalised one, and m = 1 where y > 0: the pooled ReLU
    is scale pool(m z) + shift pool(m), and these two maps, small, are all that the gradients of scale and shift need.
    """

    @staticmethod
    def forward(ctx, x, weight, gamma, beta, eps, pool):
        pieces = [F.conv2d(some, weight, padding=1) for some in x.split(IMAGES)]
        mean, variance = moments(pieces)
        unit = (variance + eps).rsqrt()
        scale, shift = gamma * unit, beta - mean * gamma * unit
        passed, kept, room = [], [], torch.empty_like(pieces[0])
        for z in pieces:
            m = torch.addcmul(_map(shift), z, _map(scale), out=room[: len(z)]).gt_(0)
            passed.append(F.avg_pool2d(m, pool))
            kept.append(F.avg_pool2d(m.mul_(z), pool))
        passed, kept = torch.cat(passed), torch.cat(kept)
        ctx.save_for_backward(x, weight, passed, kept, mean, unit, scale, shift, *pieces)
        ctx.pool = pool
        ctx.mark_non_differentiable(mean, variance)
        return _map(scale) * kept + _map(shift) * passed, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient, *_):
        x, weight, passed, kept, mean, unit, scale, shift, *pieces = ctx.saved_tensors
        n = x.numel() // x.shape[1]
        for_beta = (gradient * passed).sum((0, 2, 3))
        for_gamma = unit * ((gradient * kept).sum((0, 2, 3)) - mean * for_beta)
        slope = -scale * unit * for_gamma / n  # the batch's mean and variance depend on every z
        level = -scale * for_beta / n - slope * mean
        gradient = gradient * _map(scale) / (ctx.pool[0] * ctx.pool[1])
        for_x, for_weight, room = [], torch.zeros_like(weight), torch.empty_like(pieces[0])
        for z, some, of in zip(pieces, x.split(IMAGES), gradient.split(IMAGES)):
            for_z = torch.addcmul(_map(shift), z, _map(scale), out=room[: len(z)]).gt_(0)
            fields = for_z.unflatten(3, (-1, ctx.pool[1])).unflatten(2, (-1, ctx.pool[0]))
            fields.mul_(of[:, :, :, None, :, None])
            for_z.addcmul_(z, _map(slope)).add_(_map(level))
            a, b, _ = back(for_z, some, weight, None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1,
                           (ctx.needs_input_grad[0], True, False))
            for_x.append(a)
            for_weight += b
        return torch.cat(for_x) if ctx.needs_input_grad[0] else None, for_weight, for_gamma, for_beta, None, None


def moments(pieces):
    """Mean and (biased) variance of each channel over all pieces, (batch, C, H, W) each, none of them joined."""
    rows = [z.movedim(1, -1).flatten(0, -2) for z in pieces]
    n = sum(map(len, rows))
    mean = sum(z.sum(0) for z in rows) / n
    return mean, sum((z - mean).square_().sum(0) for z in rows) / n


def _map(values):
    """One value a channel, beside (batch, C, H, W)."""
    return values.view(1, -1, 1, 1)
