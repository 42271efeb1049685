"""Exercise 2.4: module 1 of a ResNet-8 trained with a learner's head on a few real images."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

from ... import cost, data, heads, networks
from . import Wrong

SHAPE, CLASSES = (16, 32, 32), 10
PARAMETERS, MACS = 6_000, 500_000
EPOCHS, BATCH, LR, SEEDS = 4, 32, 0.1, (0, 1)
MARGIN = 5  # points above the linear head, which stays within 1.0 of its mean at each of four seeds
BEST = 48.0


@cache
def _images():
    return data.load("cifar10", train=2_000, test=2_000)


def within(answer):
    """Wrong unless the head is a module that gives logits, and small enough."""
    head = answer(SHAPE, CLASSES)
    if not isinstance(head, nn.Module):
        raise Wrong(f"return an nn.Module, which an optimizer can train; this is a {type(head).__name__}")
    counted = cost.count(head, SHAPE)
    if counted.shape != (CLASSES,):
        raise Wrong(f"logits have shape (batch, {CLASSES}); these have (batch, {', '.join(map(str, counted.shape))})")
    for name, limit, used in (("parameters", PARAMETERS, counted.parameters), ("MACs an image", MACS, counted.macs)):
        if used > limit:
            raise Wrong(f"{used:,} {name}; at most {limit:,}. Smaller maps save MACs, fewer channels save both")


def accuracy(make):
    """Test accuracy in percent of the head `make` gives, trained together with module 1: the mean of two seeds."""
    return sum(_trained(make, seed) for seed in SEEDS) / len(SEEDS)


def _trained(make, seed):
    torch.manual_seed(seed)
    module = networks.resnet(8, width=SHAPE[0]).blocks[0]
    net = nn.Sequential(module, make(SHAPE, CLASSES)).to(memory_format=torch.channels_last).train()
    images, order = _images(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = EPOCHS * -(-images.train_size // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps, pct_start=0.25)
    for _ in range(EPOCHS):
        for x, y in images.batches(BATCH, order, augment=False):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        right = sum((net(x).argmax(dim=1) == y).sum().item() for x, y in images.test_batches(500))
    return 100 * right / len(images.test_y)


@cache
def linear():
    """The linear head's accuracy on this machine."""
    return accuracy(lambda shape, classes: heads.make("linear", shape, classes))


def told(score):
    """The score in words; a stand-in has other scores than CIFAR-10."""
    best = "these are generated images, with other scores" if _images().standin else f"the best known is {BEST:.0f}"
    return f"your score: {score:.1f} % (the linear head has {linear():.1f}; {best}, give or take one)"
