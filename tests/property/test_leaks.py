"""measure.reach finds leaks, also those that training's own restrictions would hide; and it tells slices apart."""

import numpy as np
import pytest
import torch
from torch import nn

from llcourse import measure, networks, reach, wiring

BATCH = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 3
REACHES = {"local": reach.local, "interlocking": lambda K: reach.interlocking(K, 2),
           "overlapping": lambda K: reach.overlapping(K, 2)}


@pytest.fixture(params=REACHES)
def net(request):
    torch.manual_seed(0)
    made = networks.sketch(wiring.chain(4), classes=3)
    made.reach = REACHES[request.param](4)
    assert measure.reach(made, BATCH).differences(made.reach) == []
    return made


class Bypass(nn.Module):
    """Reads, beside its input, what another module last put out, with the graph behind it."""

    def __init__(self, module, source):
        super().__init__()
        self.module = module
        object.__setattr__(self, "source", source)  # no submodule: what it gives is a tensor, not parameters

    def forward(self, x):
        beside = getattr(self.source, "last_output", None)
        return self.module(x) + (0 if beside is None else 0.1 * beside)


class Remembering(nn.Module):
    def __init__(self, module, late):
        super().__init__()
        self.module, self.late, self.outputs = module, late, []

    def forward(self, x):
        self.outputs.append(self.module(x))
        return self.outputs[-1]

    @property
    def last_output(self):
        return self.outputs[-1 - self.late] if len(self.outputs) > self.late else None


@pytest.mark.parametrize("late", [0, 1],
                         ids=["a tensor that bypasses a border", "a context kept from the batch before"])
def test_a_path_around_the_borders_is_found(net, late):
    net.body[0] = Remembering(net.body[0], late)
    net.body[3] = Bypass(net.body[3], net.body[0])
    faults = measure.reach(net, BATCH).differences(net.reach)
    assert faults == ["loss 4 leaks into module 1 through module.linear.weight, module.linear.bias"]


def test_a_parameter_shared_between_modules_is_found(net):
    net.body[3].linear.weight = net.body[1].linear.weight
    faults = measure.reach(net, BATCH).differences(net.reach)
    assert faults and all("through linear.weight" in line and line[-4:] != "bias" for line in faults)
    assert "loss 4 leaks into module 2 through linear.weight" in faults


def test_training_itself_refuses_or_leaks_but_never_hides(net):
    """The bypass in training: a graph that is gone is an error. Nothing is trained in silence by a loss that should
    not."""
    net.body[0] = Remembering(net.body[0], 0)
    net.body[3] = Bypass(net.body[3], net.body[0])
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        net.backward(*BATCH)


def test_the_walk_that_trains_would_not_have_seen_it():
    """So the measurement must not be that walk: under overlapping, training names the parameters of a pass."""
    torch.manual_seed(0)
    net = networks.sketch(wiring.chain(4), classes=3)
    net.reach = reach.overlapping(4, 2)
    net.body[0] = Remembering(net.body[0], 0)
    net.body[3] = Bypass(net.body[3], net.body[0])
    net.backward(*BATCH, losses=(3,))
    assert net.body[0].module.linear.weight.grad is None
    assert "loss 4 leaks into module 1" in measure.reach(net, BATCH).differences(net.reach)[0]


class Grouped(nn.Module):
    """Two groups in one convolution's weight: each loss sees its own half of the channels."""

    def __init__(self, groups):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 3, padding=1, groups=groups)
        self.norm = nn.BatchNorm2d(8)

    def losses(self, x, y):
        h = self.norm(self.conv(self.stem(x).detach()))
        return {"loss 1": h[:, :4].square().mean(), "loss 2": (h[:, 4:] - 1).square().mean()}

    def parts(self):
        halves = slice(0, 4), slice(4, 8)
        tensors = self.conv.weight, self.conv.bias, self.norm.weight, self.norm.bias
        return {"stem": self.stem} | {f"group {g}": [(p, half) for p in tensors] for g, half in enumerate(halves, 1)}


def test_slices_of_a_grouped_convolution_are_parts():
    model = Grouped(groups=2)
    measured = measure.reach(model, BATCH, losses=Grouped.losses, parts=model.parts())
    assert measured.differences([[0, 1, 0], [0, 0, 1]]) == []
    assert measured.tensors["group 1"] == [
        "conv.weight[0:4]", "conv.bias[0:4]", "norm.weight[0:4]", "norm.bias[0:4]"]


def test_a_slice_that_another_loss_reaches_is_named():
    class Mixed(Grouped):
        def losses(self, x, y):
            h = self.norm(self.conv(self.stem(x).detach()))
            return {"loss 1": h[:, :4].square().mean(),
                    "loss 2": (h[:, 3:] - 1).square().mean()}  # one channel too many

    model = Mixed(groups=2)
    measured = measure.reach(model, BATCH, losses=Mixed.losses, parts=model.parts())
    assert measured.differences([[0, 1, 0], [0, 0, 1]]) == [
        "loss 2 leaks into group 1 through conv.weight[0:4], conv.bias[0:4], norm.weight[0:4] and 1 more"]


def test_norms_are_those_of_the_gradients(net):
    measured = measure.reach(net, BATCH)
    names = [(part, name) for part in measured.parts for name in measured.tensors[part]]
    assert measured.norms.shape == (4, 8) and len(names) == 8
    for i in net.losses:
        net.zero_grad()
        net.backward(*BATCH, losses=(i,))
        for j, (part, name) in enumerate(names):
            gradient = net.body[int(part[-1]) - 1].get_parameter(name).grad
            found = measured.norms[i, j]
            assert np.isnan(found) if gradient is None else found == pytest.approx(gradient.norm().item(), rel=1e-5)


def test_two_slices_of_one_parameter_have_norms_of_their_own():
    net = networks.sketch(wiring.chain(2), classes=3)
    weight = net.body[0].linear.weight
    measured = measure.reach(net, BATCH, parts={"first": [(weight, slice(0, 2)), (weight, slice(2, 6))]})
    net.backward(*BATCH, losses=(0,))
    assert measured.tensors["first"] == ["body.0.linear.weight[0:2]", "body.0.linear.weight[2:6]"]
    assert np.allclose(measured.norms[0], [weight.grad[:2].norm(), weight.grad[2:].norm()], rtol=1e-5)


def test_measuring_draws_no_random_numbers_of_yours():
    net = networks.sketch(wiring.chain(2), classes=3)
    net.body[0] = nn.Sequential(net.body[0], nn.Dropout(0.5))
    before = torch.get_rng_state()
    measure.reach(net, BATCH)
    assert torch.equal(before, torch.get_rng_state())


def test_what_a_head_keeps_of_the_batch_before_is_followed():
    net = networks.sketch(wiring.chain(3), classes=3)
    net.heads[0] = Remembering(net.heads[0], 1)
    net.heads[2] = Bypass(net.heads[2], net.heads[0])
    faults = measure.reach(net, BATCH, parts=net.parts()).differences(np.hstack([np.eye(3), np.eye(3)]))
    assert faults == ["loss 3 leaks into head 1 through module.linear.weight, module.linear.bias"]
