"""Probes and reconstructions: right where the answer is known, on halves that do not meet, and nothing is changed."""

import numpy as np
import pytest
import torch
from torch import nn

from llcourse import LocalNetwork, measure, networks
from llcourse.data import Images, Source
from llcourse.measure.outputs import Ridge, halves


def pictures(n=400, side=8, classes=4, seed=0):
    """Test images whose class is the corner that is bright; noise elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    x = torch.randint(0, 120, (n, side, side, 3), generator=generator, dtype=torch.uint8)
    half = side // 2
    for corner in range(4):
        top, left = half * (corner // 2), half * (corner % 2)
        x[y == corner, top:top + half, left:left + half] += 130
    return Images("corners", x[:8], y[:8], x, y, list("abcd")[:classes], Source("standin", "a test", "0"), [0.5] * 3,
                  [0.25] * 3)


class Constant(nn.Module):
    """Features that say nothing."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return torch.ones_like(x) * self.weight


def network(*body):
    heads = [nn.Sequential(nn.Flatten(), nn.LazyLinear(4)) for _ in body]
    net = LocalNetwork(body, heads)
    with torch.no_grad():
        net.logits(torch.zeros(1, 3, 8, 8))
    return net


def test_a_probe_finds_what_is_there_and_nothing_else():
    torch.manual_seed(0)
    images = pictures()
    net = network(nn.Sequential(nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6)), nn.AvgPool2d(2), Constant())
    everywhere, corners = measure.probe(net, images), measure.probe(net, images, grid=2)
    assert corners[:2] == [100, 100] and max(everywhere) < 50  # averaged over all, every corner looks the same
    assert corners[2] < 35  # one of four, by guessing


def test_halves_do_not_meet_and_are_the_same_every_time():
    images = pictures(101)
    learn, measured = halves(images)
    assert len(learn) == 50 and len(measured) == 51
    assert sorted([*learn.tolist(), *measured.tolist()]) == list(range(101))
    assert torch.equal(learn, halves(images)[0]) and learn.tolist() != sorted(learn.tolist())
    with pytest.raises(ValueError, match="takes 4 images, and there are 3"):
        halves(pictures(3))


def test_ridge_is_least_squares():
    torch.manual_seed(0)
    x, weight = torch.randn(300, 5), torch.randn(5, 2)
    ridge = Ridge()
    for part in x.split(70):
        ridge.add(part, part @ weight + 3)
    assert ridge.seen == 300 and torch.allclose(ridge.solve()(x), x @ weight + 3, atol=0.02)


def test_the_image_itself_is_given_back_and_its_average_is_blurred():
    torch.manual_seed(0)
    images = pictures()
    net = network(nn.Conv2d(3, 3, 1), nn.AvgPool2d(2), Constant())
    made = measure.reconstruct(net, images, show=5)
    assert made.errors[0] < 1e-4 < 0.01 < made.errors[1] < made.errors[2]
    assert made.errors[2] == pytest.approx(made.blind, rel=0.03)
    _, measured = halves(images)
    assert np.allclose(made.images, images.test_x[measured[:5]].numpy() / 255)
    assert np.abs(made.pictures[0] - made.images).max() < 0.05 and len(made.pictures) == 3
    for picture, error in zip(made.pictures, made.errors):
        assert picture.shape == (5, 8, 8, 3) and 0 <= picture.min() <= picture.max() <= 1
        assert ((picture - made.images) ** 2).mean() < 2 * error + 1e-6


def test_pictures_of_ones_own_are_shown_and_change_nothing_that_is_measured():
    images = pictures()
    net = network(nn.Conv2d(3, 3, 1), nn.AvgPool2d(2), Constant())
    own = (torch.rand(3, 8, 8, 3, generator=torch.Generator().manual_seed(1)) * 255).to(torch.uint8)
    made, plain = measure.reconstruct(net, images, show=own.numpy()), measure.reconstruct(net, images, show=0)
    assert made.errors == plain.errors and made.blind == plain.blind and plain.pictures[1].shape == (0, 8, 8, 3)
    assert np.allclose(made.images, own.numpy() / 255) and np.abs(made.pictures[0] - made.images).max() < 0.05
    for wrong in (own[0], own.float(), own[:, :4], [[1], [1, 2]], [None]):
        with pytest.raises(ValueError, match=r"pictures to show are \(n, 8, 8, 3\) of uint8"):
            measure.reconstruct(net, images, show=wrong)


def test_maps_that_do_not_divide_an_image_are_named():
    net = network(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3))
    with pytest.raises(ValueError, match="module 2 gives maps of 6 x 6, which do not divide images of 8 x 8"):
        measure.reconstruct(net, pictures(20))


@pytest.mark.parametrize("context", ["R0", "R1E"])
def test_a_measurement_is_repeatable_and_leaves_no_trace(context):
    images = pictures(60)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 8, 8)).cut(3, "linear", context=context)
    net.body[0].eval()
    before, modes = {n: t.clone() for n, t in net.state_dict().items()}, [m.training for m in net.modules()]
    state = torch.get_rng_state()
    assert measure.probe(net, images) == measure.probe(net, images)
    a, b = measure.reconstruct(net, images), measure.reconstruct(net, images)
    assert a.errors == b.errors and np.array_equal(a.pictures[2], b.pictures[2])
    assert torch.equal(torch.get_rng_state(), state) and [m.training for m in net.modules()] == modes
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_a_probe_is_its_formula():
    torch.manual_seed(0)
    images = pictures(200)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 8, 8)).cut(2, "linear")
    h = net.eval().body[0](images.normalize(images.test_x)).detach().mean((2, 3)).double()
    learn, measured = halves(images)
    scaled = (h - h[learn].mean(0)) / h[learn].std(0)
    one = torch.cat([scaled, torch.ones(200, 1).double()], dim=1)
    held = 1e-3 * 100 * scaled[learn].square().mean() * torch.diag(torch.tensor([1.0] * h.shape[1] + [0.0])).double()
    target = nn.functional.one_hot(images.test_y, 4).double()
    weight = torch.linalg.inv(one[learn].T @ one[learn] + held) @ one[learn].T @ target[learn]
    expected = ((one[measured] @ weight).argmax(1) == images.test_y[measured]).float().mean() * 100
    assert measure.probe(net, images)[0] == pytest.approx(expected.item()) and 20 < expected < 90
