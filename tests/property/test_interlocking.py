"""N-wise interlocking: updates worked out by hand, its two ends, and ten steps of BatchNorm without a border."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from llcourse import reach
from llcourse.local import LocalNetwork

BATCH, CLASSES = 6, 3


class Weight(nn.Module):
    """y = w x."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(float(w)))

    def forward(self, x):
        return self.w * x


class Output(nn.Module):
    """Loss i is c_i times the mean of module i's output."""

    def __init__(self, c):
        super().__init__()
        self.c = c

    def forward(self, logits, record):
        return self.c * logits.mean()


def updated(R):
    """w after one SGD step at learning rate 1 from w = (2, 3, 4, 5), x = 1, c = (1, 10, 100, 1000)."""
    heads = [nn.Identity() for _ in range(4)]
    net = LocalNetwork([Weight(w) for w in (2, 3, 4, 5)], heads, R, [Output(c) for c in (1, 10, 100, 1000)])
    net.backward(torch.ones(1, 1), torch.zeros(1, dtype=torch.long))
    return [module.w.item() - module.w.grad.item() for module in net.body]


# Outputs are 2, 6, 24, 120. The gradient of loss i by w_j is c_i times the product of the other weights up to w_i.
BY_HAND = {
    "local": (1, [2 - 1, 3 - 10 * 2, 4 - 100 * 6, 5 - 1000 * 24]),
    "2-wise": (2, [2 - 10 * 3, 3 - 100 * 2 * 4, 4 - 1000 * 6 * 5, 5 - 1000 * 24]),
    "3-wise": (3, [2 - 100 * 3 * 4, 3 - 1000 * 2 * 4 * 5, 4 - 1000 * 6 * 5, 5 - 1000 * 24]),
    "global": (4, [2 - 1000 * 3 * 4 * 5, 3 - 1000 * 2 * 4 * 5, 4 - 1000 * 6 * 5, 5 - 1000 * 24]),
}


@pytest.mark.parametrize("N, expected", BY_HAND.values(), ids=BY_HAND)
def test_updates_are_those_worked_out_by_hand(N, expected):
    assert updated(reach.interlocking(4, N)) == expected


def test_a_window_that_adds_is_another_method():
    """Overlapping: modules 2 and 3 get the gradients of both losses of their windows."""
    assert updated(reach.overlapping(4, 2)) == [2 - 10 * 3, 3 - 10 * 2 - 100 * 2 * 4, 4 - 100 * 6 - 1000 * 6 * 5,
                                                5 - 1000 * 24]


def network(N):
    torch.manual_seed(0)
    body = [nn.Sequential(nn.Conv2d(a, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()) for a in (3, 4, 4)]
    heads = [nn.Sequential(nn.Flatten(), nn.Linear(4 * 5 * 5, CLASSES)) for _ in body]
    return LocalNetwork(body, heads, reach.interlocking(3, N)).double()


def batches(n=10):
    draw = torch.Generator().manual_seed(1)
    return [(torch.randn(BATCH, 3, 5, 5, generator=draw, dtype=torch.float64),
             torch.randint(CLASSES, (BATCH,), generator=draw)) for _ in range(n)]


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3)


def trained(net):
    optimizer = sgd(net.parameters())
    for x, y in batches():
        optimizer.zero_grad()
        net.backward(x, y)
        optimizer.step()
    return net


def same(left, right):
    """All that both hold, BatchNorm's averages too."""
    return all(torch.allclose(a, b, rtol=0, atol=1e-10) for a, b in zip(left.state_dict().values(),
                                                                       right.state_dict().values(), strict=True))


def test_the_widest_window_is_plain_backprop_for_ten_updates():
    net = network(3)
    plain = nn.Sequential(*deepcopy(net.body), deepcopy(net.heads[-1]))
    optimizer = sgd(plain.parameters())
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(plain(x), y).backward()
        optimizer.step()
    assert same(nn.Sequential(*trained(net).body, net.heads[-1]), plain)
    narrower = trained(network(2))
    assert not same(nn.Sequential(*narrower.body, narrower.heads[-1]), plain)


def test_the_narrowest_window_is_dgl_for_ten_updates():
    net = network(1)
    plain = deepcopy(net)
    optimizers = [sgd([*module.parameters(), *head.parameters()]) for module, head in zip(plain.body, plain.heads)]
    for x, y in batches():
        for module, head, optimizer in zip(plain.body, plain.heads, optimizers):
            optimizer.zero_grad()
            x = module(x.detach())
            F.cross_entropy(head(x), y).backward()
            optimizer.step()
    assert same(trained(net), plain)
