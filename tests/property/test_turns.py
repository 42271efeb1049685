"""Turns: who acts on which batch, and what stands still meanwhile."""

import pytest
import torch

from llcourse import History, Recipe, Run, networks, reach, schedules, train, wiring

from .guests import PLAIN, same, weights


@pytest.fixture
def alternating(monkeypatch):
    def schedule(net, epochs):
        """Modules 1 and 2 in turn; module 1 first."""
        return [schedules.Phase(epochs, net.losses, turns=lambda steps, generator: [(n % 2,) for n in range(steps)])]

    monkeypatch.setitem(schedules.SCHEDULES, "alternating", schedule)


def test_a_module_whose_turn_it_is_not_stands_still(images, alternating):
    torch.manual_seed(0)
    net = networks.sketch(wiring.chain(2), classes=4)
    trace, lrs = [weights(net)], []

    class Tracing(Run):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            step = self.step

            def traced(x, y, given, losses):
                lrs.append(given)
                values = step(x, y, given, losses)
                trace.append(weights(net))
                return values

            traced.state = step.state
            self.step = traced

    recipe = Recipe(batch=24, lr=0.05, momentum=0.9, augment=False)
    history = Tracing(net, images, 3, schedule="alternating", recipe=recipe).fit()
    for n, (before, after) in enumerate(zip(trace, trace[1:])):  # three steps an epoch: 0 1 0, 0 1 0, 0 1 0
        moved = {name.split(".")[1] for name in before if not torch.equal(before[name], after[name])}
        assert moved == {str(n % 3 % 2)}  # momentum and weight decay of the other stand still too
    updates = [0, 0]
    for n, given in enumerate(lrs):  # each module's learning rate follows its own updates
        assert given == [recipe.lr_at(done / 3, 3) for done in updates]
        updates[n % 3 % 2] += 1
    assert all(value is not None for row in history.rows for value in row["loss"])


def test_a_cell_that_does_not_act_leaves_a_missing_value(images, monkeypatch):
    def first_only(net, epochs):
        return [schedules.Phase(epochs, net.losses, turns=lambda steps, generator: [(0,)] * steps)]

    monkeypatch.setitem(schedules.SCHEDULES, "first only", first_only)
    history = train(networks.sketch(wiring.chain(2), classes=4), images, 2, schedule="first only", recipe=PLAIN)
    assert [row["loss"][1] for row in history.rows] == [None, None] and history.rows[0]["loss"][0] > 0
    assert isinstance(history, History)


def test_turns_and_positions_are_resumed_bit_for_bit(images, alternating, tmp_path):
    def net():
        torch.manual_seed(0)
        return networks.sketch(wiring.chain(2), classes=4)

    file = tmp_path / "run.safetensors"
    expected = train(whole := net(), images, 4, schedule="alternating", recipe=PLAIN)
    half = Run(net(), images, 4, schedule="alternating", recipe=PLAIN)
    half.epochs = 2
    half.fit(file)
    history = train(resumed := net(), images, 4, schedule="alternating", recipe=PLAIN, checkpoint=file)
    assert ([row["loss"] for row in history.rows] == [row["loss"] for row in expected.rows]
            and same(weights(whole), weights(resumed)))


def test_phases_and_turns_that_cannot_be(images, monkeypatch):
    def schedule(phase):
        monkeypatch.setitem(schedules.SCHEDULES, "odd", lambda net, epochs: [phase])
        net = networks.sketch(wiring.chain(3), classes=4)
        net.reach = reach.backprop(3)
        return train(net, images, 1, schedule="odd", recipe=PLAIN)

    with pytest.raises(ValueError, match="freezes 2 modules, and some of its losses"):
        schedule(schedules.Phase(1, (2,), frozen=2))
    for turns in ([(2,)], [], [(2,), (1,), (2,)]):
        with pytest.raises(ValueError, match="an epoch of 3 steps needs as many turns"):
            schedule(schedules.Phase(1, (2,), turns=lambda steps, generator, turns=turns: turns))
    history = schedule(schedules.Phase(1, (2,), turns=lambda steps, generator: [(2,), (), (2,)]))  # nobody's turn
    assert history.rows[0]["loss"][2] > 0


def test_turns_do_not_draw_what_the_batches_draw(images, monkeypatch):
    drawn = []

    def turns(steps, generator):
        drawn.append(torch.randperm(images.train_size, generator=generator))
        return [(0, 1)] * steps

    phase = schedules.Phase(2, (0, 1), turns=turns)
    monkeypatch.setitem(schedules.SCHEDULES, "drawing", lambda net, epochs: [phase])
    train(networks.sketch(wiring.chain(2), classes=4), images, 2, schedule="drawing", recipe=PLAIN, seed=3)
    orders = [torch.randperm(images.train_size, generator=torch.Generator().manual_seed(3 * 1_000_003 + epoch))
              for epoch in range(2)]
    assert len(drawn) == 2 and not any(torch.equal(a, b) for a in drawn for b in orders)
