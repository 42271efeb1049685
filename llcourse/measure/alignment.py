"""Whose gradient is it? What a module is told, beside what backprop would tell it."""

import torch

from .. import routes
from ..objectives import Record
from ..walk import Walk
from .batch import pair


class _WholeWalk(Walk):
    """The forward pass through everything, up to the loss of the last head: no leaf, no border."""

    def __init__(self, net, x, y):
        super().__init__(net, x)
        self.y, self.loss = y, None

    def losses(self, step):
        super().losses(step)
        i = step.losses[-1]
        self.loss = self.net.objectives[i](
            self.logits[i], Record(self.outputs[self.net.wiring.heads[i][0]], self.x, self.y, {}))


def alignment(net, batch):
    """For each module the cosine between the gradient that its losses give it and backprop's on the same batch.

    Backprop's is that of the last head's loss through the whole network, borders left out, by plain autograd; the other
    that of `net.backward`; Laskin et al. (2020) compare local learning with backprop so. The network stays as it is,
    and is measured in the mode, train or eval, that it is in.   batch: (x, y), or an image set or a text, of which its
    `sample` is taken, without augmentation. Returns K numbers from -1 to 1, NaN where a gradient is zero.

    >>> from llcourse import networks
    >>> net = networks.resnet(8, width=4).cut(2)
    >>> [round(cosine, 3) for cosine in alignment(net, (torch.randn(4, 3, 32, 32), torch.arange(4)))][-1]
    1.0
    """
    net = net.unheld()
    batch = pair(batch.sample() if hasattr(batch, "sample") else batch)
    with torch.random.fork_rng(devices=[batch[0].device] if batch[0].is_cuda else []):
        torch.manual_seed(0)
        own = _gradients(net, lambda: net.backward(*batch))
        torch.manual_seed(0)  # dropout and the like draw the same numbers twice
        net.borders = []
        whole = _gradients(net, lambda: _backprop(net, *batch))
    return [torch.nn.functional.cosine_similarity(a, b, dim=0, eps=0.0).item() for a, b in zip(own, whole)]


def _backprop(net, x, y):
    with torch.enable_grad():
        _WholeWalk(net, x, y).run(routes.forward(net.wiring, (len(net.heads) - 1,))).loss.backward()


def _gradients(net, backward):
    """Of each module its gradient as one float64 vector."""
    net.zero_grad(set_to_none=True)
    backward()
    return [torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten().double()
                       for p in module.parameters()]) for module in net.body]
