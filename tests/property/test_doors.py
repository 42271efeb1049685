"""The doors through which later methods come: wirings, objectives, borders, turns. Each is tried with one guest."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llcourse import (
    History,
    LocalNetwork,
    Recipe,
    Run,
    cost,
    measure,
    networks,
    objectives,
    reach,
    schedules,
    train,
    wiring,
)
from llcourse.borders import Border, Sample
from llcourse.checkpoint import CheckpointError
from llcourse.objectives import CrossEntropy, Reconstruction
from llcourse.routes import Forward
from llcourse.walk import TrainingWalk
from llcourse.wiring import IMAGE, Wiring

PLAIN = Recipe(batch=24, lr=0.05, augment=False)
SKIP = Wiring(((IMAGE,), (0, IMAGE)), ((0,), (1,)))  # module 2 also sees the image


def batch(n=6, channels=3, classes=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, channels, 4, 4, generator=generator).double(), torch.arange(n) % classes


def weights(net):
    return {name: t.clone() for name, t in net.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# wiring

def test_groups_are_a_legal_reach_of_a_legal_network():
    net = networks.sketch(wiring.groups(3, 2), classes=3).double()
    net.reach = reach.groups(3, 2)
    measured = measure.reach(net, batch())
    assert measured.matrix.shape == (7, 6) and measured.differences(reach.groups(3, 2)) == []
    assert net.losses == tuple(range(7))  # the final head is trained, though it trains no cell
    net.backward(*batch())
    assert all(p.grad is not None for p in net.parameters())


def test_a_reach_that_no_path_allows_is_refused():
    net = networks.sketch(wiring.groups(2, 2))
    R = reach.groups(2, 2)
    R[1, 0] = 1  # beside each other: the output of group 1 does not enter the loss of group 2
    with pytest.raises(reach.ReachError, match="no path leads from module 1 to loss 2"):
        net.reach = R
    with pytest.raises(reach.ReachError, match="loss 5 sits on a head alone"):
        net.reach = np.vstack([np.eye(4, dtype=int), [[1, 0, 0, 0]]])


@pytest.mark.parametrize("cells, heads, words", [
    (((1,), (0,)), ((0,), (1,)), "cell 1 reads"), (((IMAGE,), (0, 0)), ((0,), (1,)), "at most once"),
    (((IMAGE,), ()), ((0,), (1,)), "one at least"), (((IMAGE,),), ((1,),), "head 1 reads"),
    (((IMAGE,), (0,)), ((0,),), "a head for each"),
])
def test_wirings_that_cannot_be(cells, heads, words):
    with pytest.raises(ValueError, match=words):
        Wiring(cells, heads)


def test_a_skip_from_the_image_trains(images):
    torch.manual_seed(0)
    net = networks.sketch(SKIP, classes=4)
    assert measure.reach(net, images).differences(reach.local(2)) == []
    history = train(net, images, 30, recipe=Recipe(batch=24, lr=0.2, augment=False))
    assert history.column("loss", 1)[-1] < history.column("loss", 1)[0]


def test_a_module_is_called_with_what_it_reads():
    net = networks.sketch(SKIP, classes=3).double()
    x, _ = batch()
    h = net.body[0](x)
    assert torch.equal(net.logits(x)[1], net.heads[1](net.body[1](h, x)))


# objectives

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


class Eights:
    """Just enough of an image set."""

    train_size, standin, device = 8, True, torch.device("cpu")

    def digest(self):
        return "eights"

    class score:
        name, unit = "accuracy", "%"


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


# borders

class OneBatchLate(Border):
    """The reader gets the batch before."""

    holds = True

    def __init__(self):
        super().__init__()
        for name in (*Sample._fields, *(f"next_{field}" for field in Sample._fields)):
            self.register_buffer(name, None)

    def put(self, sample):
        for field, tensor in zip(Sample._fields, sample):
            setattr(self, field, getattr(self, f"next_{field}"))
            setattr(self, f"next_{field}", tensor.clone())

    def take(self):
        return None if self.h is None else Sample(self.h, self.image, self.y)


class Learnt(Border):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))


class Coarse(Border):
    def forward(self, h):
        return (4 * h).round() / 4


def late_network(border=OneBatchLate, seed=0):
    torch.manual_seed(seed)
    net = networks.sketch(wiring.chain(3), classes=4)
    net.borders = [border(), None]
    return net


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
    history = train(resumed := late_network(seed=5), images, 4, recipe=PLAIN, checkpoint=file)
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
    with pytest.raises(ValueError, match="sequential training runs the frozen modules"):
        schedules.sequential(late_network(), 1)
    with pytest.raises(ValueError, match="step by step"):
        Run(late_network(), Eights(), 1, fast=True)


# turns

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


def test_only_what_is_read_runs():
    net = networks.sketch(wiring.chain(3))
    assert [s.cell for s in net.plan((1,)) if isinstance(s, Forward)] == [0, 1]
    net.borders = [None, OneBatchLate()]
    assert [s.cell for s in net.plan((2,)) if isinstance(s, Forward)] == [2]  # what it reads is in the border


# what a module may not do

class InPlace(torch.nn.Module):
    def forward(self, x):
        return x.relu_()


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


def test_messages_count_the_heads_that_read_other_modules():
    net = networks.sketch(wiring.groups(2, 2))
    size = 4 * 6  # six features in float32; each cell is read by both of the next depth, or by the final head
    assert cost.messages(net, (3, 4, 4)) == [(2 * size, 0)] * 2 + [(size, 0)] * 2


def test_a_border_keeps_what_it_does_not_save():
    class Settled(OneBatchLate):
        def __init__(self):
            super().__init__()
            self.register_buffer("table", torch.eye(3), persistent=False)

    net = late_network(Settled)
    net.load_state_dict(net.state_dict())
    assert torch.equal(net.borders[0].table, torch.eye(3))


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


def test_head_graphs_are_gone_after_the_step():
    class Ignoring(torch.nn.Module):
        def forward(self, logits, record):
            return record.h.square().mean()

    net = networks.resnet(20, width=4, shape=(3, 16, 16)).cut(5, "cnn")
    x, y = torch.randn(4, 3, 16, 16), torch.arange(4)
    plain = measure.saved_bytes(net, x, y)
    net.objectives = Ignoring()
    assert measure.saved_bytes(net, x, y) <= plain
