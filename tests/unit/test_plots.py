"""What figures say about the images behind them."""

import numpy as np
import pytest
import torch

from llcourse import History, networks, plots, reach, wiring

ROWS = [{"accuracy": [50.0, 60.0]}, {"accuracy": [55.0, 65.0]}]


def stamped(figure):
    return any("STAND-IN" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("draw", [plots.curves, plots.by_module])
def test_a_figure_of_runs_on_the_standin_says_so(draw):
    recorded, generated = History(ROWS), History(ROWS, standin=True)
    assert not stamped(draw({"recorded": recorded})) and stamped(draw({"recorded": recorded, "here": generated}))


def test_points_say_so_while_the_standin_is_what_was_loaded_last(monkeypatch):
    for standin in (True, False):
        monkeypatch.setattr("llcourse.data.sources._standin_loaded", standin)
        assert stamped(plots.tradeoff({"DGL": (1.0, 2.0), "Backprop": (3.0, 4.0)}, "cost")) is standin


BATCH = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 4


@pytest.mark.parametrize("R", [reach.local(3), reach.interlocking(3, 2), reach.deep_supervision(3)], ids=str)
def test_gradients_are_shaded_where_they_arrive_and_white_elsewhere(R):
    torch.manual_seed(0)
    net = networks.sketch(wiring.chain(3), classes=4)
    net.reach = R
    figure = plots.gradients(net, BATCH)
    (mesh,) = figure.axes[0].collections
    drawn = np.ma.masked_invalid(mesh.get_array()).reshape(3, -1)
    parts = [name for j in (1, 2, 3) for name in (f"module {j}", f"head {j}")]  # in depth order, two tensors each
    assert [text.get_text() for text in figure.axes[0].texts] == parts and drawn.shape == (3, 12)
    expected = np.zeros((3, 6), int)
    expected[:, ::2], expected[:, 1::2] = R, np.diag(R.any(axis=1).astype(int))
    assert np.array_equal(~drawn.mask, expected.repeat(2, axis=1).astype(bool))
    for i in net.losses:  # each as training computes it
        net.zero_grad()
        net.backward(*BATCH, losses=(i,))
        norms = [0 if p.grad is None else p.grad.norm() for name in parts for p in net.parts()[name].parameters()]
        assert np.allclose(drawn.filled(0)[i], norms, rtol=1e-4)


def test_a_gradient_that_arrives_but_is_zero_is_not_white():
    net = networks.sketch(wiring.chain(2), classes=4)
    for head in net.heads:
        torch.nn.init.zeros_(head.linear.weight)
    drawn = plots.gradients(net, BATCH).axes[0].collections[0].get_array().reshape(2, 8)
    assert not drawn.mask[0, :2].any() and drawn.mask[0, 4:].all()


def test_gradients_by_slice_have_a_column_a_slice():
    net = networks.resnet(8, width=4, shape=(3, 8, 8), classes=4).cut(2)
    weight = net.body[0][0][0].weight
    figure = plots.gradients(net, BATCH, parts={"group 1": [(weight, slice(0, 2))], "group 2": [(weight, slice(2, 4))]})
    assert [text.get_text() for text in figure.axes[0].texts] == ["group 1", "group 2"]
    drawn = figure.axes[0].collections[0].get_array().reshape(2, 2)
    assert (drawn[0] > 0).all() and drawn.mask[1].all()


def test_chains_cut_each_border_that_no_gradient_crosses_and_none_behind_the_last_module():
    figure = plots.chains({"chunked": reach.chunked(4, 2), "local": reach.local(4), "backprop": reach.backprop(4)})
    dashed = [[line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] for axes in figure.axes]
    assert dashed == [[2], [1, 2, 3], []]
