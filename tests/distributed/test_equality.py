"""Workers compute what one process computes, to the bit: every method, every border, every objective."""

import time

import pytest
import torch
from torch import nn

from llcourse import Recipe, borders, networks, objectives, reach, schedules, train, wiring
from llcourse.data import Images
from llcourse.distributed.channel import Outbox

from .crew import crew, figures, same

RECIPE = Recipe(batch=24, lr=0.05)
METHODS = {name: method for name, method in reach.METHODS.items() if method.wiring is wiring.chain}
CYCLIC = schedules.Asynchronous(order="cyclic")


class Double(Images):
    def normalize(self, x):
        return super().normalize(x).double()


@pytest.fixture
def double(images):
    images.__class__ = Double
    return images


def network(K=3, between=None, **settings):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(K, **{"head": "1c2f"} | settings)
    net.borders = [between() for _ in range(K - 1)] if between else []
    return net


def assert_same(tmp_path, images, make, epochs=2, **settings):
    """The same training in one process and in workers ends in the same bits and figures."""
    plain, split, settings = make(), make(), {"recipe": RECIPE} | settings
    before = split.heads[-1][-1].weight.detach().clone()
    expected = train(plain, images, epochs, **settings)
    report = crew(tmp_path / "job", split, images, epochs, **settings)
    assert figures(report.history) == figures(expected)
    assert same(plain, split)
    assert not torch.equal(before, split.heads[-1][-1].weight)  # it was trained


@pytest.mark.parametrize("method, K", [*((name, 4) for name in METHODS), ("Backprop", 1), ("Chunked, 2 modules", 3)])
def test_every_method(tmp_path, double, method, K):
    def make():
        net = network(K).double()
        net.reach = METHODS[method](K)
        return net

    assert_same(tmp_path, double, make)


@pytest.mark.parametrize("method", ["Backprop", "Overlapping, 2-wide"])
def test_in_float32(tmp_path, images, method):
    def make():
        net = network(4)
        net.reach, net.weights = METHODS[method](4), [1.0, 0.5, 0.5, 1.0]
        return net

    assert_same(tmp_path, images, make)


class Coarse(borders.Border):
    def forward(self, h):
        return (8 * h).round() / 8


class Last(borders.Border):
    """A guest that holds the last batch."""

    holds = True

    def __init__(self):
        super().__init__()
        self.register_buffer("h", None)
        self.register_buffer("y", None)

    def put(self, sample):
        self.h, self.y = sample.h.clone(), sample.y.clone()

    def take(self):
        return borders.Sample(self.h, None, self.y)


class Turned(borders.Border):
    """A guest that computes what autocast would in low precision."""

    def __init__(self):
        super().__init__()
        self.register_buffer("turn", torch.eye(16) / 2 + torch.linspace(-1, 1, 256).view(16, 16))

    def forward(self, h):
        return h @ self.turn[:h.shape[-1], :h.shape[-1]]


BORDERS = {
    "coarse": Coarse, "half": borders.Half, "int8": borders.Int8,
    "codes": lambda: borders.VectorQuantizer(8, 2, revive=0.9),
    "codes, seldom": lambda: borders.VectorQuantizer(8, 2, every=2),
    "replay": lambda: borders.ReplayBuffer(2),
    "replay of codes": lambda: borders.ReplayBuffer(2, codec=borders.VectorQuantizer(8, 2)),
    "replay of bytes": lambda: borders.ReplayBuffer(3, codec=borders.Int8()), "last": Last,
}


@pytest.mark.parametrize("between", BORDERS)
def test_every_border(tmp_path, images, between):
    assert_same(tmp_path, images, lambda: network(4, BORDERS[between]))


@pytest.mark.parametrize("between", ["replay", "replay of codes", "last"])
def test_turns_one_after_the_other(tmp_path, images, between):
    assert_same(tmp_path, images, lambda: network(3, BORDERS[between]), schedule=CYCLIC)


def test_turns_of_slow_modules(tmp_path, images):
    assert_same(tmp_path, images, lambda: network(3, BORDERS["replay"]),
                schedule=schedules.Asynchronous((1, 1.5, 2), "cyclic"))


def test_one_slot_in_turn_is_synchronous_training(tmp_path, images):
    plain, split = network(), network(between=lambda: borders.ReplayBuffer(1))
    expected = train(plain, images, 2, recipe=RECIPE)
    report = crew(tmp_path / "job", split, images, 2, recipe=RECIPE, schedule=CYCLIC)
    assert figures(report.history) == figures(expected)
    learnt = {name: t for name, t in split.state_dict().items() if not name.startswith("borders")}
    assert all(torch.equal(t, plain.state_dict()[name]) for name, t in learnt.items())


@pytest.mark.parametrize("between", ["replay", "replay of codes"])
def test_what_waits_to_be_sent_stays_as_it_is(tmp_path, images, between, monkeypatch):
    send = Outbox._send
    monkeypatch.setattr(Outbox, "_send", lambda self, row: (time.sleep(0.003), send(self, row)))
    assert_same(tmp_path, images, lambda: network(4, BORDERS[between]))


class Shown(nn.Module):
    """An objective that reads the image, and owns a parameter."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, logits, record):
        return nn.functional.cross_entropy(logits * self.scale, record.y) + record.image.mean() * self.scale


def test_an_objective_that_reads_the_image(tmp_path, images):
    def make():
        net = network(3)
        net.objectives = [Shown() for _ in range(3)]
        return net

    assert_same(tmp_path, images, make)


@pytest.mark.parametrize("made", [
    {"objective": objectives.InfoPro(weights=((5, 0), (1, 2)), mean=[0.5] * 3, std=[0.2] * 3)},
    {"objective": objectives.InfoPro(True, ((5, 1), (1, 2)), mean=[0.5] * 3, std=[0.2] * 3)}, {"context": "E"},
], ids=["InfoPro", "contrast", "context E"])
def test_what_a_cut_may_have(tmp_path, images, made):
    assert_same(tmp_path, images, lambda: network(3, **made))


@pytest.mark.parametrize("between", [Turned, BORDERS["codes"], BORDERS["replay of bytes"]],
                         ids=["turned", "codes", "replay of bytes"])
def test_borders_in_low_precision(tmp_path, images, between):
    assert_same(tmp_path, images, lambda: network(3, between), recipe=Recipe(batch=24, precision="bfloat16"))


@pytest.mark.parametrize("settings", [
    {"schedule": "sequential", "epochs": 1}, {"schedule": "last only"},
    {"recipe": Recipe(batch=24, lr=0.001, optimizer="adamw")}, {"recipe": Recipe(batch=24, precision="bfloat16")},
    {"recipe": Recipe(batch=20, augment=False), "seed": 7},
], ids=["sequential", "last only", "adamw", "bfloat16", "ragged"])
def test_schedules_and_recipes(tmp_path, images, settings):
    assert_same(tmp_path, images, lambda: network(3), **settings)
