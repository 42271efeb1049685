"""Networks, cuts, heads and their costs against the published figures."""

import math

import pytest
import torch
from torch import nn

from llcourse import LocalNetwork, cost, heads, networks, partition, reach


def test_resnet32_costs_what_the_papers_say():
    macs, parameters, _ = cost.count(networks.resnet(32), (3, 32, 32))
    assert round(macs / 1e6, 1) == 69.1 and round(parameters / 1e6, 3) == 0.467
    assert cost.count(networks.resnet(32).cut(1), (3, 32, 32)).macs == macs


@pytest.mark.parametrize("K, mmacs", [
    (2, [32.4, 36.7]), (3, [24.0, 22.5, 22.5]), (4, [14.6, 17.8, 17.8, 18.9]),
    (8, [5.2, 9.4, 9.4, 8.4, 9.4, 8.4, 9.4, 9.4]),
    (16, [0.4] + [4.7] * 5 + [3.7] + [4.7] * 4 + [3.7] + [4.7] * 4),
])
def test_published_cuts_of_resnet32(K, mmacs):
    rows = cost.modules(networks.resnet(32).cut(K), (3, 32, 32))
    assert [round(body.macs / 1e6, 1) for body, _ in rows] == mmacs


def test_published_borders_are_the_callers_own():
    names = networks.resnet(32).borders(4)
    names.insert(0, "stem")
    assert networks.resnet(32).cut(4).K == 4 and networks.resnet(32).borders(4) == names[1:]


def test_a_transposed_convolution_goes_back_over_its_input():
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.ConvTranspose2d(8, 6, 2, stride=2, bias=False))
    head = nn.Sequential(heads.GlobalAverage(), nn.Linear(6, 10))
    conv, up, last = 8 * 3 * 9 * 64, 8 * 6 * 4 * 64, 60
    assert cost.exact_macs(LocalNetwork([body], [head]), (3, 8, 8)) == 2 * conv + 3 * up + 3 * last


@pytest.mark.parametrize("K, floor", [(4, 1.07), (16, 1.33)])
def test_floor_of_dgl(K, floor):
    net = networks.resnet(32).cut(K)
    backprop = networks.resnet(32).cut(1)
    assert round(cost.training_macs(net, (3, 32, 32)) / cost.training_macs(backprop, (3, 32, 32)), 2) == floor


def test_training_cost_follows_the_unit_rule():
    """Units of each module, worked out by hand; heads that train nothing cost nothing."""
    net, shape = networks.resnet(20).cut(4, "linear"), (3, 32, 32)
    rows = cost.modules(net, shape)
    body, head = [b.macs for b, _ in rows], [h.macs for _, h in rows]
    for R, units, losses in [
        (reach.backprop(4), (3, 3, 3, 3), (3,)), (reach.local(4), (3, 3, 3, 3), (0, 1, 2, 3)),
        (reach.interlocking(4, 2), (3, 4, 4, 3), (1, 2, 3)), (reach.interlocking(4, 3), (3, 4, 4, 3), (2, 3)),
        (reach.overlapping(4, 2), (3, 4, 4, 3), (1, 2, 3)),
        (reach.deep_supervision(4), (3, 3, 3, 3), (0, 1, 2, 3)),
    ]:
        net.reach = R
        expected = sum(u * m for u, m in zip(units, body)) + 3 * sum(head[i] for i in losses)
        assert cost.training_macs(net, shape) == expected


@pytest.mark.parametrize("C, size, parameters, mmacs", [
    (16, 32, 10186, 1.18), (32, 16, 28170, 1.19), (64, 8, 46602, 2.37),
])
def test_1c2f_costs(C, size, parameters, mmacs):
    macs, found, _ = cost.count(heads.make("1c2f", (C, size, size), 10), (C, size, size))
    assert found == parameters and abs(macs / 1e6 - mmacs) < 0.01


@pytest.mark.parametrize("kind", heads.HEADS)
@pytest.mark.parametrize("shape", [(8, 32, 32), (12, 5, 5), (16, 1, 1)])
def test_heads_give_logits(kind, shape):
    assert heads.make(kind, shape, 7)(torch.randn(3, *shape)).shape == (3, 7)


def test_mlp_is_cheap_in_macs_and_large_in_parameters():
    macs, parameters, _ = cost.count(heads.make("mlp", (512, 8, 8), 10), (512, 8, 8))
    assert round(parameters / 1e6, 1) == 12.6 and macs < 13e6


def test_unknown_head_is_named():
    with pytest.raises(ValueError, match="'1c3f'.*1c2f"):
        heads.make("1c3f", (8, 8, 8), 10)


@pytest.mark.parametrize("make", [lambda: networks.resnet(8, width=4), networks.vgg6a, lambda: networks.cnn6(width=8)])
def test_cutting_changes_no_output_and_shares_parameters(make):
    torch.manual_seed(0)
    net = make().eval()
    x = torch.randn(2, *net.shape)
    for K in range(1, len(net.blocks) + 1):
        cut = net.cut(K, "linear").eval()
        assert cut.K == K and torch.equal(cut(x), net(x))
        assert {id(p) for p in net.parameters()} <= {id(p) for p in cut.parameters()}


def test_too_many_modules_names_both_numbers():
    with pytest.raises(ValueError, match="ResNet-20 has 10 blocks.*K = 11"):
        networks.resnet(20).cut(11)


def test_depths_that_are_no_cifar_resnet_are_refused():
    with pytest.raises(ValueError, match="6 n \\+ 2.*got 30"):
        networks.resnet(30)


@pytest.mark.parametrize("costs, K, ends", [
    ([1, 1, 1, 1], 2, [2, 4]), ([5, 1, 1, 1], 2, [1, 4]), ([1, 9, 1], 3, [1, 2, 3]), ([3], 1, [1]),
    ([1, 1, 1], 2, [2, 3]),
])
def test_balanced_cuts(costs, K, ends):
    assert partition.balanced(costs, K) == ends


@pytest.mark.parametrize("K, head", [(1, "linear"), (4, "1c2f"), (4, "mlp")])
def test_first_losses_are_near_chance(K, head):
    torch.manual_seed(0)
    net = networks.resnet(20).cut(K, head)
    losses = net.backward(torch.randn(32, 3, 32, 32), torch.randint(10, (32,)))
    assert max(abs(loss - math.log(10)) for loss in losses.values()) < 1


@pytest.mark.parametrize("initialisation, scale, largest", [
    ("he", lambda conv: math.sqrt(2 / (9 * conv.out_channels)), 10),
    ("pytorch", lambda conv: math.sqrt(1 / (3 * 9 * conv.in_channels)), math.sqrt(3)),  # uniform
])
def test_initialisations(initialisation, scale, largest):
    """Standard deviations of all 3x3 convolutions, the heads' too, and the largest weight as a multiple of them."""
    torch.manual_seed(0)
    net = networks.cnn6(width=32, initialisation=initialisation).cut(6, "cnn")
    convs = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convs) == 6 + 2 * 5
    for conv in convs:
        weights = conv.weight.detach()
        assert weights.std().item() == pytest.approx(scale(conv), rel=0.08)
        assert (weights.abs().max() <= 1.0001 * largest * scale(conv)) and weights.abs().max() > 1.7 * scale(conv)


def test_an_unknown_initialisation_is_named():
    with pytest.raises(ValueError, match="'zeros'; it is one of he, pytorch"):
        networks.cnn6(width=4, initialisation="zeros")


def test_heads_follow_the_network_they_are_cut_from():
    net = networks.resnet(8, width=4).double().cut(2)
    assert {p.dtype for p in net.parameters()} == {torch.float64}


def test_counting_leaves_the_module_alone():
    net = networks.resnet(8, width=4)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    cost.count(net, (3, 32, 32))
    assert net.training and all(torch.equal(v, net.state_dict()[k]) for k, v in before.items())
