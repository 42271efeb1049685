"""Asynchronous training: equal to synchronous where it should be, resumed bit for bit, refused where it cannot be."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from llcourse import (
    NonFiniteLoss,
    Recipe,
    Run,
    borders,
    measure,
    networks,
    objectives,
    reach,
    recalibrate,
    schedules,
    train,
)
from llcourse.borders import ReplayBuffer, VectorQuantizer
from llcourse.objectives import InfoPro
from llcourse.schedules import Asynchronous
from llcourse.wiring import Wiring, chain

from .guests import PLAIN, normalised, same, weights

RECIPE = Recipe(batch=24, lr=0.05)


def network(K=3, M=None, seed=0, **settings):
    torch.manual_seed(seed)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(K, "1c2f")
    if M:
        net.borders = [ReplayBuffer(M, **settings) for _ in range(K - 1)]
    return net


def learnt(net):
    return {name: t for name, t in weights(net).items() if not name.startswith("borders")}


@pytest.mark.parametrize("images_", [49, 60])  # the last batch whole, or ragged
def test_one_slot_in_cyclic_order_is_synchronous_training_bit_for_bit(images, images_, monkeypatch):
    monkeypatch.setattr(images, "train_x", images.train_x[:images_])
    monkeypatch.setattr(images, "train_y", images.train_y[:images_])
    plain, replayed = network(), network(M=1)
    expected = train(plain, images, 3, recipe=RECIPE)
    history = train(replayed, images, 3, recipe=RECIPE, schedule=Asynchronous(order="cyclic"))
    assert same(weights(plain), learnt(replayed))
    assert [(r["loss"], r["accuracy"]) for r in history.rows] == [(r["loss"], r["accuracy"]) for r in expected.rows]


def test_random_order_is_another_run(images):
    plain, replayed = network(), network(M=1)
    train(plain, images, 1, recipe=RECIPE)
    train(replayed, images, 1, recipe=RECIPE, schedule="asynchronous")
    assert not same(weights(plain), learnt(replayed))


@pytest.mark.parametrize("codec", [None, lambda: VectorQuantizer(8, 2), borders.Half, borders.Int8])
def test_a_run_with_buffers_is_resumed_bit_for_bit(images, tmp_path, codec):
    def net():
        made = network()
        made.borders = [ReplayBuffer(4, codec=codec and codec()) for _ in range(2)]
        return made

    schedule, file = Asynchronous((1, 1.5, 2)), tmp_path / "run.safetensors"
    expected = train(whole := net(), images, 4, recipe=RECIPE, schedule=schedule)
    half = Run(net(), images, 4, recipe=RECIPE, schedule=schedule)
    half.epochs = 2
    half.fit(file)
    history = train(resumed := net(), images, 4, recipe=RECIPE, schedule=schedule, checkpoint=file)
    assert same(weights(whole), weights(resumed)) and "borders.0.y3" in weights(whole)
    assert [r["loss"] for r in history.rows] == [r["loss"] for r in expected.rows]
    assert resumed.borders[0].slots.staleness == whole.borders[0].slots.staleness


def test_an_interrupt_takes_the_buffers_back_too(images):
    class Stopping(Run):
        pass

    expected = train(whole := network(M=3), images, 3, recipe=RECIPE, schedule="asynchronous")
    run = Run(broken := network(M=3), images, 3, recipe=RECIPE, schedule="asynchronous")
    step, left = run.step, [14]

    def stopped(*args):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return step(*args)

    stopped.state, run.step = step.state, stopped
    with pytest.raises(KeyboardInterrupt, match="stopped after 1 of 3"):
        run.fit()
    assert [r["loss"] for r in run.fit().rows] == [r["loss"] for r in expected.rows]
    assert same(weights(whole), weights(broken))


def test_each_module_acts_in_its_share_and_its_learning_rate_comes_to_its_end(images, monkeypatch):
    run = Run(network(M=2), images, 2, recipe=Recipe(batch=4, warmup=0, lr=0.05), schedule=Asynchronous((1, 1.7, 4)))
    given, step = [], run.step

    def traced(x, y, lrs, losses):
        values = step(x, y, lrs, losses)
        given.append((losses, lrs, set(values)))
        assert (x is None) == (losses != (0,))  # module 1 alone reads images
        return values

    traced.state, run.step = step.state, traced
    run.fit()
    batches = run.steps_per_epoch
    for i, S in enumerate((1, 1.7, 4)):
        rates = [lrs[i] for losses, lrs, values in given if losses == (i,) and values == {i}]
        assert abs(len(rates) - 2 * batches / S) < 2
        assert all(b < a for a, b in pairwise(rates)) and rates[-1] < 0.05 * 0.02 * S
        assert rates == [run.recipe.lr_at(min(n * S / batches, 2), 2) for n in range(len(rates))]


def test_a_learning_rate_stays_at_its_end():
    phase = schedules.Phase(2, (0,), slowdown=(4,))
    assert [phase.position(0, n, 9) for n in (0, 3, 5)] == [0, 12 / 9, 2]  # a share is rounded up


def test_a_chunk_keeps_its_own_clock(images):
    net = network(K=4)
    net.reach = reach.chunked(4, 2)
    net.borders = [None, ReplayBuffer(3)]
    phase, = Asynchronous((1, 3))(net, 2)
    assert (phase.losses, phase.ticks, phase.slowdown) == ((1, 3), 2, (1, 1, 3, 3))
    assert train(net, images, 2, recipe=RECIPE, schedule=Asynchronous((1, 3))).rows[-1]["loss"][0] is None


def test_a_cell_of_several_losses_learns_to_the_end(images):
    """Each of its losses has a turn in every batch: twice as many updates lead as far."""
    net = network(K=4)
    net.reach = [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]  # local below, interlocking above
    net.borders = [ReplayBuffer(2)]
    phase, = Asynchronous(order="cyclic")(net, 3)
    assert phase.slowdown == (1, 1, 0.5, 1)
    assert Asynchronous((1, 2, 4))(net, 3)[0].slowdown == (1, 2, 1 / (1 / 2 + 1 / 4), 4)
    run, moved = Run(net, images, 3, recipe=RECIPE, schedule=Asynchronous(order="cyclic")), []

    def watched(net, _):
        moved.append([p.clone() for p in net.body[2].parameters()])
        return 0

    run.watch = {"moved": watched}
    run.fit()
    assert run.updates.tolist() == [3 * run.steps_per_epoch * n for n in (1, 1, 2, 1)]
    assert not any(torch.equal(a, b) for a, b in zip(*moved[1:]))


def test_a_new_run_begins_with_empty_buffers(images):
    first, net = network(M=2), network(M=2)
    train(net, images, 1, recipe=RECIPE, schedule="asynchronous")
    assert net.borders[0].held_bytes
    Run(net, images, 1, recipe=RECIPE, schedule="asynchronous")
    assert not net.borders[0].held_bytes and not net.borders[0].slots.written
    net.load_state_dict(first.state_dict())
    seen = [train(each, images, 1, recipe=RECIPE, schedule="asynchronous").rows[0]["loss"] for each in (first, net)]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("schedule", ["sequential", "last only"])
def test_nothing_below_runs_on_every_batch_behind_a_buffer(images, schedule):
    with pytest.raises(ValueError, match="a border that holds batches would hide them"):
        Run(network(M=2), images, 1, recipe=RECIPE, schedule=schedule)


def test_what_cannot_be_asynchronous():
    with pytest.raises(ValueError, match="module 1 and its reader act at different times.*ReplayBuffer"):
        Asynchronous()(network(), 1)
    net = network(M=2)
    with pytest.raises(reach.ReachError, match="cross the border above module 1, a ReplayBuffer"):
        net.reach = reach.interlocking(3, 2)
    with pytest.raises(ValueError, match="a slowdown for each of 3 losses; got 2"):
        Asynchronous((1, 2))(net, 1)
    for slowdown in ((0.5, 1), (float("nan"), 1), (float("inf"), 1)):
        with pytest.raises(ValueError, match="a number from 1 on"):
            Asynchronous(slowdown)
    with pytest.raises(ValueError, match="order is 'fifo'"):
        Asynchronous(order="fifo")
    one = ReplayBuffer(2)
    with pytest.raises(ValueError, match="above module 2 stands above another module too"):
        net.borders = [one, one]
    codes = VectorQuantizer(8, 2)
    with pytest.raises(ValueError, match="would mix: make a VectorQuantizer for each"):
        net.borders = [ReplayBuffer(2, codec=codes) for _ in range(2)]
    with pytest.raises(ValueError, match="no schedule is called 'async'"):
        schedules.named("async")


def test_turns_that_ask_for_more_images_than_there_are(images, monkeypatch):
    greedy = schedules.Phase(1, (0,), turns=lambda batches, generator: [(0,)] * 2 * batches, ticks=2)
    with pytest.raises(ValueError, match="ask for more than its 3 batches of images"):
        net = networks.sketch(chain(2), classes=4)
        train(net, images, 1, recipe=PLAIN, schedule=lambda net, epochs: [greedy])


def test_a_broken_loss_names_its_module(images):
    net = network(M=2)
    with torch.no_grad():
        net.heads[1][-1].weight.fill_(float("inf"))
    with pytest.raises(NonFiniteLoss, match="loss of module 2 is"):
        train(net, images, 1, recipe=RECIPE, schedule="asynchronous")
    assert net.borders[0].slots.written == 0


def test_a_reader_with_a_spent_buffer_stands_still(images):
    net = network(K=2, M=2, reuse=1)
    run = Run(net, images, 4, recipe=Recipe(batch=4), schedule=Asynchronous((3, 1)))
    run.fit()
    assert run.updates[1] <= run.updates[0]  # each batch is read once at most, however much faster the reader is
    assert net.borders[0].slots.reused.keys() <= {0, 1}


def test_buffers_own_what_they_hold():
    buffer, h, y = ReplayBuffer(2), torch.ones(3, 4, 2, 2), torch.arange(3)
    buffer.put(borders.Sample(h, None, y))
    h.zero_()
    y.zero_()
    held = buffer.take()
    assert held.h.sum() == 48 and held.y.tolist() == [0, 1, 2] and held.image is None


class Preactivated(nn.Module):
    def forward(self, x):
        return x.relu_() + 1


def test_a_reader_that_writes_into_its_input_is_refused():
    net = networks.sketch(chain(2), classes=4)
    net.body[1] = nn.Sequential(Preactivated(), net.body[1])
    net.borders = [ReplayBuffer(2)]
    with pytest.raises(ValueError, match="module 2 changes its input in place"):
        net.backward(torch.randn(5, 3, 4, 4), torch.arange(5) % 4)


def test_buffers_keep_the_compute_dtype_and_count_their_bytes(images):
    for precision, size in (("float32", 4), ("bfloat16", 2)):
        net = network(M=3)
        train(net, images, 1, recipe=Recipe(batch=24, precision=precision), schedule="asynchronous")
        first = net.borders[0]
        assert first.held_bytes == 3 * 24 * (size * 4 * 16 * 16 + 8)
        if size == 4:
            assert first.held_bytes == first.nbytes((4, 16, 16), batch=24)


def test_a_budget_is_kept_before_anything_is_allocated():
    buffer = ReplayBuffer(30, budget=2**20)
    with pytest.raises(ValueError, match=r"M = 30 batches of 0.1 MiB takes 3.0 MiB.* 1.0 MiB: M = 10 fits"):
        buffer.put(borders.Sample(torch.zeros(100, 4, 8, 8), None, torch.zeros(100, dtype=torch.long)))
    assert buffer.held_bytes == 0 and buffer.slots.written == 0
    with pytest.raises(ValueError, match="not even one batch fits"):
        ReplayBuffer(2, budget=10).put(borders.Sample(torch.zeros(1, 4, 8, 8), None, torch.zeros(1)))


def test_images_travel_only_if_asked_for():
    x, y = normalised(torch.rand(5, 3, 4, 4)), torch.arange(5) % 4
    told = InfoPro(weights="ResNet-32, K = 4")
    for images_, works in ((True, True), (False, False)):
        net = networks.resnet(8, width=4, classes=4, shape=(3, 4, 4)).cut(3, "linear", objective=told)
        net.borders = [ReplayBuffer(2, images=images_) for _ in range(2)]
        if works:
            assert set(net.backward(x, y)) == {0, 1, 2}
        else:
            with pytest.raises(ValueError, match="objective 2 may read the image.*images=True"):
                net.backward(x, y)
    net = networks.sketch(Wiring(((-1,), (0, -1)), ((0,), (1,))), classes=4)
    net.borders = [ReplayBuffer(2)]
    with pytest.raises(ValueError, match="module 2 reads the image.*images=True"):
        net.backward(x, y)


def test_the_measured_reach_is_the_declared_one(images):
    assert measure.reach(network(M=2), images).differences(reach.local(3)) == []


def test_recalibration_leaves_what_a_forward_pass_does_not_run(images):
    objective = objectives.InfoPro(mean=images.mean, std=images.std)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, objective=objective)
    train(net, images, 1, recipe=RECIPE)
    before = {name: t.clone() for name, t in net.objectives[0].state_dict().items()}
    recalibrate(net, images, batch=20)
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(t, before[name]) for name, t in net.objectives[0].state_dict().items())


def test_recalibration_gives_the_statistics_of_the_network_as_it_is(images):
    net = network(M=4)
    net.borders = [ReplayBuffer(4, codec=VectorQuantizer(8, 2)) for _ in range(2)]  # which go on learning in train mode
    train(net, images, 2, recipe=Recipe(batch=8, lr=0.3, warmup=0), schedule="asynchronous")
    before, modes = weights(net), [m.training for m in net.modules()]
    recalibrate(net, images, batch=20)
    moved = {name.rsplit(".", 1)[1] for name, t in weights(net).items() if not torch.equal(t, before[name])}
    assert moved == {"running_mean", "running_var", "num_batches_tracked"}
    assert [m.training for m in net.modules()] == modes
    norm, seen = next(m for m in net.body[1].modules() if isinstance(m, nn.BatchNorm2d)), []
    handle = norm.register_forward_pre_hook(lambda module, args: seen.append(args[0].mean((0, 2, 3))))
    net.eval()
    for m in net.modules():  # the same pass, written out
        if isinstance(m, nn.BatchNorm2d):
            m.train()
    with torch.no_grad():
        for x, _ in images.batches(20, torch.Generator().manual_seed(0)):
            net.logits(x)
    handle.remove()
    written_out = weights(net)
    recalibrate(net, images, batch=20)
    assert torch.allclose(norm.running_mean, torch.stack(seen).mean(0), atol=1e-5)
    assert norm.momentum == 0.1 and not same(written_out, weights(net))
    with pytest.raises(ValueError, match="nothing to recalibrate"):
        recalibrate(networks.sketch(chain(2)), images)
