"""What a step does is what R says: measured reach, plain autograd, message passing, and BatchNorm's statistics."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llcourse import measure, networks, reach
from llcourse.walk import TrainingWalk

from .conftest import gradients


def assert_same(left, right, tolerance=1e-6):
    assert left.keys() == right.keys()
    for name in left:
        assert (left[name] is None) == (right[name] is None), name
        if left[name] is not None:
            assert torch.allclose(left[name], right[name], rtol=tolerance, atol=tolerance), name


def test_measured_equals_declared(net, method, batch):
    net.reach = method(net.K)
    measured = measure.reach(net, batch, parts=net.parts())
    heads = np.diag(net.reach.any(axis=1).astype(int))  # a loss that is computed trains its own head and no other
    assert measured.differences(np.hstack([net.reach, heads])) == []


def test_last_row_full_equals_plain_autograd(net, batch):
    net.reach = reach.backprop(net.K)
    plain = deepcopy(net)
    x, y = batch
    values = net.backward(x, y)
    loss = F.cross_entropy(plain(x), y)
    loss.backward()
    assert torch.isclose(values[net.K - 1], loss, rtol=1e-6)
    assert_same(gradients(net), gradients(plain))


def test_equals_autograd_on_the_whole_graph(net, method, batch):
    """Without any detach: each loss's gradient on the whole graph, kept where R has a 1, added up."""
    net.reach = R = method(net.K)
    whole = deepcopy(net)
    x, y = batch
    net.backward(x, y)
    logits = whole.logits(x)
    for i in whole.losses:
        parts = [whole.heads[i], *(whole.body[j] for j in range(net.K) if R[i, j])]
        parameters = [p for part in parts for p in part.parameters()]
        found = torch.autograd.grad(F.cross_entropy(logits[i], y), parameters, retain_graph=True)
        for p, g in zip(parameters, found):
            p.grad = g if p.grad is None else p.grad + g
    assert_same(gradients(net), gradients(whole))


def backward_by_messages(net, x, y):
    """The same step as K workers do it: every module on a leaf of its own, gradients sent from module to module."""
    leaves, outputs = [], []
    for module in net.body:
        leaves.append(x.detach().requires_grad_())
        x = module(leaves[-1])
        outputs.append(x)
    for i in net.losses:
        lowest = net.reach[i].nonzero()[0].min()
        border = outputs[i].detach().requires_grad_()
        F.cross_entropy(net.heads[i](border), y).backward()
        message = border.grad
        for j in range(i, lowest - 1, -1):
            trained = list(net.body[j].parameters()) if net.reach[i, j] else []
            message, *found = torch.autograd.grad(outputs[j], [leaves[j], *trained], message, retain_graph=True)
            for p, g in zip(trained, found):
                p.grad = g if p.grad is None else p.grad + g


def test_message_passing_gives_the_same_gradients(net, method, batch):
    net.reach = method(net.K)
    other = deepcopy(net)
    net.backward(*batch)
    backward_by_messages(other, *batch)
    assert_same(gradients(net), gradients(other))


def connected(node):
    """Ids of the parameters in the graph behind an autograd node."""
    stack, seen = [node], set()
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += [behind for behind, _ in node.next_functions]
    return {id(node.variable) for node in seen if isinstance(getattr(node, "variable", None), torch.nn.Parameter)}


class Watched(TrainingWalk):
    """Notes which parameters each graph holds, in the whole step as it trains."""

    def back(self, loss):
        self.net.seen.append(("loss", connected(loss.grad_fn)))
        super().back(loss)

    def carry(self, graph, *rest):
        self.net.seen.append((graph.cell.number - 1, connected(graph.root().grad_fn)))
        return super().carry(graph, *rest)


def test_every_graph_holds_one_module_or_one_head(net, method, batch):
    net.reach, net.seen = method(net.K), []
    net.backward(*batch, walk=Watched)
    heads = [{id(p) for p in net.heads[i].parameters()} for i in net.losses]
    assert [found for what, found in net.seen if what == "loss"] == heads
    passes = [(j, found) for j, found in net.seen if j != "loss"]
    assert {j for j, _ in passes} == set(range(net.K))
    for j, found in passes:
        assert found == {id(p) for p in net.body[j].parameters()}


def test_one_optimizer_equals_one_a_module(net, method, batch):
    net.reach = method(net.K)
    other = deepcopy(net)
    settings = dict(lr=0.1, momentum=0.9, weight_decay=1e-3, nesterov=True)
    one = torch.optim.SGD(net.parameters(), **settings)
    many = [torch.optim.SGD([*b.parameters(), *h.parameters()], **settings) for b, h in zip(other.body, other.heads)]
    for _ in range(3):
        for module, optimizers in ((net, [one]), (other, many)):
            module.zero_grad()
            module.backward(*batch)
            for optimizer in optimizers:
                optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters()))


def test_batchnorm_counts_every_step_once(net, method, batch):
    net.reach = method(net.K)
    for _ in range(3):
        net.backward(*batch)
    for name, part in net.parts().items():
        used = name.startswith("module") or int(name.split()[1]) - 1 in net.losses
        counts = {int(b) for key, b in part.named_buffers() if key.endswith("num_batches_tracked")}
        norms = any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in part.modules())
        assert counts == ({3 if used else 0} if norms else set()), name


def test_a_subset_of_losses_leaves_the_rest_alone(batch):
    """What sequential training relies on: modules before run without a graph, modules behind do not run at all."""
    net = networks.resnet(14, width=4, shape=(3, 16, 16)).cut(4).double()
    values = net.backward(*batch, losses=(1,))
    trained = {name for name, p in net.named_parameters() if p.grad is not None}
    assert trained and all(name.startswith(("body.1.", "heads.1.")) for name in trained)
    assert list(values) == [1]
    behind = [b for b in net.body[2].buffers() if b.dtype == torch.long]
    assert behind and not any(behind)
    with pytest.raises(ValueError, match=r"\[5\] asked for"):
        net.backward(*batch, losses=(4,))


def test_detached_borders_are_freed_at_once(batch):
    net = networks.resnet(20, width=4, shape=(3, 16, 16)).cut(10, "linear").double()
    local = measure.saved_bytes(net, *batch)
    net.reach = reach.backprop(10)
    assert local < 0.25 * measure.saved_bytes(net, *batch)


def test_a_wrong_reach_on_a_network_is_refused():
    net = networks.resnet(8, width=4).cut(2)
    with pytest.raises(reach.ReachError, match="K = 2 modules.*\\(3, 3\\)"):
        net.reach = reach.local(3)
    with pytest.raises(ValueError):
        net.reach[0, 0] = 0


class Leaky(torch.nn.Module):
    """Two parts that should be isolated; `leak` forgets the detach."""

    def __init__(self, leak):
        super().__init__()
        self.first, self.second, self.leak = torch.nn.Linear(4, 4), torch.nn.Linear(4, 2), leak
        self.head = torch.nn.Linear(4, 2)

    def losses(self, x, y):
        h = self.first(x)
        return {"local": F.cross_entropy(self.head(h), y),
                "final": F.cross_entropy(self.second(h if self.leak else h.detach()), y)}


@pytest.mark.parametrize("leak", [False, True])
def test_measuring_any_module_names_the_leaking_parameter(leak):
    model = Leaky(leak)
    measured = measure.reach(model, (torch.randn(3, 4), torch.tensor([0, 1, 1])), losses=Leaky.losses)
    declared = [[1, 0, 1], [0, 1, 0]]
    assert measured.parts == ["first", "second", "head"] and measured.losses == ["local", "final"]
    assert measured.differences(declared) == (["final leaks into first through weight, bias"] if leak else [])
    assert all(p.grad is None for p in model.parameters())


def test_parameters_that_the_model_holds_itself_are_measured():
    class Positional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.position, self.first, self.second = (
                torch.nn.Parameter(torch.zeros(4)), torch.nn.Linear(4, 2), torch.nn.Linear(4, 2))

        def losses(self, x, y):
            x = x + self.position
            return {"a": F.cross_entropy(self.first(x), y), "b": F.cross_entropy(self.second(x), y),
                    "none": x.new_zeros(())}

    batch = torch.randn(3, 4), torch.tensor([0, 1, 1])
    measured = measure.reach(Positional(), batch, losses=Positional.losses)
    assert measured.differences([[1, 1, 0], [0, 0, 1], [0, 0, 0]]) == ["b leaks into (itself) through position"]
    model = Positional()
    with pytest.raises(ValueError, match="in no part.*position"):
        measure.reach(model, batch, losses=Positional.losses, parts={"first": model.first, "second": model.second})


def test_entries_that_are_in_no_slice_are_missed():
    """A loss may leak into just those."""
    torch.manual_seed(0)
    model, batch = torch.nn.Linear(4, 4), (torch.randn(3, 4), torch.tensor([0, 1, 1]))
    parts = {"a": [(model.weight, slice(0, 2)), (model.bias, slice(None))],
             "b": [(model.weight, torch.eye(4, 4).roll(2, 0) > 0)]}
    with pytest.raises(ValueError, match=r"in no part, so not measured: weight \(6 of 16 entries\); name"):
        measure.reach(model, batch, losses=lambda m, x, y: {"all": F.cross_entropy(m(x), y)}, parts=parts)
    parts["b"].append((model.weight, slice(2, 4)))
    measured = measure.reach(model, batch, losses=lambda m, x, y: {"all": F.cross_entropy(m(x), y)}, parts=parts)
    assert measured.tensors["b"] == ["weight[4 of 16 entries]", "weight[2:4]"]


def test_measuring_reports_what_is_not_reached():
    measured = measure.reach(Leaky(False), (torch.randn(3, 4), torch.tensor([0, 1, 1])), losses=Leaky.losses)
    assert measured.differences([[1, 0, 1], [1, 1, 0]]) == ["final does not reach first"]


def test_measuring_a_closure_over_another_model_is_refused():
    outer = Leaky(False)
    with pytest.raises(ValueError, match="a copy"):
        measure.reach(Leaky(False), (torch.randn(3, 4), torch.tensor([0, 1, 1])),
                      losses=lambda _, x, y: outer.losses(x, y))
