"""Gradients as messages: equal to brute force on one graph, for any reach and any wiring, with as few passes as there
can be."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llcourse import cost, measure, networks, reach, wiring
from llcourse.cell import Graph
from llcourse.memory import SavedBytes
from llcourse.routes import Pull
from llcourse.wiring import IMAGE, Wiring

BATCH = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2])


def random_reach(K, draw):
    """A lower triangular matrix with rows of zeros and rows with holes, each module reached."""
    while True:
        R = np.tril(draw.random((K, K)) < draw.choice([0.2, 0.5, 0.8])).astype(int)
        R[draw.random(K) < 0.3] = 0
        R[-1, R.sum(axis=0) == 0] = 1
        if R.any():
            return R


def random_wiring(draw):
    """Up to six cells, each reading up to three of the image and the cells before; heads on one or two cells; perhaps
    one alone."""
    K = int(draw.integers(1, 7))
    cells = [tuple(sorted(draw.choice(np.arange(IMAGE, j), size=min(j + 1, int(draw.integers(1, 4))),
                                      replace=False).tolist()))
             for j in range(K)]
    heads = [(j, *[s for s in range(j) if draw.random() < 0.2]) for j in range(K)]
    return Wiring(tuple(cells), tuple(heads) + ((K - 1,),) * int(draw.integers(0, 2)))


def brute_force(net, x, y):
    """{parameter: gradient}: every module run once, undetached; of each loss's gradient what R has a 1 for."""
    outputs = {IMAGE: x}
    for j, sources in enumerate(net.wiring.cells):
        outputs[j] = net.body[j](*[outputs[s] for s in sources])
    total = {}
    for i, read in enumerate(net.wiring.heads):
        if i < net.K and not net.reach[i].any():
            continue
        loss = F.cross_entropy(net.heads[i](*[outputs[s] for s in read]), y)
        parts = [net.heads[i], *[net.body[j] for j in range(net.K) if net.reach[i, j]]]
        named = {p: name for name, p in net.named_parameters()}
        parameters = [p for part in parts for p in part.parameters()]
        for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters, retain_graph=True)):
            total[named[p]] = total.get(named[p], 0) + gradient
    return total


def assert_equals_brute_force(net):
    expected = brute_force(net, *BATCH)
    net.backward(*BATCH)
    assert {name for name, p in net.named_parameters() if p.grad is not None} == set(expected)
    for name, p in net.named_parameters():
        if p.grad is not None:
            assert (p.grad - expected[name]).abs().max() <= 1e-9, name


def test_three_hundred_reaches_equal_brute_force():
    draw = np.random.default_rng(0)
    for n in range(300):
        K = 2 + n % 7
        torch.manual_seed(n)
        net = networks.sketch(wiring.chain(K), classes=3, channels=4).double()
        net.reach = random_reach(K, draw)
        assert_equals_brute_force(net)


def test_two_hundred_wirings_equal_brute_force():
    draw = np.random.default_rng(1)
    for n in range(200):
        wired = random_wiring(draw)
        torch.manual_seed(n)
        net = networks.sketch(wired, classes=3, channels=4).double()
        R = np.zeros((len(wired.heads), len(wired.cells)), int)
        for i, j in np.ndindex(len(wired.cells), len(wired.cells)):
            R[i, j] = wired.may_train(i, j) and (i == j or draw.random() < 0.4)
        net.reach = R
        assert_equals_brute_force(net)
        measured = measure.reach(net, BATCH)
        assert measured.differences(R) == []


def passes_of(net):
    """[(cell, trains, number of sources)] of the backward passes of one step, as they happen."""
    seen, pull = [], Graph.pull

    def counting(self, message, trains, sources, last):
        seen.append((self.cell.number - 1, trains, len(sources)))
        return pull(self, message, trains, sources, last)

    Graph.pull = counting
    try:
        net.backward(*BATCH)
    finally:
        Graph.pull = pull
    return seen


def test_passes_are_as_few_as_there_can_be():
    """A module: one weight gradient, one message for each different way that losses go on below it; all else is
    shared."""
    draw = np.random.default_rng(2)
    for n in range(100):
        K = 2 + n % 7
        net = networks.sketch(wiring.chain(K), classes=3, channels=4).double()
        net.reach = R = random_reach(K, draw)
        seen = passes_of(net)
        for j in range(K):
            ways = {}
            for i in range(j, K):
                if R[i, :j].any():
                    ways.setdefault(tuple(R[i, :j]), set()).add(i)
            trains = {i for i in range(K) if R[i, j]}
            assert sum(1 for cell, _, sources in seen if cell == j and sources) == len(ways)
            assert sum(1 for cell, trained, _ in seen if cell == j and trained) == (1 if trains else 0)
            assert sum(1 for cell, *_ in seen if cell == j) == (
                len(ways) + (1 if trains and trains not in ways.values() else 0))
        assert [(p.cell, bool(p.trains), len(p.sources)) for p in net.plan() if isinstance(p, Pull)] == seen


def test_a_message_leaves_when_its_last_member_has_arrived():
    net = networks.sketch(wiring.chain(4))
    net.reach = reach.deep_supervision(4)  # all four losses train module 1: one pass, behind the last of them
    kinds = [type(step).__name__ for step in net.plan() if type(step).__name__ != "Forget"]
    assert kinds == ["Forward", "Losses"] * 4 + ["Pull"] * 4
    net.reach = reach.interlocking(4, 2)   # module 1 is done before module 3 runs
    order = [(type(step).__name__, step.cell) for step in net.plan() if hasattr(step, "cell")]
    assert order.index(("Pull", 0)) < order.index(("Forward", 2))


@pytest.mark.parametrize("N", [1, 2, 3, 5])
def test_interlocking_keeps_n_modules_at_most(N):
    net = networks.resnet(32, width=4, shape=(3, 16, 16)).cut(16)
    x, y = torch.randn(4, 3, 16, 16), torch.arange(4)
    kept, features = [], x
    for module, head in zip(net.body, net.heads):
        with SavedBytes(net) as meter:
            features = module(features.detach().requires_grad_())
        with SavedBytes(net) as of_head:
            F.cross_entropy(head(features.detach().requires_grad_()), y)
        kept.append((meter.peak, of_head.peak))
    most = max(sum(module for module, _ in kept[j : j + N]) + max(head for _, head in kept[j : j + N])
               for j in range(17 - N))
    net.reach = reach.interlocking(16, N)
    assert measure.saved_bytes(net, x, y) <= most < 0.8 * sum(module for module, _ in kept)


def test_the_three_readers_count_the_same_routes():
    net = networks.resnet(20, width=4, shape=(3, 16, 16)).cut(4, "linear")
    for R, down in ((reach.local(4), (0, 0, 0)), (reach.backprop(4), (1, 1, 1)), (reach.interlocking(4, 2), (1, 1, 1)),
                    (reach.chunked(4, 2), (1, 0, 1)),
                    # losses 3 and 4 go through module 3, and part below it; losses 2 and 3 both end at module 1
                    (reach.interlocking(4, 3), (1, 2, 1)),
                    ([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]], (1, 2, 1))):
        net.reach = R
        found = cost.messages(net, (3, 16, 16))
        assert tuple(back // up for up, back in found[:3]) == down
        # four channels, float32; nobody reads the last module
        assert found[0][0] == 4 * 4 * 16 * 16 and found[3] == (0, 0)


def test_exact_macs_leave_out_input_gradients_that_nobody_asks_for():
    net = networks.resnet(8, width=4, shape=(3, 16, 16)).cut(4, "linear")
    shape = (3, 16, 16)
    rows, whole = cost.modules(net, shape), sum(b.macs + h.macs for b, h in cost.modules(net, shape)[:4])
    # convolutions on a module's input
    first = [4 * 3 * 9 * 256, 4 * 4 * 9 * 256, 4 * 8 * 9 * 64 + 4 * 8 * 64, 8 * 16 * 9 * 16 + 8 * 16 * 16]
    net.reach = reach.local(4)
    assert cost.training_macs(net, shape) == 3 * whole and cost.exact_macs(net, shape) == 3 * whole - sum(first)
    net.reach = reach.backprop(4)
    assert cost.exact_macs(net, shape) == 3 * sum(b.macs for b, _ in rows) + 3 * rows[-1][1].macs - first[0]


@pytest.mark.parametrize("wired", [wiring.chain(5), wiring.groups(2, 2)])
def test_training_equals_the_forward_pass(wired):
    net = networks.sketch(wired, classes=3, channels=4).double()
    x, y = BATCH
    values, logits = net.backward(x, y), net.logits(x)
    for i, value in values.items():
        assert torch.equal(value, F.cross_entropy(logits[i], y))
    assert torch.equal(net(x), logits[len(net.heads) - 1])


def test_a_frozen_module_lets_gradients_through_and_asks_for_none_below():
    net = networks.sketch(wiring.chain(3), classes=3, channels=4).double()
    net.reach = reach.backprop(3)
    net.body[1].requires_grad_(False)
    whole = deepcopy(net)
    net.backward(*BATCH)
    F.cross_entropy(whole(BATCH[0]), BATCH[1]).backward()
    for p, q in zip(net.parameters(), whole.parameters()):
        assert (p.grad is None) == (q.grad is None) and (p.grad is None or torch.allclose(p.grad, q.grad, atol=1e-12))
    net.body[0].requires_grad_(False)
    assert [step.sources for step in net.plan() if isinstance(step, Pull)] == [()]
