"""Chapter 02's panel: what a head costs beside one residual block on the same features."""

from functools import cache

import ipywidgets as widgets
import torch

from .. import cost, networks, plots
from .. import heads as kinds
from .panel import Panel, Picture


def heads():
    """A Panel with the controls `head` (a name in heads.HEADS), `C` (channels) and `size` (resolution)."""
    return Panel(_draw, _say, Picture(6.5, 2.4, share="xy"),
                 head=widgets.Dropdown(options=list(kinds.HEADS), value="mlp"),
                 C=widgets.SelectionSlider(options=[16, 32, 64, 128, 256, 512], value=32),
                 size=widgets.SelectionSlider(options=[4, 8, 16, 32], value=16))


@cache
def _counts(head, C, size):
    """What a head costs, and a residual block on the same features."""
    shape = (C, size, size)
    with torch.device("meta"):  # shapes alone matter
        return (cost.count(kinds.make(head, shape, classes=10), shape),
                cost.count(networks.ResidualBlock(C, C, stride=1), shape))


def _draw(axes, head, C, size):
    of_head, block = _counts(head, C, size)
    plots.draw_bars(axes, {"residual block": 100, "head, MACs": 100 * of_head.macs / block.macs,
                           "head, parameters": 100 * of_head.parameters / block.parameters})
    plots.named(axes, "% of one residual block")


def _say(head, C, size):
    of_head, block = _counts(head, C, size)
    return (f"{head} on {C} x {size} x {size}: {of_head.macs:,} MACs, {of_head.parameters:,} parameters "
            f"(a residual block: {block.macs:,} and {block.parameters:,})")
