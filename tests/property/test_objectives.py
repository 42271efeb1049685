"""Objectives: their formulas, what they see, and that what they own is trained with their head."""

import pytest
import torch
import torch.nn.functional as F

from llcourse import Run, cost, groups, measure, networks, objectives, reach, wiring
from llcourse.objectives import CrossEntropy, InfoPro, Reconstruction
from llcourse.objectives.upsampled import UpsampledConv2d

from .guests import PLAIN, Eights, batch, normalised

WEIGHTS = InfoPro(weights=((5, 0.5), (1, 2)))


def decoder_and_rest(net):
    return [p for objective in net.objectives for p in objective.parameters()]


@pytest.mark.parametrize("method", [reach.local, lambda K: reach.interlocking(K, 2), lambda K: reach.overlapping(K, 2),
                                    reach.deep_supervision, lambda K: reach.chunked(K, 2)])
def test_parameters_of_an_objective_are_trained_with_its_head(method):
    net = networks.resnet(8, width=4, shape=(3, 8, 8)).cut(3, "linear", method(3), WEIGHTS).double()
    x, y = normalised(torch.rand(4, 3, 8, 8).double()), torch.arange(4)
    net.backward(x, y)
    for i, objective in enumerate(net.objectives):
        trained = [p.grad is not None for p in [*objective.parameters(), *net.heads[i].parameters()]]
        assert trained == [i in net.losses] * len(trained)
    owned = {id(p) for p in decoder_and_rest(net)}
    run = Run(net.float(), Eights(), 1, recipe=PLAIN)
    assert owned <= {id(p) for group in run.step.optimizer.param_groups for p in group["params"]} and owned


@pytest.mark.parametrize("decoder, side", [("full", 8), ("own", 4)])
def test_reconstruction_is_its_formula(decoder, side):
    objective = Reconstruction((4, 4, 4), (3, 8, 8), decoder=decoder).double()
    h, pixels, y = torch.randn(5, 4, 4, 4).double(), torch.rand(5, 3, 8, 8).double(), torch.tensor([0, 1, 2, 1, 0])
    first, norm, _, last = objective.decoder
    enlarged = F.interpolate(h, size=side, mode="bilinear", align_corners=True)
    hidden = norm(F.conv2d(enlarged, first.weight, padding=1)).relu()
    made = torch.sigmoid(F.conv2d(hidden, last.weight, last.bias, padding=1))
    target = pixels.view(5, 3, side, 8 // side, side, 8 // side).mean((3, 5))
    expected = -(target * made.log() + (1 - target) * (1 - made).log()).sum() / target.numel()
    found = objective(None, objectives.Record(h, normalised(pixels), y, {}))
    assert made.shape == target.shape and torch.isclose(found, expected, rtol=1e-9)
    assert objective.macs == (4 * 12 + 12 * 3) * 9 * side**2


def test_a_reconstruction_of_other_images_is_refused(images):
    objective = Reconstruction((4, 16, 16), (3, 16, 16))
    h, y = torch.zeros(2, 4, 16, 16), torch.arange(2)
    with pytest.raises(ValueError, match="pixels go from -0.*normalised by something else than mean"):
        objective(None, objectives.Record(h, torch.full((2, 3, 16, 16), -3.0), y, {}))
    with pytest.raises(ValueError, match=r"images are \(3, 8, 8\), and this reconstruction is made for \(3, 16, 16\)"):
        objective(None, objectives.Record(h, torch.zeros(2, 3, 8, 8), y, {}))
    net = networks.resnet(8, width=4, classes=4, shape=images.shape).cut(2, "linear", objective="infopro")
    with pytest.raises(ValueError, match=r"the images' mean is .*InfoPro\(mean=images.mean, std=images.std\)"):
        Run(net, images, 1, recipe=PLAIN)
    told = InfoPro(mean=images.mean, std=images.std)
    net = networks.resnet(8, width=4, classes=4, shape=images.shape).cut(2, "linear", objective=told)
    assert len(Run(net, images, 1, recipe=PLAIN).fit().rows) == 1


@pytest.mark.parametrize("h, size", [((4, 4), (8, 8)), ((3, 5), (8, 12)), ((1, 1), (4, 4)), ((8, 8), (8, 8)),
                                     ((8, 8), (32, 32))])
def test_a_convolution_behind_upsampling_is_that(h, size):
    layer, x = UpsampledConv2d(3, 5, size).double(), torch.randn(2, 3, *h).double().requires_grad_()
    expected = F.conv2d(F.interpolate(x, size=size, mode="bilinear", align_corners=True), layer.weight, padding=1)
    of = torch.randn(2, 5, *size).double()
    for tensor in (x, layer.weight):
        a, b = (torch.autograd.grad(out, tensor, of, retain_graph=True)[0] for out in (layer(x), expected))
        assert (a - b).abs().max() < 1e-12
    assert (layer(x) - expected).abs().max() < 1e-12


def test_contrast_is_its_formula():
    z, y = torch.randn(6, 4).double().requires_grad_(), torch.tensor([0, 1, 0, 2, 1, 0])  # the 2 has no positive
    unit = z / z.square().sum(dim=1, keepdim=True).sqrt()
    losses = []
    for i in (0, 1, 2, 4, 5):
        others = [j for j in range(6) if j != i]
        whole = sum(torch.exp((unit[i] * unit[j]).sum() / 0.07) for j in others)
        same = [j for j in others if y[j] == y[i]]
        losses.append(-sum((unit[i] * unit[j]).sum() / 0.07 - whole.log() for j in same) / len(same))
    found, expected = objectives.Contrast()(z, objectives.Record(None, None, y, {})), sum(losses) / 5
    assert torch.isclose(found, expected, rtol=1e-9)
    a, b = (torch.autograd.grad(loss, z, retain_graph=True)[0] for loss in (found, expected))
    assert (a - b).abs().max() < 1e-9


@pytest.mark.parametrize("n", [1, 3])
def test_a_batch_without_positives_has_no_contrast(n):
    z = torch.randn(n, 4, requires_grad=True)
    loss = objectives.Contrast()(z, objectives.Record(None, None, torch.arange(n), {}))
    loss.backward()
    assert loss == 0 and not z.grad.any()  # and no NaN


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
def test_in_bfloat16_an_objective_has_nearly_the_same_losses(objective):
    """Bfloat16 has 8 bits: a cosine over a temperature of 0.07 is good to 0.06."""
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, shape=(3, 8, 8)).cut(4, "linear", objective=objective)
    x, y, losses = normalised(torch.rand(32, 3, 8, 8)), torch.arange(32) % 4, []
    for precision in (None, torch.bfloat16):
        net.precision = precision
        losses.append(torch.stack(list(net.backward(x, y).values())))
        assert all(p.grad.isfinite().all() for p in net.parameters())
    assert torch.allclose(*losses, rtol=0.03) and not torch.equal(*losses)


def test_weights_lie_on_a_line_from_border_to_border():
    """Those published for ResNet-32; one K between is refused, and said how."""
    nets = {K: networks.resnet(32, width=2, shape=(3, 16, 16)).cut(K, objective="infopro") for K in (2, 4, 8, 16)}
    weights = {K: [objective.weights for objective in net.objectives[:-1]] for K, net in nets.items()}
    assert weights[2] == [(5, 1)] and weights[4] == [(6, 0), (3.5, 1), (1, 2)]
    assert weights[8][0] == (5, 0) and weights[8][3] == (2.5, 1) and weights[8][6] == (0, 2)
    assert weights[16][0] == (5, 0.05) and weights[16][14] == pytest.approx((0.2, 0.5))
    assert weights[16][7] == pytest.approx((2.6, 0.275)) and type(nets[16].objectives[-1]) is CrossEntropy
    with pytest.raises(ValueError, match="published for K = 2, 4, 8 and 16; for K = 3 say them"):
        networks.resnet(8, width=4).cut(3, objective="infopro")
    other = networks.resnet(8, width=4).cut(3, objective=InfoPro(weights="ResNet-110, K = 16"))
    assert [objective.weights for objective in other.objectives[:2]] == [(5, 0), (0.5, 1)]
    for wrong in ((1, 2), ((1, 2),), ((1,), (2,)), "ResNet-32, K = 3", ((1, -1), (1, 1))):
        with pytest.raises(ValueError, match="weight"):
            InfoPro(weights=wrong)


def test_decoders_are_in_the_papers_count_and_in_autograds():
    """The cheaper one at the features' resolution; in autograd's count also what is saved where maps are enlarged."""
    def net(**given):
        return networks.resnet(8, width=4, shape=(3, 16, 16)).cut(4, "linear", **given)

    weights, shape = "ResNet-32, K = 4", (3, 16, 16)
    full, own = (net(objective=InfoPro(weights=weights, decoder=decoder)) for decoder in ("full", "own"))
    plain = net()
    extra = [cost.training_macs(one, shape) - cost.training_macs(plain, shape) for one in (full, own)]
    assert extra[0] == 3 * sum((C * 12 + 36) * 9 * 16**2 for C in (4, 4, 8))
    assert extra[1] == 3 * sum((C * 12 + 36) * 9 * side**2 for C, side in ((4, 16), (4, 16), (8, 8)))
    exact = [cost.exact_macs(one, shape) for one in (full, own, plain)]
    assert exact[2] < exact[1] < exact[0] < exact[2] + extra[0]


def test_heads_under_contrast_are_projections_and_have_no_accuracy(images):
    told = InfoPro(contrast=True, weights="ResNet-32, K = 2", mean=images.mean, std=images.std)
    net = networks.resnet(8, width=4, classes=4, shape=images.shape).cut(3, "linear", objective=told)
    x, _ = next(images.test_batches(4))
    assert [logits.shape[1] for logits in net.logits(x).values()] == [128, 128, 4] and net(x).shape[1] == 4
    history = Run(net, images, 1, recipe=PLAIN).fit()
    assert history.rows[0]["accuracy"][:2] == [None, None] and history.rows[0]["accuracy"][2] >= 0
    assert set(groups.score(net, images)) == {"final head", "all depths"}


def test_cross_entropy_smooths_and_weighs():
    logits, y, weight = (torch.randn(6, 3).double(), torch.tensor([0, 1, 2, 2, 1, 0]),
                         torch.tensor([1.0, 2.0, 5.0]).double())
    p = logits.log_softmax(dim=1)
    target = 0.9 * F.one_hot(y, 3).double() + 0.1 / 3
    expected = -(target * weight * p).sum() / weight[y].sum()
    found = CrossEntropy(0.1, weight)(logits, objectives.Record(None, None, y, {}))
    assert torch.isclose(found, expected, rtol=1e-9)
    with pytest.raises(ValueError, match="label_smoothing is 2"):
        CrossEntropy(2)


def test_objectives_are_one_or_one_each_and_never_shared():
    net = networks.sketch(wiring.chain(2))
    net.objectives = CrossEntropy(label_smoothing=0.1)
    net.objectives = [CrossEntropy(), CrossEntropy(0.2)]
    assert [o.label_smoothing for o in net.objectives] == [0, 0.2]
    with pytest.raises(ValueError, match="which two losses would share"):
        net.objectives = Reconstruction((6, 1, 1), (3, 8, 8))
    for wrong in ([CrossEntropy()], F.cross_entropy):
        with pytest.raises(ValueError, match="one nn.Module, called with"):
            net.objectives = wrong
    with pytest.raises(ValueError, match="no objective is called 'contrast'; there are cross-entropy"):
        networks.resnet(8).cut(2, objective="contrast")


def test_an_objective_sees_its_cell_the_image_the_labels_and_its_peers():
    seen = []

    class Looking(CrossEntropy):
        def forward(self, logits, record):
            seen.append((record.h.shape, record.image is x, record.y is y, sorted(record.peers),
                         any(p.requires_grad for p in record.peers.values())))
            return super().forward(logits, record)

    net = networks.sketch(wiring.groups(2, 2), classes=3).double()
    net.objectives, (x, y) = Looking(), batch()
    net.backward(x, y)
    assert seen == [((6, 6), True, True, peers, False) for peers in ([1], [0], [3], [2], [])]


class Writing(CrossEntropy):
    """Writes to one of the things that it is shown."""

    def __init__(self, field):
        super().__init__()
        self.field = field

    def forward(self, logits, record):
        tensor = getattr(record, self.field)
        (next(iter(tensor.values())) if self.field == "peers" else tensor.detach()).mul_(0)
        return super().forward(logits, record)


@pytest.mark.parametrize("field", ["h", "image", "peers"])
def test_an_objective_that_writes_to_what_others_read_is_named(field):
    net = networks.sketch(wiring.groups(2, 2), classes=3).double()
    net.objectives = [CrossEntropy(), Writing(field), *[CrossEntropy() for _ in range(3)]]
    with pytest.raises(ValueError, match="objective 2 changes its input in place"):
        net.backward(*batch())


def test_head_graphs_are_gone_after_the_step():
    class Ignoring(torch.nn.Module):
        def forward(self, logits, record):
            return record.h.square().mean()

    net = networks.resnet(20, width=4, shape=(3, 16, 16)).cut(5, "cnn")
    x, y = torch.randn(4, 3, 16, 16), torch.arange(4)
    plain = measure.saved_bytes(net, x, y)
    net.objectives = Ignoring()
    assert measure.saved_bytes(net, x, y) <= plain
