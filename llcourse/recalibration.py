"""BatchNorm's running statistics, gathered anew: asynchronous training leaves those of features that are gone."""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from .arguments import whole


@torch.no_grad()
def recalibrate(net, images, batch=500, seed=0):
    """Gather the running means and variances of a LocalNetwork again, in place: one pass over the training images.

    A module behind a replay buffer normalises features of an older network below it, and its averages follow them. In
    evaluation it meets the features of the network as it is. Here every module sees those, and averages are over all
    batches alike. Images are augmented as in training; weights, and what borders have learnt, stay as they are.
    Raises ValueError if there is no BatchNorm that keeps running statistics.
    """
    batch, seed = whole("batch", batch, 2), whole("seed", seed)
    aside = {m for objective in net.objectives for m in objective.modules()}  # a forward pass runs none of them
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m not in aside]
    if not norms:
        raise ValueError("nothing to recalibrate: this network has no BatchNorm with running statistics")
    modes, momenta = {m: m.training for m in net.modules()}, [norm.momentum for norm in norms]
    try:
        net.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
            norm.momentum = None  # the plain average
        for x, _ in images.batches(batch, torch.Generator(images.device).manual_seed(seed)):
            net.logits(x)
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode
