"""Borders: what readers get, what is saved and resumed, what it costs, and where none may stand."""

import pytest
import torch
import torch.nn.functional as F

from llcourse import Run, cost, measure, networks, reach, schedules, train, wiring
from llcourse.borders import Border
from llcourse.walk import TrainingWalk
from llcourse.wiring import IMAGE, Wiring

from .guests import PLAIN, Coarse, Eights, Learnt, OneBatchLate, batch, late_network, same, weights


def test_a_border_gives_the_reader_the_labels_and_image_of_what_it_holds():
    seen = []

    class Looking(TrainingWalk):
        def losses(self, step):
            super().losses(step)
            seen.extend((i, self.outputs[i].y, self.outputs[i].image) for i in step.losses if i in self.values)

    net = late_network()
    batches = [(torch.randn(5, 3, 4, 4), torch.randint(4, (5,))) for _ in range(3)]
    for n, (x, y) in enumerate(batches):
        values = net.backward(x, y, walk=Looking)
        # modules 2 and 3 miss the first turn: no value, not a NaN
        assert list(values) == ([0] if n == 0 else [0, 1, 2])
    assert all((y is batches[n][1]) for n, (_, y, _) in zip((0, 1, 2), [s for s in seen if s[0] == 0]))
    for i in (1, 2):
        for n, (_, y, image) in enumerate(s for s in seen if s[0] == i):
            assert torch.equal(y, batches[n][1]) and torch.equal(image, batches[n][0])


def test_late_modules_learn_what_the_batch_before_would_have_taught_them():
    net, (first, second) = late_network(), [(torch.randn(5, 3, 4, 4), torch.randint(4, (5,))) for _ in range(2)]
    other = networks.sketch(wiring.chain(3), classes=4)
    other.load_state_dict(net.state_dict())
    net.backward(*first)
    net.zero_grad()
    net.backward(*second)
    other.backward(*first)
    for a, b in zip([*net.body[1:].parameters(), *net.heads[1:].parameters()],
                    [*other.body[1:].parameters(), *other.heads[1:].parameters()]):
        assert torch.equal(a.grad, b.grad)


def test_a_run_through_a_border_is_saved_and_resumed_bit_for_bit(images, tmp_path):
    expected = train(whole := late_network(), images, 4, recipe=PLAIN)
    file = tmp_path / "run.safetensors"
    half = Run(late_network(), images, 4, recipe=PLAIN)
    half.epochs = 2
    half.fit(file)
    history = train(resumed := late_network(), images, 4, recipe=PLAIN, checkpoint=file)
    assert [row["loss"] for row in history.rows] == [row["loss"] for row in expected.rows]
    assert same(weights(whole), weights(resumed)) and "borders.0.next_h" in weights(whole)
    run = Run(net := late_network(), images, 1, recipe=PLAIN)
    before = run.state()
    net.backward(*next(images.test_batches(8)))
    run.restore(before)  # to where the border was empty
    assert net.borders[0].next_h is None and same(weights(net), weights(late_network()))


def test_a_plain_border_is_passed_in_training_and_evaluation_alike(images):
    net = late_network(Coarse)
    x, y = next(images.test_batches(8))
    h = net.borders[0](net.body[0](x))
    assert torch.equal(net.logits(x)[1], net.heads[1](net.body[1](h)))
    assert torch.equal(net.backward(x, y)[1], F.cross_entropy(net.logits(x)[1], y))
    assert torch.equal(net.logits(x)[0], net.heads[0](net.body[0](x)))  # the head below it reads what its module gives
    assert measure.reach(net, images).differences(reach.local(3)) == []
    assert measure.reach(late_network(), images).differences(reach.local(3)) == []


def test_borders_that_cannot_be():
    net = networks.sketch(wiring.chain(3))
    net.borders = [Coarse(), None]
    with pytest.raises(reach.ReachError, match="cross the border above module 1, a Coarse"):
        net.reach = reach.interlocking(3, 2)
    net.borders = [None, None]
    net.reach = reach.interlocking(3, 2)
    with pytest.raises(reach.ReachError, match="above module 2"):
        net.borders = [None, Coarse()]
    with pytest.raises(ValueError, match="borders are a list of up to 3"):
        net.borders = [torch.nn.Identity()]
    with pytest.raises(ValueError, match="module 3 reads modules \\[1, 2\\], and a border that holds batches"):
        networks.sketch(wiring.groups(2, 2)).borders = [OneBatchLate()]
    fork = Wiring(((IMAGE,), (0,), (0,)), ((0,), (1,), (2,)))
    with pytest.raises(ValueError, match="holds batches for one reader; it has 2"):
        networks.sketch(fork).borders = [OneBatchLate()]
    late_and_not = Wiring(((IMAGE,), (0,), (IMAGE,), (1, 2)), ((0,), (1,), (2,), (3,)))  # two ways, one of them late
    with pytest.raises(ValueError, match="module 4 reads modules \\[2, 3\\]"):
        networks.sketch(late_and_not).borders = [OneBatchLate()]
    with pytest.raises(ValueError, match="head 3 reads modules \\[3, 1\\]"):
        networks.sketch(Wiring(((IMAGE,), (0,), (1,)), ((0,), (1,), (2, 0)))).borders = [OneBatchLate()]
    with pytest.raises(ValueError, match="has parameters, and no loss trains them"):
        net.borders = [Learnt()]
    with pytest.raises(TypeError):
        net.borders[0] = Coarse()
    with pytest.raises(AttributeError):
        net.wiring = wiring.chain(3)
    with pytest.raises(ValueError, match="sequential training runs the modules below"):
        schedules.sequential(late_network(), 1)
    with pytest.raises(ValueError, match="step by step"):
        Run(late_network(), Eights(), 1, fast=True)


def test_a_plain_border_works_once_a_batch_and_only_if_somebody_reads():
    class Counting(Border):
        calls = 0

        def forward(self, h):
            self.calls += 1
            return h + self.calls

    net = networks.sketch(wiring.groups(2, 2), classes=3).double()
    net.borders = [Counting() for _ in range(4)]
    net.backward(*batch())
    assert [border.calls for border in net.borders] == [1, 1, 0, 0]
    net.logits(batch()[0])
    assert [border.calls for border in net.borders] == [2, 2, 0, 0]
    net.backward(*batch(), losses=(0,))
    assert [border.calls for border in net.borders] == [2, 2, 0, 0]


def test_costs_are_those_of_a_step_in_which_every_module_acts():
    net, late = networks.sketch(wiring.chain(3), classes=4), late_network()
    x, y = torch.randn(5, 3, 4, 4), torch.arange(5) % 4
    for _ in range(3):
        late.backward(x, y)
    assert cost.exact_macs(late, (3, 4, 4)) == cost.exact_macs(net, (3, 4, 4)) > 0
    assert measure.saved_bytes(late, x, y) == measure.saved_bytes(net, x, y)


def test_costs_follow_a_border_that_changes_the_shape():
    class Halved(Border):
        def forward(self, h):
            return torch.nn.functional.avg_pool2d(h, 2)

    net = networks.resnet(8, width=4, shape=(3, 16, 16)).cut(2, "linear")
    full = [body.macs for body, _ in cost.modules(net, (3, 16, 16))]
    net.borders = [Halved(), None]
    halved = [body.macs for body, _ in cost.modules(net, (3, 16, 16))]
    assert halved[0] == full[0] and halved[1] == full[1] / 4
    features = 4 * torch.Size(cost.modules(net, (3, 16, 16))[0][0].shape).numel()
    assert cost.messages(net, (3, 16, 16))[0] == (features / 4, 0)


def test_a_border_keeps_what_it_does_not_save():
    class Settled(OneBatchLate):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.eye(3), persistent=False)

    net = late_network(Settled)
    net.load_state_dict(net.state_dict())
    assert torch.equal(net.borders[0].table, torch.eye(3))
