"""Modules and heads of odd kinds, and what a run and a checkpoint know of their network."""

from copy import deepcopy

import pytest
import torch

from llcourse import LocalNetwork, Run, measure, networks, reach, train, wiring
from llcourse.borders import Border
from llcourse.checkpoint import CheckpointError
from llcourse.objectives import CrossEntropy, Reconstruction
from llcourse.wiring import IMAGE, Wiring

from .guests import PLAIN, Coarse, InPlace, batch, late_network, same, weights


def test_a_part_that_writes_to_its_input_is_named():
    def net(where):
        made = networks.sketch(wiring.chain(2), classes=3)
        getattr(made, where)[1] = torch.nn.Sequential(InPlace(), getattr(made, where)[1])
        return made

    x, y = batch()
    for where, name in (("body", "module 2"), ("heads", "head 2")):
        made = net(where).double()
        with pytest.raises(ValueError, match=f"{name} changes its input in place"):
            made.backward(x, y)
    made = networks.sketch(wiring.chain(2), classes=3).double()
    made.borders = [type("Wiping", (Border,), {"forward": lambda self, h: h.mul_(0)})()]
    with pytest.raises(ValueError, match="border 1 changes its input in place"):
        made.backward(x, y)


def test_a_module_whose_output_has_no_graph_is_named():
    class Cut(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(6, 6)

        def forward(self, x):
            return self.linear(x).detach()

    net = networks.sketch(wiring.chain(2), classes=3)
    net.body[1] = Cut()
    with pytest.raises(ValueError, match="module 2 gives an output without a graph"):
        net.double().backward(*batch())


def test_a_copy_is_whole():
    net = late_network()
    net.backward(torch.randn(4, 3, 4, 4), torch.arange(4))
    twin = deepcopy(net)
    assert isinstance(twin, LocalNetwork) and same(weights(net), weights(twin))
    twin.body[0].linear.weight.data.zero_()
    assert net.body[0].linear.weight.any()


def test_evaluation_names_a_module_that_writes_to_what_another_reads():
    fork = Wiring(((IMAGE,), (0,), (0,)), ((0,), (1,), (2,)))
    net = networks.sketch(fork, classes=3).double()
    net.body[1] = torch.nn.Sequential(InPlace(), net.body[1])
    with pytest.raises(ValueError, match="module 2 changes its input in place"):
        net.eval().logits(batch()[0])
    with torch.inference_mode():  # tensors have no versions there
        networks.sketch(fork, classes=3).double().logits(batch()[0])


def test_a_head_that_does_not_look_leaves_no_message():
    class Blind(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(3).double())

        def forward(self, h):
            return self.bias.expand(len(h), 3)

    net = networks.sketch(wiring.chain(2), classes=3).double()
    net.heads[1], net.reach = Blind(), reach.backprop(2)
    net.backward(*batch())
    assert net.heads[1].bias.grad is not None and all(p.grad is None for p in net.body.parameters())


def test_a_module_that_hands_its_input_on_is_skipped_this_once():
    class Sometimes(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module, self.on = module, False

        def forward(self, x):
            return self.module(x) if self.on else x

    for R in (reach.local(2), reach.backprop(2)):
        net = networks.sketch(wiring.chain(2), classes=3).double()
        net.body[1], net.reach = Sometimes(net.body[1]), R
        net.backward(*batch())
        assert all(p.grad is None for p in net.body[1].parameters()) and net.body[0].linear.weight.grad is not None
        assert measure.reach(net, batch()).matrix[:, 1].tolist() == [0, 0]
        net.body[1].on = True
        net.backward(*batch())
        assert all(p.grad is not None for p in net.parameters() if R[0, 0] or p is not net.heads[0].linear.weight
                   and p is not net.heads[0].linear.bias)


def test_a_run_refuses_to_train_what_it_does_not_know(images):
    def changed(change):
        run = Run(late_network(Coarse), images, 1, recipe=PLAIN)
        change(run.net)
        return run

    for change in (lambda net: net.body.__setitem__(1, networks.Joined(6, 6)), lambda net: setattr(net, "borders", []),
                   lambda net: setattr(net, "objectives", CrossEntropy(0.1)),
                   lambda net: setattr(net, "reach", [[1, 0, 0], [0, 1, 0], [0, 1, 1]]),
                   lambda net: setattr(net, "precision", torch.bfloat16),
                   lambda net: net.body[0].requires_grad_(False),
                   lambda net: setattr(net.objectives[1], "label_smoothing", 0.5),
                   lambda net: setattr(net.heads[0].linear, "weight", torch.nn.Parameter(torch.zeros(4, 6)))):
        with pytest.raises(ValueError, match="since this Run was made"):
            changed(change).fit()
    run = changed(lambda net: None)
    run.fit()
    run.fit()  # its own work is no change


def test_checkpoints_tell_settings_apart(images, tmp_path):
    def net(weight=1.0, frozen=False):
        torch.manual_seed(0)
        made = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear", objective="reconstruction")
        made.objectives = [Reconstruction((4, 16, 16), (3, 16, 16), weight), CrossEntropy()]
        made.body[0].requires_grad_(not frozen)
        return made

    file = tmp_path / "run.safetensors"
    train(net(), images, 1, recipe=PLAIN, checkpoint=file)
    weighted = net()
    weighted.objectives = [weighted.objectives[0], CrossEntropy(weight=torch.tensor([1.0, 1.0, 1.0, 2.0]))]
    for other in (net(weight=2.0), net(frozen=True), weighted):
        with pytest.raises(CheckpointError, match="network: "):
            train(other, images, 1, recipe=PLAIN, checkpoint=file)


def test_scores_and_logits_of_heads_that_are_not_there(images):
    net = networks.sketch(wiring.chain(2), classes=4)
    assert measure.score(net, images, heads=iter([1])) == [None, measure.score(net, images)[1]]
    with pytest.raises(ValueError, match="there are heads 0 to 1; got \\[-1\\]"):
        net.logits(next(images.test_batches(4))[0], [-1])


def test_a_step_does_not_mind_a_closed_grad_mode():
    net = networks.sketch(wiring.chain(2), classes=3).double()
    with torch.no_grad():
        net.backward(*batch())
    assert all(p.grad is not None for p in net.parameters())
