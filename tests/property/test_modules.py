"""Modules and heads of odd kinds, and what a run and a checkpoint know of their network."""

from copy import deepcopy

import pytest
import torch

from llcourse import LocalNetwork, Run, cost, heads, measure, networks, reach, train, wiring
from llcourse.borders import Border
from llcourse.checkpoint import CheckpointError
from llcourse.objectives import CrossEntropy, InfoPro
from llcourse.wiring import IMAGE, Wiring

from .guests import PLAIN, Coarse, InPlace, OneBatchLate, batch, late_network, same, weights


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
        with pytest.raises(ValueError, match="module 2 changes its input in place"):
            net.logits(batch()[0])
        with pytest.raises(ValueError, match="no gradients within torch.inference_mode"):
            net.backward(*batch())


def test_scores_do_not_depend_on_the_heads_asked_for(images):
    net = networks.sketch(wiring.chain(2), classes=4)
    net.heads[0] = torch.nn.Sequential(InPlace(), net.heads[0])
    for scored in (measure.score, torch.inference_mode()(measure.score)):
        with pytest.raises(ValueError, match="head 1 changes its input in place"):
            scored(net, images)
        assert scored(net, images, heads=[1])[1] is not None


class Wiping(torch.nn.Module):
    """An objective that changes what others read: labels, or logits."""

    def __init__(self, field):
        super().__init__()
        self.field = field

    def forward(self, logits, record):
        (record.y if self.field == "y" else logits.detach()).zero_()
        return logits.sum()


@pytest.mark.parametrize("field", ["y", "logits"])
def test_an_objective_that_changes_labels_or_logits_is_named(field):
    net = networks.sketch(wiring.chain(2), classes=3).double()
    net.objectives = [Wiping(field), CrossEntropy()]
    with pytest.raises(ValueError, match="objective 1 changes its input in place"):
        net.backward(*batch())


def test_a_border_that_changes_what_it_keeps_is_named():
    class Scaling(OneBatchLate):
        def put(self, sample):
            super().put(sample)
            sample.h.mul_(2)  # which the head of the module reads

    net = late_network(Scaling)
    with pytest.raises(ValueError, match="border 1 changes its input in place"):
        net.backward(torch.randn(4, 3, 4, 4), torch.arange(4))


class Twice(torch.nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x), x


def test_what_is_no_tensor_is_named(images):
    x, y = batch()
    for where, name in (("body", "module 1"), ("heads", "head 1")):
        net = networks.sketch(wiring.chain(2), classes=3).double()
        getattr(net, where)[0] = Twice(getattr(net, where)[0])
        for ask, given in ((net.backward, (x, y)), (net.logits, (x,)), (measure.reach, (net, (x, y)))):
            with pytest.raises(ValueError, match=f"{name} gives a tuple: what modules, heads and borders hand on is"):
                ask(*given)
        with pytest.raises(ValueError, match="a Twice gives a tuple, and modules hand on one tensor"):
            cost.modules(net, (3, 4, 4))
    with pytest.raises(ValueError, match="a network is given one tensor, and modules hand on one; got a tuple"):
        net.logits((x, x))
    with pytest.raises(ValueError, match=r"for maps, features of shape \(C, H, W\); these have shape \(16, 8\)"):
        heads.make("1c2f", (16, 8), 10)


class Each(torch.nn.Module):
    def forward(self, logits, record):
        return torch.nn.functional.cross_entropy(logits, record.y, reduction="none")


def test_losses_that_cannot_be():
    net = networks.sketch(wiring.chain(2), classes=3).double()
    for loss in (torch.nn.CrossEntropyLoss(), lambda logits, y: 0):
        for name in ("loss", "objective", "border"):
            with pytest.raises(ValueError, match=f"trains nothing called {name}: declare losses in net.objectives"):
                setattr(net, name, loss)
        with pytest.raises(ValueError, match=r"called with \(logits, (labels\), and an objective|record\), or a list)"):
            net.objectives = loss
    net.objectives = Each()
    with pytest.raises(ValueError, match=r"objective 1 gives something of shape \(6,\): a loss is one number a batch"):
        net.backward(*batch())


class Deep(torch.nn.Conv3d):
    def forward(self, x):
        return super().forward(x.unsqueeze(2))


class Tokens(torch.nn.Linear):
    def forward(self, x):
        return super().forward(torch.nn.functional.unfold(x, 4, stride=4).transpose(1, 2))


def _volumes():
    return [Deep(3, 4, 3, padding=1), torch.nn.Conv3d(4, 4, 3, padding=1)], 1024


def _transformer():
    return [torch.nn.Sequential(Tokens(48, 8), torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)),
            torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)], 128


@pytest.mark.parametrize("make", [_volumes, _transformer])
def test_features_need_not_be_maps(images, make, tmp_path):
    def net():
        torch.manual_seed(0)
        body, width = make()
        return LocalNetwork(body, [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(width, 4)) for _ in body])

    file, expected = tmp_path / "run.safetensors", train(whole := net(), images, 2, recipe=PLAIN)
    half = Run(net(), images, 2, recipe=PLAIN)
    half.epochs = 1
    half.fit(file)
    resumed = net()
    train(resumed, images, 2, recipe=PLAIN, checkpoint=file)
    assert same(weights(whole), weights(resumed)) and expected.rows[1]["loss"][1] < expected.rows[0]["loss"][1]
    assert measure.reach(whole, images).matrix.tolist() == [[1, 0], [0, 1]]
    assert measure.alignment(whole, images)[1] > 0.99
    assert cost.exact_macs(whole, (3, 16, 16)) > cost.modules(whole, (3, 16, 16))[0][0].macs > 0
    assert cost.messages(whole, (3, 16, 16))[0][0] > 0


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
        told = InfoPro(weights=((1, weight),) * 2, mean=images.mean, std=images.std)
        made = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear", objective=told)
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
