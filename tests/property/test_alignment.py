"""Alignment with backprop, and weights of modules, against gradients written out in plain autograd."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llcourse import LocalNetwork, borders, measure, networks, reach, wiring

from .guests import same, weights

BATCH = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3


def sketch(R, seed=0):
    torch.manual_seed(seed)
    net = networks.sketch(wiring.chain(len(R)), classes=3, channels=4).double()
    net.reach = R
    return net


def by_hand(net, x, y):
    """(own gradient, backprop's) of each module, flat: everything connected, of every loss what R has a 1 for."""
    hs = [x]
    for module in net.body:
        hs.append(module(hs[-1]))
    losses = [F.cross_entropy(head(h), y) for head, h in zip(net.heads, hs[1:])]

    def flat(loss, module):
        gradients = torch.autograd.grad(loss, [*module.parameters()], retain_graph=True)
        return torch.cat([g.flatten() for g in gradients])

    own = [[loss for loss, trains in zip(losses, net.reach[:, j]) if trains] for j in range(net.K)]
    return [(sum(flat(loss, module) for loss in mine), flat(losses[-1], module))
            for mine, module in zip(own, net.body)]


@pytest.mark.parametrize("R", [reach.local(4), reach.backprop(4), reach.interlocking(4, 2), reach.interlocking(5, 3),
                               reach.overlapping(4, 2), reach.deep_supervision(3)], ids=str)
def test_alignment_is_the_cosine_of_the_two_gradients(R):
    net = sketch(R)
    expected = [(a @ b / a.norm() / b.norm()).item() for a, b in by_hand(net, *BATCH)]
    before = weights(net)
    assert measure.alignment(net, BATCH) == pytest.approx(expected, abs=1e-12)
    assert same(before, weights(net)) and all(p.grad is None for p in net.parameters())
    if (R == reach.backprop(len(R))).all():
        assert expected == pytest.approx([1] * len(R), abs=1e-12)


def test_alignment_of_one_weight_a_module_is_a_sign():
    """y = w x: module 1's own loss wants more, the last one less."""

    class Times(torch.nn.Module):
        def __init__(self, w):
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor([w]))

        def forward(self, x):
            return self.w * x

    heads = [torch.nn.Linear(1, 2, bias=False) for _ in range(2)]
    for head, sign in zip(heads, (1.0, -1.0)):
        head.weight.data = torch.tensor([[sign], [-sign]])
    net = LocalNetwork([Times(2.0), Times(3.0)], heads)
    assert measure.alignment(net, (torch.ones(1, 1), torch.tensor([0]))) == pytest.approx([-1, 1])


def test_alignment_draws_the_same_numbers_twice_and_leaves_the_generator_alone():
    net = sketch(reach.backprop(3))
    net.body[1] = torch.nn.Sequential(net.body[1], torch.nn.Dropout(0.5))
    state = torch.get_rng_state()
    assert measure.alignment(net, BATCH) == pytest.approx([1, 1, 1])
    assert torch.equal(state, torch.get_rng_state())


def test_alignment_reads_an_image_set_and_leaves_borders_out_of_backprop(images):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2)
    plain = measure.alignment(net, images)
    net.borders = [borders.ReplayBuffer(3)]
    assert measure.alignment(net, images) == pytest.approx(plain) and -1 <= plain[0] < 1 == pytest.approx(plain[1])
    net.borders = [borders.VectorQuantizer(4, 2)]
    assert not math.isnan(measure.alignment(net, images)[0])  # backprop's gradient reaches module 1 none the less


def test_a_module_that_gets_no_gradient_has_no_alignment():
    net = sketch(reach.local(2))
    torch.nn.init.zeros_(net.heads[0].linear.weight)
    assert math.isnan(measure.alignment(net, BATCH)[0])


def test_weights_scale_what_a_module_learns_and_nothing_else():
    draw = np.random.default_rng(0)
    for R in (reach.overlapping(4, 2), reach.local(3), reach.deep_supervision(4), reach.backprop(3)):
        net = sketch(R)
        expected = [own for own, _ in by_hand(net, *BATCH)]
        net.weights = (0.5 + draw.random(len(R))).tolist()
        net.backward(*BATCH)
        for module, weight, gradient in zip(net.body, net.weights, expected):
            found = torch.cat([p.grad.flatten() for p in module.parameters()])
            assert (found - weight * gradient).abs().max() < 1e-12
        plain = sketch(R)
        plain.backward(*BATCH)
        for a, b in zip(net.heads.parameters(), plain.heads.parameters()):
            assert (a.grad is None and b.grad is None) or torch.equal(a.grad, b.grad)


def test_mean_weights_make_the_mean_of_what_adds_up():
    assert reach.mean_weights(reach.overlapping(4, 2)) == [1, 0.5, 0.5, 1]
    assert reach.mean_weights(reach.deep_supervision(4)) == [1 / 4, 1 / 3, 1 / 2, 1]
    assert reach.mean_weights(reach.interlocking(4, 2)) == reach.mean_weights(reach.groups(2, 2)) == [1] * 4


def test_weights_that_cannot_be():
    net = sketch(reach.local(3))
    for wrong in ([1, 1], [1, 0, 1], [1, math.nan, 1], [1, 1, math.inf]):
        with pytest.raises(ValueError, match="weights are 3 numbers above 0"):
            net.weights = wrong
    net.weights = [1, 2, 3]
    assert net.mapped(lambda part: part).weights == (1.0, 2.0, 3.0)
