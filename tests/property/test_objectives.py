"""Objectives: their formulas, what they see, and that what they own is trained with their head."""

import pytest
import torch
import torch.nn.functional as F

from llcourse import Run, measure, networks, objectives, reach, wiring
from llcourse.objectives import CrossEntropy, Reconstruction

from .guests import PLAIN, Eights, batch


def decoder_and_rest(net):
    return [p for objective in net.objectives for p in objective.parameters()]


@pytest.mark.parametrize("method", [reach.local, lambda K: reach.interlocking(K, 2), lambda K: reach.overlapping(K, 2),
                                    reach.deep_supervision, lambda K: reach.chunked(K, 2)])
def test_parameters_of_an_objective_are_trained_with_its_head(method):
    net = networks.resnet(8, width=4, shape=(3, 8, 8)).cut(3, "linear", method(3), "reconstruction").double()
    x, y = torch.randn(4, 3, 8, 8).double(), torch.arange(4)
    net.backward(x, y)
    for i, objective in enumerate(net.objectives):
        trained = [p.grad is not None for p in [*objective.parameters(), *net.heads[i].parameters()]]
        assert trained == [i in net.losses] * len(trained)
    owned = {id(p) for p in decoder_and_rest(net)}
    run = Run(net.float(), Eights(), 1, recipe=PLAIN)
    assert owned <= {id(p) for group in run.step.optimizer.param_groups for p in group["params"]} and owned


def test_reconstruction_is_its_formula():
    objective = Reconstruction((4, 4, 4), (3, 8, 8), weight=0.5).double()
    h, image, logits = torch.randn(5, 4, 4, 4).double(), torch.randn(5, 3, 8, 8).double(), torch.randn(5, 3).double()
    y = torch.tensor([0, 1, 2, 1, 0])
    decoded = objective.decoder(h)
    expected = F.cross_entropy(logits, y) + 0.5 * ((decoded - image) ** 2).sum() / image.numel()
    found = objective(logits, objectives.Record(h, image, y, {}))
    assert decoded.shape == image.shape and torch.isclose(found, expected, rtol=1e-9)


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
