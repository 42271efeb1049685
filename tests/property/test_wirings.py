"""Wirings: which cell reads what, and so which loss may train which cell."""

import numpy as np
import pytest
import torch

from llcourse import Recipe, cost, measure, networks, reach, train, wiring
from llcourse.routes import Forward
from llcourse.wiring import IMAGE, Wiring

from .guests import SKIP, OneBatchLate, batch


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


def test_messages_count_the_heads_that_read_other_modules():
    net = networks.sketch(wiring.groups(2, 2))
    size = 4 * 6  # six features in float32; each cell is read by both of the next depth, or by the final head
    assert cost.messages(net, (3, 4, 4)) == [(2 * size, 0)] * 2 + [(size, 0)] * 2


def test_only_what_is_read_runs():
    net = networks.sketch(wiring.chain(3))
    assert [s.cell for s in net.plan((1,)) if isinstance(s, Forward)] == [0, 1]
    net.borders = [None, OneBatchLate()]
    assert [s.cell for s in net.plan((2,)) if isinstance(s, Forward)] == [2]  # what it reads is in the border
