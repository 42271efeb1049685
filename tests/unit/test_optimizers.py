"""Optimizers: the papers' steps in float64, a group a cell, state that is made before the first step."""

import pytest
import torch
from torch import nn

from llcourse import LocalNetwork, Recipe, networks, optimizers, reach, wiring
from llcourse.steps import EagerStep


def problem():
    torch.manual_seed(0)
    net = networks.sketch(wiring.chain(2), classes=3).double()
    batches = [(torch.randn(6, 3, 4, 4).double(), torch.randint(3, (6,))) for _ in range(6)]
    return net, batches


def gradients(net, x, y):
    net.zero_grad()
    net.backward(x, y)
    return [p.grad.clone() for p in net.parameters()]


def by_hand_sgd(p, g, memory, n, lr, recipe):
    """Nesterov's momentum as Sutskever et al. (2013) and PyTorch write it, weight decay in the gradient."""
    g = g + recipe.weight_decay * p
    memory["v"] = recipe.momentum * memory.get("v", 0) + g
    return p - lr * (g + recipe.momentum * memory["v"] if recipe.nesterov else memory["v"])


def by_hand_adamw(p, g, memory, n, lr, recipe):
    """Loshchilov and Hutter (2019), algorithm 2."""
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g * g
    m, v = memory["m"] / (1 - 0.9**n), memory["v"] / (1 - 0.999**n)
    return p - lr * recipe.weight_decay * p - lr * m / (v.sqrt() + 1e-8)


@pytest.mark.parametrize("recipe, by_hand", [
    (Recipe(weight_decay=0.01), by_hand_sgd), (Recipe(weight_decay=0.01, nesterov=False), by_hand_sgd),
    (Recipe(momentum=0.0), by_hand_sgd), (Recipe(optimizer="adamw", weight_decay=0.1), by_hand_adamw),
], ids=["nesterov", "momentum", "plain", "adamw"])
def test_steps_are_those_of_the_papers(recipe, by_hand):
    (net, batches), (other, _) = problem(), problem()
    step, memories, lrs = EagerStep(net, recipe), [{} for _ in other.parameters()], [0.03, 0.05]
    cell = [0 if name.split(".")[1] == "0" else 1 for name, _ in other.named_parameters()]
    for n, (x, y) in enumerate(batches, 1):
        step(x, y, lrs, net.losses)
        found = gradients(other, x, y)
        with torch.no_grad():
            for p, g, memory, j in zip(other.parameters(), found, memories, cell):
                p.copy_(by_hand(p, g, memory, n, lrs[j], recipe))
    assert all(torch.allclose(p, q, rtol=0, atol=1e-12) for p, q in zip(net.parameters(), other.parameters()))


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_all_state_is_there_before_the_first_step_and_stays_where_it_is(optimizer):
    net, batches = problem()
    step = EagerStep(net, Recipe(optimizer=optimizer))
    before = {name: tensor.data_ptr() for name, tensor in step.state().items()}
    for x, y in batches:
        step(x, y, [0.1, 0.1], net.losses)
    assert before and {name: tensor.data_ptr() for name, tensor in step.state().items()} == before
    assert all(tensor.any() for tensor in step.state().values())


def test_a_cell_is_a_group_and_a_shared_head_is_in_one():
    body, head = [nn.Linear(4, 4), nn.Linear(4, 4)], nn.Linear(4, 2)
    net = LocalNetwork(body, [head, head], reach.local(2))
    groups = optimizers.make(net.cells, Recipe(), torch.device("cpu")).param_groups
    assert [len(group["params"]) for group in groups] == [4, 2]
    assert {id(p) for group in groups for p in group["params"]} == {id(p) for p in net.parameters()}


def test_an_unknown_optimizer_is_named():
    with pytest.raises(ValueError, match="'lion'; it is one of sgd, adamw"):
        Recipe(optimizer="lion")
