"""The networks and reaches that every property is tried on."""

import pytest
import torch

from llcourse import networks, reach, wiring

NETWORKS = {
    "resnet8": (lambda: networks.resnet(8, width=4, shape=(3, 16, 16)), (1, 2, 4)),
    "resnet14": (lambda: networks.resnet(14, width=4, shape=(3, 16, 16)), (3, 7)),
    "resnet32": (lambda: networks.resnet(32, width=2, shape=(3, 16, 16)), (16,)),
    "cnn6": (lambda: networks.cnn6(width=4, shape=(3, 16, 16)), (2, 6)),
}
REACHES = {name: method.reach for name, method in reach.METHODS.items() if method.wiring is wiring.chain}
REACHES["Overlapping, 3-wide"] = lambda K: reach.overlapping(K, min(3, K))


@pytest.fixture(params=[(name, K) for name, (_, Ks) in NETWORKS.items() for K in Ks], ids=lambda p: f"{p[0]}-K{p[1]}")
def net(request):
    """A float64 LocalNetwork with local reach, in training mode."""
    name, K = request.param
    torch.manual_seed(K)
    return NETWORKS[name][0]().cut(K, "1c2f").double()


@pytest.fixture(params=REACHES)
def method(request):
    return REACHES[request.param]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(8, 3, 16, 16, dtype=torch.float64, generator=generator),
            torch.randint(0, 10, (8,), generator=generator))


def gradients(module):
    """{name: gradient or None}, cloned."""
    return {name: None if p.grad is None else p.grad.clone() for name, p in module.named_parameters()}
