"""Linear probes: what a linear classifier finds in the features of each module."""

import torch
import torch.nn.functional as F

from ..arguments import whole
from .outputs import Ridge, halves, outputs


def probe(net, images, grid=1):
    """Test accuracy (%) of a linear classifier on each module's output: a list, one a module.

    Linear probes (Alain and Bengio 2016), here by ridge regression on one-hot labels, in closed form: the same every
    time, and a moment's work. grid: features are averaged over grid x grid fields of a map, 1 for all of it; a map that
    is smaller is taken whole. Each probe learns on one half of the test images and is scored on the other; the network
    has seen neither. The network stays as it is. Raises ValueError for fewer than four test images.

    >>> from llcourse import data, networks
    >>> net = networks.resnet(8, width=4).cut(3)
    >>> len(probe(net, data.load("cifar10", train=20, test=100)))
    3
    """
    grid, (learn, measured), K = whole("grid", grid, 1), halves(images), len(net.body)
    found = {True: [[] for _ in range(K)], False: [[] for _ in range(K)]}

    def pooled(j, h):
        if h.dim() == 4:
            h = F.adaptive_avg_pool2d(h, [min(grid, side) for side in h.shape[2:]])
        return h.flatten(1)

    for learning, chosen in ((True, learn), (False, measured)):
        outputs(net, images, images.test_x[chosen], lambda _, j, h, of=found[learning]: of[j].append(pooled(j, h)))
    y, scores = F.one_hot(images.test_y, len(images.classes)).float(), []
    for a, b in zip(*([torch.cat(of) for of in every] for every in found.values())):
        mean, std = a.mean(0), a.std(0).clamp(min=1e-6)
        ridge = Ridge()
        ridge.add((a - mean) / std, y[learn])
        said = ridge.solve()((b - mean) / std).argmax(1)
        scores.append(100 * (said == images.test_y[measured]).float().mean().item())
    return scores
