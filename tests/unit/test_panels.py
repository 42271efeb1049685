"""Panels, driven as a reader would drive them."""

import pytest
import torch

from llcourse import panels, reach


def test_a_panel_redraws_when_a_control_moves():
    panel = panels.reach()
    before = bytes(panel.image.value)
    assert before.startswith(b"\x89PNG") and "1 losses are computed; 0 of 3" in panel.text.value
    assert "4 losses are computed; 3 of 3" in panel.set(method="Greedy, DGL, InfoPro, ContSup")
    assert bytes(panel.image.value) != before
    assert "8 losses are computed; 7 of 7" in panel.set(K=8)


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


def test_cuts_leaves_the_last_module_its_classifier_alone():
    text = panels.cuts().set(K=1)
    assert "100.0 % of the network; heads add 0.0 %; borders after no block" in text


def test_cuts_draws_no_random_numbers():
    before = torch.random.get_rng_state()
    panels.cuts().set(K=7, head="mlp")
    assert torch.equal(torch.random.get_rng_state(), before)
