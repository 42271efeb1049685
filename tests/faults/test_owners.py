"""What is frozen stays as it was, and a run trains what its configuration says, or nothing."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from llcourse import LocalNetwork, Recipe, Run, networks, reach, train
from llcourse.borders import ReplayBuffer
from llcourse.schedules import Asynchronous

PLAIN = Recipe(batch=24, lr=0.05, augment=False)


def network(K=2, seed=0):
    torch.manual_seed(seed)
    return networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(K, "linear")


def perceptrons(**shared):
    """Three linear modules; shared: `module` or `head`, one layer where the first two would have their own."""
    torch.manual_seed(0)
    body, heads = [nn.Linear(768, 768), nn.Linear(768, 768), nn.Linear(768, 8)], [nn.Linear(768, 4), nn.Linear(768, 4)]
    for own, name in ((body, "module"), (heads, "head")):
        if name in shared:
            own[1] = own[0]
    return LocalNetwork([nn.Sequential(nn.Flatten(), body[0]), *body[1:]], [*heads, nn.Linear(8, 4)])


@pytest.mark.parametrize("shared, words", [
    ({"module": True}, "module 2 shares a parameter with module 1"), ({"head": True}, "head 2 shares .* with head 1")])
def test_what_stands_still_shares_nothing_with_what_moves(images, shared, words):
    with pytest.raises(ValueError, match=words):
        train(perceptrons(**shared), images, 1, schedule="sequential", recipe=PLAIN)
    net = perceptrons(**shared)
    net.borders = [ReplayBuffer(2), ReplayBuffer(2)]
    with pytest.raises(ValueError, match=words):  # in turns one stands still too
        train(net, images, 1, schedule=Asynchronous(), recipe=PLAIN)
    train(perceptrons(**shared), images, 1, recipe=PLAIN)  # together they may move
    net = perceptrons(**shared)
    net.body.requires_grad_(False)
    net.heads[0].requires_grad_(False)
    net.body[2].requires_grad_(True)
    train(net, images, 1, schedule="last only", recipe=PLAIN)  # what never moves may be shared


@pytest.mark.parametrize("schedule", ["synchronous", "sequential", "last only"])
def test_what_its_owner_froze_stays_frozen(images, schedule):
    net = network(3)
    asleep = net.body[0], net.body[1][0].residual[1]
    for part in asleep:
        part.requires_grad_(False).eval()
    before = [deepcopy(part.state_dict()) for part in asleep]
    net.heads[2].eval()  # not frozen, only looked at
    run = Run(net, images, 2, schedule=schedule, recipe=PLAIN)
    for _ in range(2):
        run.fit()
        assert not any(module.training for part in asleep for module in part.modules())
        assert net.heads[2].training and net.body[1].training
        for part, state in zip(asleep, before):
            assert all(torch.equal(tensor, state[name]) for name, tensor in part.state_dict().items())


def test_runs_on_one_network_do_not_mix(images):
    first = Run(net := network(), images, 2, recipe=PLAIN)
    second = Run(net, images, 1, recipe=PLAIN)
    second.fit()
    with pytest.raises(ValueError, match="other values in body.0.0.0.weight.*finish before another trains"):
        first.fit()
    assert second.fit().rows and first.history.rows == []


def test_a_second_run_of_another_precision_stops_the_first(images):
    first = Run(net := network(), images, 1, recipe=PLAIN)
    Run(net, images, 1, recipe=Recipe(batch=24, precision="bfloat16"))
    with pytest.raises(ValueError, match="precision: None there, torch.bfloat16 here"):
        first.fit()


@pytest.mark.parametrize("change, words", [
    (lambda net: setattr(net, "reach", reach.backprop(2)), "reach: "),
    (lambda net: setattr(net, "precision", torch.bfloat16), "precision: "),
    (lambda net: net.heads.__setitem__(0, deepcopy(net.heads[0])), "another module"),
])
@pytest.mark.parametrize("when", ["before", "between epochs"])
def test_what_is_declared_later_is_refused(images, change, words, when):
    def watch(net, images):
        change(net)
        return 0

    run = Run(net := network(), images, 2, recipe=PLAIN, watch={"changes": watch} if when != "before" else None)
    if when == "before":
        change(net)
    with pytest.raises(ValueError, match=words):
        run.fit()


def test_weights_that_somebody_else_sets_between_two_fits_are_noticed(images):
    run = Run(net := network(), images, 1, recipe=PLAIN)
    net.body[0][0][0].weight.data[0] += 1
    with pytest.raises(ValueError, match="other values in body.0.0.0.weight"):
        run.fit()
