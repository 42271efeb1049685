"""Context supply: who reads what, whose the encoders are, and that nothing flows back."""

import copy

import pytest
import torch
from torch import nn

from llcourse import Recipe, Run, context, cost, measure, networks, reach, schedules, train, wiring
from llcourse.borders import ReplayBuffer, Sample, VectorQuantizer
from llcourse.context import Supplied
from llcourse.context.pooled import Pooled
from llcourse.heads import conv
from llcourse.objectives import InfoPro
from llcourse.wiring import IMAGE, Wiring

from .guests import OneBatchLate, same, weights

MODES = ["R0", "E", "e", "R1", "R1E", "R2", "R2E", "R3", "R3e"]
SHAPE = (3, 8, 8)


def cut(mode, K=4, seed=0, **given):
    torch.manual_seed(seed)
    return networks.resnet(8, width=4, classes=4, shape=SHAPE).cut(K, "linear", context=mode, **given)


def batch(n=6):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, *SHAPE, generator=generator), torch.arange(n) % 4


@pytest.mark.parametrize("mode", MODES)
def test_measured_equals_declared_and_every_supply_belongs_to_the_module_it_feeds(mode):
    net = cut(mode)
    assert measure.reach(net, batch()).differences(reach.local(4)) == []
    apart = context.parts(net)
    owners = [int(name.split()[1]) for name in apart]
    declared = [[int(owner == loss) for owner in owners] for loss in range(1, 5)]
    assert measure.reach(net, batch(), parts=apart).differences(declared) == []
    assert len(apart) == (4 if mode == "R0" else 7)
    sketched = networks.sketch(net.wiring, classes=4)
    assert measure.reach(sketched, batch()).differences(reach.local(4)) == []


@pytest.mark.parametrize("mode, cells, read", [
    ("R0", ((IMAGE,), (0,), (1,), (2,)), ((), (), (), ())),
    ("E", ((IMAGE,), (0, IMAGE), (1, IMAGE), (2, IMAGE)), ((), (), (), ())),
    ("R1", ((IMAGE,), (0, IMAGE), (1,), (2,)), ((), (), (1,), (2,))),
    ("R1E", ((IMAGE,), (0, IMAGE), (1, IMAGE), (2, IMAGE)), ((), (), (1,), (2,))),
    ("R2", ((IMAGE,), (0, IMAGE), (1, IMAGE), (2,)), ((), (), (1,), (2, 1))),
])
def test_what_each_module_reads(mode, cells, read):
    net = cut(mode)
    assert (net.wiring.cells, net.wiring.context) == (cells, read)
    x, _ = batch()
    given, h = {}, x
    for j, module in enumerate(net.eval().body):  # the same network, written out
        s = h
        if isinstance(module, Supplied):
            sources = [*[x] * (IMAGE in cells[j][1:]), *(given[c] for c in read[j])]
            for part, source in zip(module.supply.values(), sources, strict=True):
                s = s + part(source)
        given[j] = s
        h = (module.blocks if isinstance(module, Supplied) else module)(s)
    assert torch.allclose(net(x), net.heads[-1](h), atol=1e-6)


class Leaving(nn.Module):
    """Leaves what its module was given lying about, with the graph behind it."""

    def __init__(self, module, left):
        super().__init__()
        self.module, self.left = module, left

    def forward(self, *read):
        out, given = self.module(*read)
        self.left[:] = [given]
        return out, given


class Taking(Leaving):
    """Takes its context from there."""

    def forward(self, *read):
        out, given = self.module(*read)
        return out + self.left[0].mean(), given


def test_a_context_that_is_not_detached_is_found_and_named():
    net, left = cut("R2E"), []
    net.body[1], net.body[2] = Leaving(net.body[1], left), Taking(net.body[2], left)
    line, = measure.reach(net, batch()).differences(reach.local(4))
    assert line.startswith("loss 3 leaks into module 2 through module.supply.image.0.weight")


@pytest.mark.parametrize("mode", MODES)
def test_names_and_what_they_cost(mode):
    net, plain = cut(mode), cut("R0")
    both = zip(cost.modules(net, SHAPE), cost.modules(plain, SHAPE))
    bodies = [body.macs - other.macs for (body, _), (other, _) in both]
    expected = [0] * 4
    maps = {0: (3, 8), 1: (4, 8), 2: (4, 8), 3: (8, 4)}  # what s_0 ... s_3 are: channels and side
    for k in range(1, 4):
        C, side = maps[k]
        for letter, at in (("E", 8), ("e", side)):
            expected[k] += (3 * 12 + 12 * C) * 9 * at**2 * (letter in mode)
        back = int(mode[1]) if mode[0] == "R" else 0
        for source in range(max(0, k - back), k):
            channels, of = maps[source]
            if source or mode[-1] not in "Ee":
                expected[k] += channels * C * of**2
    assert bodies == expected
    image = sum(b for b, _ in cost.messages(plain, SHAPE))
    carried = sum(4 * C * side**2 for C, side in (maps[c] for cells in net.wiring.carried for c in cells))
    assert sum(b for b, _ in cost.messages(net, SHAPE)) == image + carried


def test_the_published_encoder_at_the_published_price():
    """In units of a million multiply-accumulates: 2.1, 3.9 and 7.4 for 16, 32 and 64 channels."""
    for features, expected in (((16, 32, 32), 2.10), ((32, 16, 16), 3.87), ((64, 8, 8), 7.41)):
        made = nn.Sequential(*context.encoder((3, 32, 32), features))
        assert cost.count(made, (3, 32, 32))[::2] == (pytest.approx(1e6 * expected, rel=5e-3), features)


@pytest.mark.parametrize("wrong, words", [
    ("R", "context is 'R'"), ("", "context is ''"), ("r1", "context is 'r1'"), ("R1F", "it is R0, R1"), ("E1", "E1"),
    (None, "context is None"), (1, "context is 1"), ("R4", "reads 4 modules back, and K = 4"), ("R1EE", "R1EE"),
])
def test_contexts_that_cannot_be(wrong, words):
    with pytest.raises(ValueError, match=words):
        cut(wrong)


def test_context_and_groups_exclude_each_other():
    with pytest.raises(ValueError, match="groups read all groups below them"):
        cut("E", groups=2)


@pytest.mark.parametrize("cells, heads, read, words", [
    (((IMAGE,), (0,)), ((0,), (1,)), ((), (1,)), "cell 2 reads the input of"),
    (((IMAGE,), (0,)), ((0,), (1,)), ((), (0, 0)), "each once"),
    (((IMAGE,), (0,)), ((0,), (1,)), ((),), "an entry a cell, 2; got 1"),
    (((IMAGE,), (IMAGE,), (0, 1)), ((0,), (1,), (2,)), ((), (), (0,)), "context goes along a chain"),
])
def test_wirings_of_context_that_cannot_be(cells, heads, read, words):
    with pytest.raises(ValueError, match=words):
        Wiring(cells, heads, read)


def test_a_reach_that_would_lose_what_context_carries_is_refused():
    net = cut("R1")
    net.reach = [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]  # above module 1 no input of a module goes by
    for R in (reach.backprop(4), reach.chunked(4, 3), reach.interlocking(4, 2)):
        with pytest.raises(reach.ReachError, match="past which modules read detached context.*reach.local"):
            net.reach = R
    cut("E").reach = reach.backprop(4)  # an image has no gradient to lose


def test_with_encoders_alone_the_last_loss_can_train_everything():
    net = cut("E", reach=reach.backprop(4)).double()
    x, y = batch()
    net.backward(x.double(), y)
    found = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    h = x.double()
    for j, module in enumerate(net.body):
        h = module(h, x.double()) if j else module(h)
    nn.functional.cross_entropy(net.heads[-1](h), y).backward()
    for name, p in net.named_parameters():
        assert (p.grad is None) == (name not in found)
        assert p.grad is None or torch.allclose(p.grad, found[name], atol=1e-9)


@pytest.mark.parametrize("mode", ["E", "R1", "R1E", "R2"])
@pytest.mark.parametrize("schedule", ["synchronous", "sequential", "asynchronous"])
def test_every_schedule_runs_it(mode, schedule, images, tmp_path):
    def made():
        torch.manual_seed(0)
        net = networks.resnet(8, width=4, classes=4, shape=images.shape).cut(4, "linear", context=mode)
        if schedule == "asynchronous":
            net.borders = [ReplayBuffer(3, images=True, context=2) for _ in range(3)]
        return net

    recipe, file, (net, again) = Recipe(batch=16, lr=0.1), tmp_path / "run.safetensors", (made(), made())
    before = weights(net)
    train(net, images, 2, recipe=recipe, schedule=schedule, checkpoint=file)
    assert all(not torch.equal(p, before[name]) for name, p in net.named_parameters())
    Run(again, images, 2, recipe=recipe, schedule=schedule).load(file)
    assert same(weights(net), weights(again))  # the context in the buffers included


@pytest.mark.parametrize("mode", ["R1", "R1E", "R2"])
def test_in_order_with_one_batch_a_buffer_asynchrony_is_synchrony(mode, images):
    """What a buffer gives belongs together: features, image and context of the same batch."""
    def trained(borders, schedule):
        torch.manual_seed(0)
        net = networks.resnet(8, width=4, classes=4, shape=images.shape).cut(4, "linear", context=mode)
        net.borders = borders
        train(net, images, 2, recipe=Recipe(batch=16, lr=0.1), schedule=schedule)
        return {name: p.detach() for name, p in net.named_parameters()}

    a = trained([], "synchronous")
    b = trained([ReplayBuffer(1, images=True, context=2) for _ in range(3)], schedules.Asynchronous(order="cyclic"))
    assert all(torch.allclose(a[name], b[name], atol=1e-6) for name in a)


def test_a_buffer_that_keeps_no_context_is_refused():
    net = cut("R2")
    net.borders = [ReplayBuffer(2, images=True) for _ in range(3)]
    with pytest.raises(ValueError, match=r"what module 2 was given is read further up.*ReplayBuffer\(M, context=2\)"):
        net.backward(*batch())
    net = cut("E")
    net.borders = [ReplayBuffer(2) for _ in range(3)]
    with pytest.raises(ValueError, match=r"module 2 reads the image.*images=True"):
        net.backward(*batch())
    net = cut("R2")
    net.borders = [None, OneBatchLate()]
    with pytest.raises(ValueError, match="does not keep it"):
        for _ in range(3):
            net.backward(*batch())


def test_what_a_buffer_gives_belongs_together():
    buffer = ReplayBuffer(3, images=True, context=2)
    for n in range(5):  # over the end of the ring; each batch is full of its number
        h, image, low, high = (torch.full((2, C, 2, 2), float(n)) for C in (4, 3, 5, 6))
        buffer.put(Sample(h, image, torch.full((2,), n), {4: high, 2: low}))
    seen = set()
    for _ in range(3):
        taken = buffer.take()
        found = [taken.h, taken.image, taken.y, taken.context[2], taken.context[4]]
        numbers, = {frozenset(tensor.flatten().tolist()) for tensor in found}
        seen |= numbers
        assert [tensor.shape[1] for tensor in (taken.context[2], taken.context[4])] == [5, 6]
    assert seen == {2, 3, 4}


def test_a_quantiser_touches_the_features_alone():
    net, seen = cut("R1"), []
    net.borders = [VectorQuantizer(4, 2), VectorQuantizer(4, 2)]
    net.body[2].supply["input 2"].register_forward_pre_hook(lambda part, read: seen.append(read[0]))
    net.body[1].blocks.register_forward_pre_hook(lambda part, read: seen.append(read[0]))
    net.backward(*batch())
    assert torch.equal(seen[0], seen[1]) and not seen[1].requires_grad


class Writing(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x.relu_() * self.weight


def test_a_module_that_writes_to_what_modules_above_read_is_named():
    net = cut("R1")
    net.body[1].blocks = Writing()
    with pytest.raises(ValueError, match="Writing changes its input in place"):
        net.backward(*batch())
    net = cut("R1")
    net.body[1] = net.body[1].blocks  # gives its output alone
    with pytest.raises((ValueError, TypeError), match="return two tensors|positional arguments"):
        net.backward(*batch())


def test_an_image_joins_both_methods(images):
    told = InfoPro(mean=images.mean, std=images.std, weights="ResNet-32, K = 4", decoder="own")
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=images.shape).cut(4, "linear", objective=told, context="R1E")
    history = train(net, images, 2, recipe=Recipe(batch=16, lr=0.1))
    assert len(history.rows) == 2 and len(measure.probe(net, images)) == 4


def test_a_context_is_told_apart_and_copied():
    from llcourse.identity import description

    a, b = networks.sketch(wiring.context(4, 1)), networks.sketch(wiring.context(4, 2))
    assert description(a)["context"] != description(b)["context"] and "context" not in description(cut("R0"))
    assert cut("R1").unheld().wiring == cut("R1").wiring


@pytest.mark.parametrize("n", [3, 8, 19])
@pytest.mark.parametrize("pool", [2, 4, (2, 4)])
def test_pooled_is_its_layers_also_in_pieces_and_where_nothing_varies(n, pool):
    torch.manual_seed(0)
    one = Pooled(*conv(5, 6), nn.AvgPool2d([pool] * 2 if isinstance(pool, int) else pool)).double()
    with torch.no_grad():
        one[1].weight.copy_(torch.tensor([1.0, -2.0, 0.0, 0.5, 3.0, 1.0]))
        one[1].bias.copy_(torch.tensor([0.0, 1.0, 1.0, -0.5, 0.2, -9.0]))
        one[0].weight[3] = 0  # a channel without variance
    several, x = copy.deepcopy(one), torch.randn(n, 5, 8, 8).double()
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    made, layers = one(a), nn.Sequential.forward(several, b)
    assert type(made.grad_fn).__name__ == "_PooledBackward" and (made - layers).abs().max() < 1e-12
    of = torch.randn_like(made)
    made.backward(of)
    layers.backward(of)
    for p, q in [(a, b), *zip(one.parameters(), several.parameters())]:
        assert (p.grad - q.grad).abs().max() < 1e-10
    assert all((p.double() - q.double()).abs().max() < 1e-12 for p, q in zip(one.buffers(), several.buffers()))
    assert torch.allclose(one.eval()(x), several.eval()(x), atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(one.train()(x), layers, atol=1e-12)
