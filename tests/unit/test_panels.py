"""Panels, driven as a reader would drive them."""

import pytest
import torch

from llcourse import heads, panels, reach


def test_a_panel_redraws_when_a_control_moves():
    panel = panels.reach()
    before = bytes(panel.image.value)
    assert before.startswith(b"\x89PNG") and "losses computed: 1; borders detached: 0 of 3" in panel.text.value
    assert "losses computed: 4; borders detached: 3 of 3" in panel.set(method="Greedy, DGL, InfoPro, ContSup")
    assert bytes(panel.image.value) != before
    assert "losses computed: 8; borders detached: 7 of 7" in panel.set(K=8)


@pytest.mark.parametrize("method", reach.METHODS)
def test_every_method_can_be_drawn(method):
    panel = panels.reach()
    for K in (1, 8):
        panel.set(method=method, K=K)


def test_the_stored_text_is_short_and_stable():
    assert repr(panels.reach()) == "Panel(method='Backprop', K=4)"


def test_a_strip_shows_several_settings():
    figure = panels.reach().strip({"K": 2}, {"K": 4}, {"K": 8})
    assert [ax.get_title() for ax in figure.axes] == ["K = 2", "K = 4", "K = 8"]


def test_cuts_shows_the_largest_worker_and_what_the_heads_cost():
    panel = panels.cuts()
    assert "largest worker 20.19 MMAC, 29.2 %" in panel.text.value and "borders after 1.2, 2.1, 3.0" in panel.text.value
    before = bytes(panel.image.value)
    assert "largest worker 7.09 MMAC, 10.3 %" in panel.set(K=16) and "heads add 32.6 %" in panel.text.value
    assert bytes(panel.image.value) != before
    assert "largest worker 4.72 MMAC, 6.8 %" in panel.set(head="linear")


def test_one_module_is_the_whole_network_without_a_border():
    text = panels.cuts().set(K=1)
    assert "100.0 % of the network; heads add 0.0 %; borders after no block" in text


def test_cuts_draws_no_random_numbers():
    before = torch.random.get_rng_state()
    panels.cuts().set(K=7, head="mlp")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_timeline_says_how_often_and_how_busy():
    panel = panels.timeline()
    before = bytes(panel.image.value)
    assert "every 12 units of time; the workers are busy 25 %" in panel.text.value
    assert "every 24 units of time; the workers are busy 12.5 %" in panel.set(K=8)
    assert "every 6 units of time; the workers are busy 50 %" in panel.set(method="Chunked, 2 modules")
    assert "every 3 units of time; the workers are busy 100 %" in panel.set(method="Greedy, DGL, InfoPro, ContSup")
    assert bytes(panel.image.value) != before


def test_the_timeline_has_every_method():
    for method in reach.METHODS:
        for K in (1, 8):
            assert "batch every" in panels.timeline().set(method=method, K=K)


def test_the_head_panel_counts_what_the_head_is_made_of():
    panel = panels.heads()
    assert "mlp on 32 x 16 x 16: 50,432 MACs, 51,210 parameters" in panel.text.value
    panel.set(head="cnn", C=16, size=32)
    assert "one residual block there: 4,718,592 MACs, 4,672 parameters" in panel.text.value
    assert "12,615,690 parameters" in panel.set(head="mlp", C=512, size=8)  # 48 C^2 and the small rest
    drawn = bytes(panel.image.value)
    panel.set(head="linear")
    assert bytes(panel.image.value) != drawn


@pytest.mark.parametrize("head", heads.HEADS)
def test_every_head_can_be_drawn_at_every_size(head):
    panel = panels.heads()
    for size in (4, 32):
        assert f"{head} on 512 x {size} x {size}" in panel.set(head=head, C=512, size=size)
