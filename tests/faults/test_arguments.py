"""Arguments that mean nothing are refused where they come in, with their value; numbers of numpy and torch will do."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from llcourse import LocalNetwork, Recipe, Run, measure, networks, reach, recalibrate, timeline, train
from llcourse.borders import ReplayBuffer, Slots, VectorQuantizer
from llcourse.reach import ReachError
from llcourse.schedules import Asynchronous, Phase

PLAIN = Recipe(batch=24, lr=0.05, augment=False)


def network(**settings):
    torch.manual_seed(0)
    return networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear", **settings)


@pytest.mark.parametrize("name, value, words", [
    ("lr", -0.1, "lr is -0.1; it is a number above 0"), ("lr", math.inf, "lr is inf"), ("lr", math.nan, "lr is nan"),
    ("lr", "a", "lr is 'a'"), ("lr", None, "lr is None"), ("lr", True, "lr is True"), ("lr", 0, "lr is 0"),
    ("momentum", 2, "momentum is 2; it is a number from 0 to below 1"), ("momentum", -1, "momentum is -1"),
    ("weight_decay", -1e-4, "weight_decay is -0.0001; it is a number from 0 on"), ("warmup", math.inf, "warmup is inf"),
    ("warmup_lr", -1, "warmup_lr is -1"), ("augment", "no", "augment is 'no'; it is True or False"),
    ("augment", 1, "augment is 1"), ("nesterov", None, "nesterov is None"),
    ("batch", 24.5, "batch is 24.5; it is a whole number from 2 on"), ("batch", 24.0, "batch is 24.0"),
    ("batch", True, "batch is True"), ("precision", [1], r"precision is \[1\]; it is one of auto"),
    ("optimizer", None, "optimizer is None; it is one of sgd"), ("curve", {}, "curve is {}; it is one of cosine"),
    ("drops", (math.nan,), "a drop is nan; it is a number above 0 to 1"), ("drops", (2,), "a drop is 2"),
    ("drops", 0.5, "drops is 0.5; it is a list or a tuple"), ("drops", "ab", "drops is 'ab'"),
])
def test_recipes_that_mean_nothing(name, value, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**({"curve": "steps"} if name == "drops" else {}) | {name: value})


@pytest.mark.parametrize("name, value, words", [
    ("epochs", 1.5, "epochs is 1.5; it is a whole number from 1 on"), ("epochs", math.nan, "epochs is nan"),
    ("epochs", math.inf, "epochs is inf"), ("epochs", True, "epochs is True"), ("epochs", "2", "epochs is '2'"),
    ("seed", 1.7, "seed is 1.7; it is a whole number from 0 to 4294967295"), ("seed", -1, "seed is -1"),
    ("seed", 2**70, "seed is 1180591620717411303424"), ("fast", "no", "fast is 'no'; it is True or False"),
    ("recipe", {}, "recipe is {}; it is a Recipe"), ("recipe", "sgd", "recipe is 'sgd'"),
    ("schedule", None, "no schedule is called None"), ("schedule", [], r"no schedule is called \[\]"),
    ("schedule", lambda net, epochs: [], r"a list of Phase, one at least; got \[\]"),
    ("schedule", len, "called with a network and epochs; .*len.* cannot be: .*exactly one argument"),
    ("schedule", lambda net: [], "called with a network and epochs; .* cannot be: .* takes 1 positional argument"),
    ("schedule", Asynchronous, r"is the class Asynchronous; give one of its kind, Asynchronous\(\)"),
    ("schedule", lambda net, epochs: [Phase(1, (7,))], r"computes losses \(7,\); those that train something are"),
    ("watch", [1], r"watch is \[1\]; it is a dict"), ("watch", {"a": 1}, "watch is {'a': 1}"),
])
def test_runs_that_mean_nothing(images, name, value, words):
    net = network()
    net.precision = torch.bfloat16
    with pytest.raises(ValueError, match=words):
        train(net, images, **{"epochs": 1, "recipe": PLAIN} | {name: value})
    assert net.precision == torch.bfloat16  # nothing was changed before it was refused


def test_what_a_schedule_of_ones_own_raises_comes_through(images):
    with pytest.raises(TypeError, match="has no len"):
        train(network(), images, 1, schedule=lambda net, epochs: [len(epochs)])


def test_a_network_that_is_not_cut_is_named(images):
    with pytest.raises(ValueError, match="net is a Network; training takes a LocalNetwork"):
        train(networks.resnet(8), images, 1)


@pytest.mark.parametrize("make, words", [
    (lambda: reach.chunked(4, 2.5), "N is 2.5; it is a whole number from 1 to 4"),
    (lambda: reach.overlapping(2.5, 2), "K is 2.5"), (lambda: reach.interlocking("4", 2), "K is '4'"),
    (lambda: reach.chunked(4, None), "N is None"), (lambda: reach.local(-1), "K is -1"),
    (lambda: reach.local(2.0), "K is 2.0"), (lambda: reach.local(3, 2), "losses is 2; it is a whole number from 3 on"),
    (lambda: reach.backprop(0), "K is 0"), (lambda: reach.deep_supervision(-2), "K is -2"),
    (lambda: reach.groups(2, 0), "G is 0"), (lambda: reach.groups(2, 2.5), "G is 2.5"),
    (lambda: reach.check([[1], [1, 1]]), r"matrix of plain numbers, .* got \[\[1\], \[1, 1\]\]"),
    (lambda: reach.check(torch.eye(2, requires_grad=True)), "matrix of plain numbers(.|\n)*requires grad"),
    (lambda: reach.check(np.zeros((2, 2), dtype="i4,i4")), r"0 and 1 only; got \[\(0, 0\)"),
    (lambda: reach.check([["1"]]), r"0 and 1 only; got \['1'\]"), (lambda: reach.check([[None]]), "0 and 1 only"),
    (lambda: reach.check([[math.nan]]), "0 and 1 only"), (lambda: reach.check([[1j]]), "0 and 1 only"),
    (lambda: reach.check(None), r"shape \(\)"), (lambda: reach.check({1: 2}), r"shape \(\)"),
])
def test_reaches_that_mean_nothing(make, words):
    with pytest.raises(ReachError, match=words):
        make()


@pytest.mark.parametrize("make, words", [
    (lambda: networks.resnet(8).cut(2.0), "K is 2.0"), (lambda: networks.resnet(8).cut(True), "K is True"),
    (lambda: networks.resnet(32).cut(2.0), "K is 2.0"), (lambda: networks.resnet(8).cut(-1), "K is -1"),
    (lambda: networks.resnet(8).cut(2, head=[1]), r"no head is called \[1\]"),
    (lambda: networks.resnet(8).cut(2, objective={}), "no objective is called {}"),
    (lambda: networks.resnet(8).cut(2, groups=2.5), "groups is 2.5"),
    (lambda: networks.resnet(8).cut(2, groups=2, share="a"), "share is 'a'; it is a number from 0 to 1"),
    (lambda: networks.resnet(8).cut(2, groups=2, share=math.nan), "share is nan"),
    (lambda: networks.resnet(8).cut(2, groups=2, diversity=3), "no preset is called 3"),
    (lambda: networks.resnet(8.0), "depth is 8.0"), (lambda: networks.resnet("8"), "depth is '8'"),
    (lambda: networks.resnet(8, width=4.5), "width is 4.5"), (lambda: networks.resnet(8, width=0), "width is 0"),
    (lambda: networks.resnet(8, classes=0), "classes is 0"), (lambda: networks.cnn6(classes=2.5), "classes is 2.5"),
    (lambda: networks.resnet(8, shape=(3, 32)), r"shape is \(3, 32\); an image has"),
    (lambda: networks.vgg6a(shape=(3, 4, 4)), "a side is 4; it is a whole number from 8 on"),
    (lambda: networks.cnn6(width=None), "width is None"),
    (lambda: LocalNetwork(nn.Linear(2, 2), [nn.Linear(2, 2)]), "body is Linear.*; it is a list or a tuple"),
    (lambda: LocalNetwork([3], [nn.Linear(2, 2)]), "body and heads are lists of nn.Module; got 3"),
    (lambda: setattr(network(), "weights", [1, "x"]), r"weights are 2 numbers above 0, one a module; got \[1, 'x'\]"),
    (lambda: setattr(network(), "weights", 3), "weights are 2 numbers"),
    (lambda: setattr(network(), "precision", "bfloat16"), "precision is 'bfloat16'; it is None, torch.bfloat16"),
    (lambda: network().logits(torch.zeros(2, 3, 16, 16), 3), "heads is 3; it is a list"),
    (lambda: network().backward(None, None, losses=["a"]), "a loss is 'a'"),
    (lambda: measure.reach(network(), (torch.zeros(2, 3, 16, 16),)), r"a batch is \(x, y\).*shape \(2, 3, 16, 16\)"),
    (lambda: measure.alignment(network(), (torch.zeros(2, 3, 16, 16), torch.zeros(3))), "as many labels as examples"),
    (lambda: measure.module_times(network(), (torch.zeros(2, 3, 16, 16), torch.arange(2)), rounds=0), "rounds is 0"),
    (lambda: recalibrate(network(), None, batch=1), "batch is 1; it is a whole number from 2 on"),
    (lambda: Phase(1.5, (0,)), "epochs is 1.5"), (lambda: Phase(1, (0.5,)), "a loss is 0.5"),
    (lambda: Phase(1, (0,), frozen=-1), "frozen is -1"), (lambda: Phase(1, (0,), slowdown=(0,)), "a slowdown is 0"),
    (lambda: Asynchronous(3), "slowdown is 3; it is a list or a tuple"), (lambda: Asynchronous("a"), "slowdown is 'a'"),
    (lambda: ReplayBuffer(2, images="no"), "images is 'no'"), (lambda: VectorQuantizer(decay="a"), "decay is 'a'"),
    (lambda: timeline.simulate([[1]], 1.5), "batches is 1.5"),
])
def test_other_arguments_that_mean_nothing(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_numbers_of_numpy_and_torch_will_do(images, tmp_path):
    assert Recipe(lr=np.float32(0.5), batch=np.int64(24), augment=np.True_, warmup=torch.tensor(1.0)) == Recipe(
        lr=0.5, batch=24, augment=True, warmup=1.0)
    recipe = Recipe(curve="steps", drops=np.array([0.5, 0.75]), batch=np.uint8(24))
    assert recipe == Recipe(curve="steps", drops=(0.5, 0.75), batch=24)
    net = networks.resnet(np.int64(8), width=np.int32(4), classes=np.int64(4), shape=np.array([3, 16, 16])).cut(
        np.int64(2), "linear", reach.chunked(np.int64(2), np.int64(1)))
    train(net, images, np.int64(2), seed=np.int32(1), fast=np.False_, recipe=recipe, checkpoint=tmp_path / "a")
    plain = networks.resnet(8).cut(2, groups=np.int64(2), share=np.float64(0.5))
    assert plain.body[0].G == 2 and Slots(np.int64(2), reuse=np.int64(3)).reuse == 3
    assert VectorQuantizer(np.int64(8), np.int64(2)).width == 3 and Asynchronous(np.array([1, 2])).slowdown == (1, 2)
    assert len(timeline.asynchronous([(0,)], 2, np.int64(2))[0]) == 1
    assert timeline.simulate(reach.local(2), np.int64(2)) == timeline.simulate(reach.local(2), 2)
    assert measure.score(net, images, heads=np.array([1]))[0] is None


def test_the_advice_for_a_broken_loss_is_a_learning_rate(images):
    net = network()
    net.heads[1].register_forward_hook(lambda module, args, output: output * math.inf)
    with pytest.raises(RuntimeError, match=r"Recipe\(lr=2.5e\+299\)"):
        Run(net, images, 1, recipe=Recipe(batch=24, lr=1e300, warmup=0)).fit()
