"""What a network with many heads says: every head, and the ensembles of heads, by name."""

import torch

from ..objectives import predicting


def ensembles(logits):
    """{name: (batch, classes) probabilities} from {depth: (batch, G, classes)}, the final head's (batch, classes) last.
    Of a text all are (batch, T, classes).

    "depth k, group g": one head. "depth k": the mean over its groups. "final head": the head on top. "all depths": the
    mean over groups, depths weighted 2^k and the final head next in that row (the authors' "layerwise"; weights sum to
    1). "last depth" and "thread g": the groups of the last depth, and one of them alone; neither is there in a network
    without groups, whose heads, (batch, classes), are depths of one group.
    """
    *depths, final = [logits[i] for i in sorted(logits)]
    shape, classes = final.shape[:-1], final.shape[-1]
    every = [depth.float().softmax(dim=-1).view(*shape, -1, classes) for depth in depths]
    named = {f"depth {k}, group {g}": p for k, depth in enumerate(every, 1) for g, p in enumerate(depth.unbind(-2), 1)}
    named |= {f"depth {k}": p.mean(dim=-2) for k, p in enumerate(every, 1)}
    named["final head"] = final.float().softmax(dim=-1)
    means = [*(p.mean(dim=-2) for p in every), named["final head"]]
    weights = [2**k for k in range(len(means))]
    named["all depths"] = sum(weight * p for weight, p in zip(weights, means)) / sum(weights)
    for last in (p for p, depth in zip(every[-1:], depths[-1:]) if depth.dim() > final.dim()):
        named |= {"last depth": last.mean(dim=-2)} | {f"thread {g}": p for g, p in enumerate(last.unbind(-2), 1)}
    return named


@torch.no_grad()
def score(net, images):
    """{name: the score of the data, such as test accuracy in percent} of every head and ensemble of `ensembles`."""
    modes, total, seen = {module: module.training for module in net.modules()}, {}, 0
    heads = predicting(net.objectives, range(len(net.heads)))
    try:
        net.eval()
        for x, y in images.test_batches():
            seen += y.numel()
            for name, p in ensembles(net.logits(x, heads)).items():
                total[name] = total.get(name, 0.0) + images.score(p.log(), y).sum().item()
    finally:
        for module, mode in modes.items():
            module.training = mode
    return {name: value / seen for name, value in total.items()}
