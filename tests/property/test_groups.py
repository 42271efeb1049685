"""Neuron groups, all groups of a depth in one call, against one cell a group in float64.

The other network is made of K x G separate cells under the wiring of groups, each with its slices of the weights, its
own head and its own loss, written out here: convolutions, normalisation, exchange, diversity.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from llcourse import LocalNetwork, Recipe, groups, heads, measure, networks, reach, train
from llcourse.wiring import IMAGE, Wiring

SHAPE, CLASSES = (3, 8, 8), 5


def batch(n=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *SHAPE, generator=generator).double(), torch.arange(n) % CLASSES


def grouped(K, G, head="linear", width=8, seed=0, **settings):
    torch.manual_seed(seed)
    return networks.resnet(8, width=width, classes=CLASSES, shape=SHAPE).cut(K, head, groups=G, **settings).double()


def normed(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True)


class Cell(nn.Module):
    """Group g of G of a module: only its own slices, copied."""

    def __init__(self, module, g, G):
        super().__init__()
        self.G, self.g, self.strides, self.kinds = G, g, [], []
        self.weights = nn.ParameterList()
        for block in module:
            layers = [block[0]] if isinstance(block, nn.Sequential) else [
                block.residual[0], block.residual[3], *[*block.shortcut.children()][:1]]
            norms = [block[1]] if isinstance(block, nn.Sequential) else [
                block.residual[1], block.residual[4], *[*block.shortcut.children()][1:]]
            self.kinds.append(len(layers))
            self.strides.append(layers[0].stride)
            for layer, norm in zip(layers, norms):
                for p in (layer.weight, norm.weight, norm.bias):
                    rows = len(p) // G
                    self.weights.append(nn.Parameter(p.detach()[g * rows:(g + 1) * rows].clone()))

    def forward(self, *read):
        x, weights = torch.cat(read, dim=1), iter(self.weights)

        def conv(x, stride=1):
            w, scale, shift = next(weights), next(weights), next(weights)
            if x.shape[1] > w.shape[1]:  # behind a layer of this group: its own channels are all there are
                raise AssertionError("a group reads more than its own")
            return normed(F.conv2d(x, w, None, stride, w.shape[-1] // 2), scale, shift)

        for layers, stride in zip(self.kinds, self.strides):
            if layers == 1:
                x = conv(x, stride).relu()
                continue
            h = conv(conv(x, stride).relu())
            if layers == 3:
                skip = conv(x, stride)
            else:  # around the first block behind a border the group's own slice of all channels
                skip = x if x.shape[1] == h.shape[1] else x.chunk(self.G, dim=1)[self.g]
            x = (h + skip).relu()
        return x


class Head(nn.Module):
    """A linear head on its own channels, then the first of each other group's, in the order of the groups."""

    def __init__(self, weight, bias, share):
        super().__init__()
        self.weight, self.bias, self.share = nn.Parameter(weight.clone()), nn.Parameter(bias.clone()), share

    def forward(self, own, *others):
        taken = int(self.share * own.shape[1])
        x = torch.cat([own, *(other[:, :taken] for other in others)], dim=1)
        return x.mean(dim=(2, 3)) @ self.weight.T + self.bias


class Loss(nn.Module):
    """Cross-entropy and, as in the paper's sum over ordered pairs, twice the cosine with each other group."""

    def __init__(self, G, weight, temperature):
        super().__init__()
        self.G, self.weight, self.temperature = G, weight, temperature

    def forward(self, logits, record):
        def wrong(logits):
            p = torch.exp(logits / self.temperature) * (1 - F.one_hot(record.y, CLASSES))
            p = p / p.sum(dim=1, keepdim=True)
            return p / p.square().sum(dim=1, keepdim=True).sqrt()

        pairs = sum((wrong(logits) * wrong(peer)).sum() for peer in record.peers.values())
        return F.cross_entropy(logits, record.y) + 2 * self.weight * pairs / (len(logits) * self.G * (self.G - 1))


def cells(net, K, G, share, preset):
    """The same network as K x G cells and a final head."""
    body = [Cell(module, g, G) for module in net.body for g in range(G)]
    depths = [tuple(range(k * G, (k + 1) * G)) for k in range(K)]
    heads = []
    for head in net.heads[:K]:
        linear = head[2]
        for g in range(G):
            rows = slice(g * CLASSES, (g + 1) * CLASSES)
            heads.append(Head(linear.weight.detach()[rows], linear.bias.detach()[rows], share))
    wired = Wiring(tuple((IMAGE,) if k == 0 else depths[k - 1] for k in range(K) for _ in range(G)),
                   tuple((j, *(i for i in depths[j // G] if i != j)) for j in range(K * G)) + (depths[-1],))
    final = Head(net.heads[K][1].weight.detach(), net.heads[K][1].bias.detach(), 1.0)
    losses = [Loss(G, *groups.PRESETS[preset]) for _ in range(K * G)] + [Loss(2, 0.0, 1.0)]
    return LocalNetwork(body, [*heads, final], reach.groups(K, G), losses, wired).double()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("K, G", [(1, 2), (2, 2), (3, 2), (2, 4), (4, 4)])
def test_one_call_a_depth_computes_what_one_cell_a_group_does(K, G, share):
    for preset in groups.PRESETS:
        net = grouped(K, G, share=share, diversity=preset)
        other = cells(net, K, G, share, preset)
        net.backward(*batch())
        other.backward(*batch())
        for k, module in enumerate(net.body):
            for g, part in module.parts().items():
                for (p, rows), q in zip(_ordered(module, part), other.body[k * G + g].weights, strict=True):
                    assert (p.grad[rows] - q.grad).abs().max() < 1e-10, (preset, k, g)
            linear = net.heads[k][2]
            found = torch.cat([other.heads[k * G + g].weight.grad for g in range(G)])
            assert (linear.weight.grad - found).abs().max() < 1e-10
        assert (net.heads[K][1].weight.grad - other.heads[-1].weight.grad).abs().max() < 1e-10


def _ordered(module, part):
    """The slices in the order of Cell: convolution, scale, shift; of a block first the residual, then the shortcut."""
    rows = {p: s for p, s in part}
    for block in module:
        layers = block if isinstance(block, nn.Sequential) else [*block.residual, *block.shortcut.children()]
        for layer in layers:
            yield from ((p, rows[p]) for p in layer.parameters())


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("head", ["linear", "1c2f"])
@pytest.mark.parametrize("K, G", [(1, 2), (2, 4), (4, 2), (2, 8)])
def test_measured_equals_declared_a_slice(K, G, head, share):
    net = grouped(K, G, head, share=share, diversity="paper")
    measured = measure.reach(net, batch())
    assert measured.matrix.shape == (K * G + 1, K * G) and measured.differences(reach.groups(K, G)) == []


def test_the_slip_of_the_authors_code_is_seen():
    """Group g sees group g - 1 with gradient, as where indices of the loop over the others are used after it: the last
    is trained by nobody."""

    class Slip(groups.Exchange):
        def forward(self, h):
            own = h.unflatten(1, (self.G, -1))
            return super().forward(torch.cat([own[:, :1], own[:, :-1]], dim=1).flatten(1, 2))

    net = grouped(2, 4, share=0.5)
    net.heads[0][1] = Slip(8, 4, 0.5)
    measured = measure.reach(net, batch())
    differences = measured.differences(reach.groups(2, 4))
    assert measured.matrix[:4, :4].argmax(axis=1).tolist() == [0, 0, 1, 2]
    assert "loss 1.4 does not reach module 1.4" in differences and any("loss 1.4 leaks into module 1.3" in line
                                                                       for line in differences)


def test_a_declared_reach_of_modules_is_no_reach_of_cells():
    net = grouped(2, 2)
    with pytest.raises(reach.ReachError, match=r"5 losses and 4 parts, declared is a matrix of shape \(3, 2\)"):
        measure.reach(net, batch()).differences(net.reach)


def test_groups_train_depth_by_depth(images):
    torch.manual_seed(0)
    net = networks.resnet(8, width=8, classes=4, shape=(3, 16, 16)).cut(2, "linear", groups=2)
    stem = net.body[0][0][0].weight
    before, history = stem.clone(), train(net, images, 2, schedule="sequential", recipe=Recipe(batch=24))
    assert not torch.equal(stem, before) and len(history.rows) == 4
    assert [[loss is not None for loss in row["loss"]] for row in history.rows] == [[True, False, False]] * 2 + [
        [False, True, True]] * 2


@pytest.mark.parametrize("cut", [{"K": 2, "groups": 2}, {"K": 2}, {"K": 1, "groups": 2}])
def test_a_network_in_groups_is_cut_in_as_many(cut):
    net = networks.resnet(8, width=8, groups=4)
    with pytest.raises(ValueError, match="is in 4 groups: cut it with groups=4, or in one piece"):
        net.cut(**cut)
    assert net.cut(1).K == 1 and net.cut(2, groups=4).body[0].G == 4


@pytest.mark.parametrize("kernel", groups.KERNELS)
@pytest.mark.parametrize("stride, padding, k", [(1, 1, 3), (2, 1, 3), (2, 0, 1)])
def test_every_kernel_computes_the_same(kernel, stride, padding, k):
    torch.manual_seed(0)
    layer = groups.GroupedConv2d(8, 12, k, stride, padding, groups=4).double()
    plain = nn.Conv2d(8, 12, k, stride, padding, groups=4, bias=False).double()
    plain.load_state_dict(layer.state_dict())
    layer.kernel = kernel
    x = torch.randn(3, 8, 7, 6).double()
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    seen, expected = layer(a), plain(b)
    assert torch.allclose(seen, expected, atol=1e-12)
    seen.square().sum().backward()
    expected.square().sum().backward()
    assert torch.allclose(a.grad, b.grad, atol=1e-10)
    assert torch.allclose(layer.weight.grad, plain.weight.grad, atol=1e-10)


def test_the_kernel_taken_is_that_of_the_table(monkeypatch):
    taken = []
    for name, kernel in groups.KERNELS.items():
        monkeypatch.setitem(groups.KERNELS, name, lambda *given, name=name, kernel=kernel: taken.append(name) or kernel(
            *given))
    for G, expected in ((2, "grouped"), (4, "dense")):  # 4 channels a group, and 2
        groups.GroupedConv2d(8, 8, 3, padding=1, groups=G)(torch.randn(1, 8, 4, 4))
        assert taken.pop() == expected
    assert groups.fastest("cuda", 2) == "grouped"


@pytest.mark.parametrize("kind", heads.HEADS)
def test_stacked_heads_are_the_heads_side_by_side(kind):
    torch.manual_seed(0)
    several = [heads.make(kind, (6, 8, 8), 5).double() for _ in range(3)]
    stacked = groups.stack(several).double()
    x = torch.randn(4, 18, 8, 8).double()
    for mode in (True, False):
        for part in (stacked, *several):
            part.train(mode)
        expected = torch.stack([head(part) for head, part in zip(several, x.chunk(3, dim=1))], dim=1)
        assert torch.allclose(stacked(x), expected, atol=1e-10)
    assert sum(p.numel() for p in stacked.parameters()) == sum(p.numel() for h in several for p in h.parameters())
    with pytest.raises(TypeError, match="a head with a Dropout cannot be stacked"):
        groups.stack([nn.Sequential(nn.Dropout())] * 2)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["linear", "mlp", "mlp-sr"])
def test_pooling_before_the_exchange_changes_nothing(kind, share):
    torch.manual_seed(0)
    made = groups.group_heads(8, 4, share, lambda n: heads.make(kind, (n, 8, 8), 5)).double()
    pool, exchange, *layers = made
    assert isinstance(exchange, groups.Exchange)
    h = torch.randn(3, 8, 8, 8).double()
    a, b = h.clone().requires_grad_(), h.clone().requires_grad_()
    seen, expected = made(a), nn.Sequential(exchange, pool, *layers)(b)
    assert torch.allclose(seen, expected, atol=1e-12)
    weight = torch.randn_like(seen)
    (seen * weight).sum().backward()
    (expected * weight).sum().backward()
    assert torch.allclose(a.grad, b.grad, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("setting", [{"bias": True}, {"dilation": 2}, {"padding": "same"}, {"padding_mode": "circular"},
                                     {"groups": 2}])
def test_a_convolution_that_would_change_by_stacking_is_refused(share, setting):
    with pytest.raises(TypeError, match="cannot be stacked; a convolution has bias=False"):
        groups.group_heads(8, 2, share, lambda n: nn.Sequential(nn.Conv2d(n, 4, 3, **{"bias": False} | setting)))


def test_a_norm_keeps_its_settings():
    made = groups.stack([nn.Sequential(nn.BatchNorm2d(4, affine=False), nn.Flatten()) for _ in range(2)])
    assert made[0].weight is None and made[0].num_features == 8


@pytest.mark.parametrize("stride, G", [(1, 2), (2, 4)])
def test_shared_convolutions_give_gradients_to_owners_alone(stride, G):
    """Against G convolutions of the input, all channels but the own detached."""
    torch.manual_seed(0)
    several = [nn.Conv2d(8, 6, 3, stride, 1, bias=False).double() for _ in range(G)]
    shared, h = groups.SharedConv2d(several), torch.randn(3, 8, 6, 6).double()
    a, b = h.clone().requires_grad_(), h.clone().requires_grad_()
    outputs = []
    for g, layer in enumerate(several):
        parts = list(b.chunk(G, dim=1))
        outputs.append(layer(torch.cat([part if i == g else part.detach() for i, part in enumerate(parts)], dim=1)))
    expected, seen = torch.cat(outputs, dim=1), shared(a)
    assert torch.allclose(seen, expected, atol=1e-12)
    weight = torch.randn_like(expected)
    (seen * weight).sum().backward()
    (expected * weight).sum().backward()
    assert torch.allclose(a.grad, b.grad, atol=1e-10)
    assert torch.allclose(shared.weight.grad, torch.cat([layer.weight.grad for layer in several]), atol=1e-10)


def test_under_autocast_every_convolution_is_of_one_dtype():
    """Going back, too: on a GPU another is refused."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Dtypes(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if "convolution" in str(function):
                seen.append({t.dtype for t in args if isinstance(t, torch.Tensor)})
            return function(*args, **(kwargs or {}))

    seen, net = [], grouped(2, 2, "1c2f").float()
    net.precision, (x, y) = torch.bfloat16, batch()
    with Dtypes():
        net.backward(x.float(), y)
    assert len(seen) > 20 and all(dtypes == {torch.bfloat16} for dtypes in seen)


def test_diversity_by_hand():
    logits = torch.tensor([[[9.0, 1.0, 0.0], [9.0, 0.0, 1.0]]]).double()  # true class 0: the wrong ones e : 1 and 1 : e
    e = torch.tensor(1.0).double().exp()
    expected = (2 * e / (e * e + 1)).item()
    assert groups.diversity(logits, torch.tensor([0]), 1.0).item() == pytest.approx(expected)
    assert groups.diversity(logits[:, :1], torch.tensor([0]), 1.0) == 0
    same = logits[:, [0, 0]]
    assert groups.diversity(same, torch.tensor([0]), 3.0).item() == pytest.approx(1)
    sure = 10 * same.float()  # of the true class: the rest is what float32 cannot tell from nothing beside it
    assert groups.diversity(sure, torch.tensor([0]), 1.0).item() == pytest.approx(1)


@pytest.mark.parametrize("preset", [groups.Preset(-1, 1), groups.Preset(1, 0), groups.Preset(float("nan"), 1)])
def test_a_preset_of_ones_own_is_checked(preset):
    with pytest.raises(ValueError, match="of diversity is"):
        groups.GroupLosses(2, preset)


def test_diversity_of_many_is_the_mean_over_ordered_pairs():
    torch.manual_seed(0)
    logits, y, T = torch.randn(7, 4, 5).double(), torch.arange(7) % 5, 3.0
    total = 0.0
    for b in range(7):
        wrong = []
        for g in range(4):
            p = [float(torch.exp(logits[b, g, c] / T)) if c != y[b] else 0.0 for c in range(5)]
            length = sum(v * v for v in p) ** 0.5
            wrong.append([v / length for v in p])
        total += sum(sum(u * v for u, v in zip(wrong[g], wrong[h])) for g in range(4) for h in range(4) if g != h)
    assert groups.diversity(logits, y, T).item() == pytest.approx(total / (7 * 4 * 3))


def test_ensembles_by_hand():
    p = {0: torch.tensor([[[0.5, 0.5], [0.9, 0.1]]]), 1: torch.tensor([[[0.2, 0.8], [0.4, 0.6]]]),
         2: torch.tensor([[0.3, 0.7]])}
    named = groups.ensembles({i: t.log() for i, t in p.items()})
    for name, value in {"depth 1, group 2": [0.9, 0.1], "depth 1": [0.7, 0.3], "depth 2": [0.3, 0.7],
                        "final head": [0.3, 0.7], "last depth": [0.3, 0.7], "thread 1": [0.2, 0.8],
                        "all depths": [(0.7 + 2 * 0.3 + 4 * 0.3) / 7, (0.3 + 2 * 0.7 + 4 * 0.7) / 7]}.items():
        assert named[name][0].tolist() == pytest.approx(value), name
    assert len(named) == 4 + 2 + 1 + 2 + 2


def test_ensembles_of_a_network_without_groups():
    p = {0: torch.tensor([[0.5, 0.5]]), 1: torch.tensor([[0.2, 0.8]])}
    named = groups.ensembles({i: t.log() for i, t in p.items()})
    assert named["all depths"][0].tolist() == pytest.approx([(0.5 + 2 * 0.2) / 3, (0.5 + 2 * 0.8) / 3])
    assert {"thread 1", "last depth"}.isdisjoint(named) and named["depth 1, group 1"][0].tolist() == pytest.approx(
        [0.5, 0.5])
    alone = groups.ensembles({0: p[1].log()})
    assert sorted(alone) == ["all depths", "final head"]
    assert alone["all depths"][0].tolist() == pytest.approx([0.2, 0.8])


def test_groups_train_and_are_scored(images):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear", groups=2, diversity="paper")
    history = train(net, images, 20, recipe=Recipe(batch=24, lr=0.05, augment=False, precision="float32"))
    assert len(history.accuracies) == 3 and history.accuracy > 60
    scores = groups.score(net, images)
    assert scores["final head"] == pytest.approx(history.accuracies[2]) and net.training
    assert scores["depth 1"] == pytest.approx(history.accuracies[0])


@pytest.mark.parametrize("make, words", [
    (lambda: networks.resnet(8, width=6, groups=4), "stage 1 has 6 channels, which do not divide into G = 4 groups; "
                                                    "G = 1, 2, 3, 6 fit"),
    (lambda: networks.resnet(8, width=8).cut(2, groups=3), "stage 1 has 8 channels"),
    (lambda: networks.vgg6a(groups=3), "block 1 has 128 channels"),
    (lambda: networks.resnet(8, groups=0), "a whole number from 1 on"),
    (lambda: networks.cnn6().cut(2, groups=2), "CNN-6 has no form in groups"),
    (lambda: networks.resnet(8).cut(2, groups=0), "a whole number from 1 on"),
    (lambda: networks.resnet(8).cut(2, groups=2, objective="infopro"), "objective is 'infopro'"),
    (lambda: networks.resnet(8).cut(2, diversity="paper"), "groups is 1; got 1.0 and 'paper'"),
    (lambda: networks.resnet(8).cut(2, share=0.0), "groups is 1; got 0.0 and 'none'"),
    (lambda: groups.GroupLosses(2, "strong"), "there are none, paper, authors' default"),
    (lambda: groups.Exchange(8, 3), "8 channels do not divide"), (lambda: groups.Exchange(8, 2, 1.5), "from 0 to 1"),
])
def test_groups_that_cannot_be(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_vgg_in_groups():
    net = networks.vgg6a(shape=(3, 16, 16)).cut(3, "linear", groups=4)
    assert measure.reach(net, (torch.randn(4, 3, 16, 16), torch.arange(4))).differences(reach.groups(3, 4)) == []
