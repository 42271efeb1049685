"""The doors through which later methods come: wirings, objectives, borders, turns. Each is tried with one guest."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llcourse import History, LocalNetwork, Recipe, Run, measure, networks, objectives, reach, schedules, train, wiring
from llcourse.borders import Border, Sample
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
    with pytest.raises(ValueError, match="takes one reader that reads nothing else; here modules \\[3, 4\\]"):
        networks.sketch(wiring.groups(2, 2)).borders = [OneBatchLate()]
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
        if where == "heads":
            made.reach = [[1, 0], [0, 1]]
        with pytest.raises((ValueError, RuntimeError), match=f"{name} changes its input in place|a leaf Variable"):
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
